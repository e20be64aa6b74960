"""Measurements as text for people, as one Markdown table, and as JSON."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..evaluation.intervals import Interval
from ..evaluation.measuring import Measurement
from ..evaluation.retrieval import FIGURES
from ..evaluation.verification import VerificationResult
from .markdown import markdown_table

Record = dict[str, Any]

_CURVE_POINTS = 101


def measurement_text(measured: Measurement) -> str:
    """One model's tables, and how it differs from the first model."""
    parts = [f"{measured.model} on {measured.retrieval}"]
    if measured.first is not None:
        parts.append(_differences_text(measured))
    return "\n\n".join([*parts, *map(str, measured.verification)])


def summary_table(measurements: Sequence[Measurement]) -> str:
    """Markdown: a line a model and trial; 95 % intervals in brackets, differences in percent."""
    compared = any(measured.first for measured in measurements)
    convention = measurements[0].retrieval.splits[0].ap_convention
    mean_ap = "mAP" if convention == "sum" else f"mAP ({convention})"
    headers = ["protocol", "model", "rank-1", mean_ap, "mINP", "queries x gallery"]
    reranked = any(measured.retrieval.reranking for measured in measurements)
    whose = "the first model's" + (", or its own without re-ranking" if reranked else "")
    headers += [f"rank-1 less {whose}", f"mAP less {whose}"] if compared else []
    return markdown_table(headers, [_summary_row(one, compared) for one in measurements])


def measurement_record(measured: Measurement) -> Record:
    """One model on one trial: ``reid-gallery/evaluate/1``."""
    retrieval = measured.retrieval
    record: Record = {
        "schema": "reid-gallery/evaluate/1",
        "protocol": measured.trial.name,
        "model": measured.embedded.model,
        "sha256": measured.embedded.sha256,
        "seed": measured.trial.seed,
        "ap_convention": retrieval.splits[0].ap_convention,
        "reranking": None
        if retrieval.reranking is None
        else {name: getattr(retrieval.reranking, name) for name in ("k1", "k2", "cosine_weight")},
        "splits": len(retrieval.splits),
        "valid_queries": [split.valid_queries for split in retrieval.splits],
        "skipped_queries": [split.skipped_queries for split in retrieval.splits],
        "gallery_size": [split.gallery_size for split in retrieval.splits],
        "figures": _figures(retrieval.figures(), measured.intervals),
    }
    if measured.first is not None:
        record["compared_with"] = measured.first.model
        record["differences"] = {
            name: {
                "value": found.value,
                "low": json_number(found.low),
                "high": json_number(found.high),
            }
            for name, found in measured.differences.items()
        }
    if measured.verification:
        record["verification"] = [_verification_record(one) for one in measured.verification]
    return record


def _verification_record(result: VerificationResult) -> Record:
    curve = result.roc()
    places = np.unique(np.linspace(0, len(curve.far) - 1, _CURVE_POINTS).round().astype(int))
    return {
        "pairs": result.name,
        "positives": result.positives,
        "negatives": result.negatives,
        "thresholds": list(result.thresholds),
        "figures": _figures(result.figures(), result.intervals()),
        "roc": {
            "threshold": curve.thresholds[places].tolist(),
            "far": curve.far[places].tolist(),
            "tar": curve.tar[places].tolist(),
        },
    }


def _figures(figures: dict[str, float], intervals: dict[str, Interval]) -> Record:
    return {
        name: {
            "value": json_number(value),
            "low": json_number(intervals[name].low),
            "high": json_number(intervals[name].high),
        }
        for name, value in figures.items()
    }


def json_number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None


def brackets(low: float, high: float, sign: str = "") -> str:
    """An interval in percent, to stand behind its figure; nothing where both ends are NaN.

    Args:
        low: its lower end.
        high: its upper end.
        sign: ``+`` to show signs of either kind.
    """
    return "" if math.isnan(low) else f" [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


def _differences_text(measured: Measurement) -> str:
    rows = [
        f"  {FIGURES[name]:<24}{100 * found.value:+6.1f} {brackets(found.low, found.high, '+')}"
        f"{'' if found.sure else '  not told apart'}"
        for name, found in measured.differences.items()
    ]
    assert measured.first is not None  # noqa: S101 (the caller has asked)
    title = f"{measured.model} less {measured.first.model}, in percentage points, same queries:"
    return "\n".join([title, *rows])


def _summary_row(measured: Measurement, compared: bool) -> list[str]:
    figures, first = measured.retrieval.figures(), measured.retrieval.splits[0]

    def cell(name: str) -> str:
        return f"{100 * figures[name]:.1f}{brackets(*measured.intervals[name])}"

    def difference(name: str) -> str:
        if measured.first is None:
            return ""
        value, low, high = measured.differences[name]
        return f"{100 * value:+.1f}{brackets(low, high, '+')}"

    row = [measured.trial.name, measured.model, cell("cmc_1"), cell("map"), cell("minp")]
    row.append(f"{first.valid_queries:,} x {first.gallery_size:,}")
    return row + ([difference("cmc_1"), difference("map")] if compared else [])

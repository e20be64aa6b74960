"""The report's plots: CMC, ROC, DET and the distributions of scores; they need matplotlib.

Colours are Okabe and Ito's, told apart by all kinds of colour vision; dashes say the same again.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from ..errors import ReportError
from ..evaluation.measuring import Measurement
from ..evaluation.verification import VerificationResult
from .palette import COLOURS, GRID, INK

_DASHES = ("solid", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), "solid", (0, (3, 3)))

_RANKS = np.arange(1, 51)
_DET_TICKS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4)
_MOST_BINS = 60

Draw = Callable[[Any, Sequence[Measurement]], None]


def check_matplotlib() -> None:
    """Say before the work is done if there is nothing to plot with.

    Raises:
        ReportError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: PLC0415 (heavy, and only reports need it)
    except ImportError as error:
        raise ReportError(
            "a report's plots need matplotlib: pip install 'reid-gallery[train]'"
        ) from error
    del matplotlib


def draw_plots(folder: Path, prefix: str, measured: Sequence[Measurement]) -> dict[str, str]:
    """Draw one trial's plots, all models in each.

    Args:
        folder: where the PNG files go.
        prefix: of their names.
        measured: models on one trial, verified; one that is re-ranked stands in CMC alone.

    Returns:
        File names by plot: ``cmc``, ``scores``, ``det``, ``roc``.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 (see above)

    drawn = {}
    plots: dict[str, Draw] = {"cmc": _cmc, "det": _det, "roc": _roc}
    for name, draw in plots.items():
        figure = Figure(figsize=(6, 4.4), dpi=120, layout="constrained")
        axes = figure.add_subplot()
        draw(axes, measured)
        _finish(axes)
        if axes.get_legend_handles_labels()[0]:  # matplotlib warns of a legend of nothing
            axes.legend(frameon=False)
        drawn[name] = f"{prefix}-{name}.png"
        figure.savefig(folder / drawn[name])
    verified = [one for _, one in _verified(measured)]
    figure = Figure(figsize=(6, 0.9 + 2.6 * len(verified)), dpi=120, layout="constrained")
    grid = figure.subplots(len(verified), 1, squeeze=False)
    for axes, one in zip(grid[:, 0], verified, strict=True):
        _scores(axes, one)
        _finish(axes)
    drawn["scores"] = f"{prefix}-scores.png"
    figure.savefig(folder / drawn["scores"])
    return drawn


def _cmc(axes: Any, measured: Sequence[Measurement]) -> None:
    for number, one in enumerate(measured):
        splits = one.retrieval.splits
        hits = [(split.first_rank[:, None] <= _RANKS).mean(axis=0) for split in splits]
        axes.plot(_RANKS, 100 * np.mean(hits, axis=0), **_line(number, one.model))
    axes.set(
        title="CMC: the person is among the best r pictures",
        xlabel="rank r",
        ylabel="% of queries",
        xlim=(1, _RANKS[-1]),
        ylim=(None, 100.5),
        xticks=[1, 5, *range(10, _RANKS[-1] + 1, 10)],
    )


def _det(axes: Any, measured: Sequence[Measurement]) -> None:
    ticks = [_probit(value) for value in _DET_TICKS]
    low, high = _probit(0.0005), _probit(0.55)
    axes.plot([low, high], [low, high], color=GRID, linewidth=1)
    for number, one in _verified(measured):
        curve = _cross_view(one).roc()
        points = [
            (_probit(far), _probit(1 - tar))
            for far, tar in zip(curve.far, curve.tar, strict=True)
            if 0 < far < 1 and 0 < tar < 1
        ]
        axes.plot(*zip(*points, strict=True), **_line(number, one.model)) if points else None
    if not axes.get_legend_handles_labels()[0]:
        middle = {"transform": axes.transAxes, "ha": "center", "va": "center"}
        axes.text(0.5, 0.5, "no errors to draw", color=INK, **middle)
    labels = [f"{100 * value:g}" for value in _DET_TICKS]
    axes.set(
        title="DET: the two errors of a threshold (lower left is better)",
        xlabel="two people taken for one, % (FAR)",
        ylabel="one person taken for two, % (FRR)",
        xlim=(low, high),
        ylim=(low, high),
    )
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)


def _roc(axes: Any, measured: Sequence[Measurement]) -> None:
    for number, one in _verified(measured):
        curve = _cross_view(one).roc()
        axes.plot(curve.far, 100 * curve.tar, drawstyle="steps-post", **_line(number, one.model))
    fewest = min(1 / _cross_view(one).negatives for _, one in _verified(measured))
    axes.set_xscale("log")
    axes.set(
        title="ROC: found at a given share of false alarms",
        xlabel="share of pairs of two people accepted (FAR)",
        ylabel="% of pairs of one person accepted (TAR)",
        xlim=(fewest, 1),
        ylim=(0, 100.5),
    )


def _scores(axes: Any, one: Measurement) -> None:
    result = _cross_view(one)
    span = float(result.scores.min()), float(result.scores.max())
    bins = min(_MOST_BINS, max(10, math.isqrt(result.positives)))
    for number, (same, name) in enumerate(((True, "one person"), (False, "two people"))):
        some = result.scores[result.same == same]
        common = {"bins": bins, "range": span, "density": True, "color": COLOURS[number]}
        axes.hist(some, alpha=0.3, **common)
        axes.hist(some, histtype="step", linestyle=_DASHES[number], label=name, **common)
    for threshold in result.thresholds:
        axes.axvline(threshold, color=INK, linewidth=0.8, linestyle="dotted")
    axes.set(
        title=f"Scores of cross-view pairs: {one.model}\n(dotted: the thresholds)",
        xlabel="score (cosine)",
        ylabel="density",
    )
    axes.legend(frameon=False)


def _verified(measured: Sequence[Measurement]) -> list[tuple[int, Measurement]]:
    """Those with pairs, and their numbers, by which a model has the same line everywhere."""
    return [(number, one) for number, one in enumerate(measured) if one.verification]


def _cross_view(one: Measurement) -> VerificationResult:
    return next(result for result in one.verification if result.name == "cross-view")


def _line(number: int, label: str) -> dict[str, Any]:
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": _DASHES[number % len(_DASHES)],
        "linewidth": 1.8,
        "label": label,
    }


def _finish(axes: Any) -> None:
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.title.set_fontsize(11)


def _probit(share: float) -> float:
    return NormalDist().inv_cdf(share)

"""Draws what ``growth.py`` measured, with the line through it out to 100 million sightings."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from reid_gallery.gallery.reports.palette import COLOURS

OURS, FLOOR, THIRD, *_ = COLOURS
"""Markers differ as well."""

REACH = np.array([1e3, 1e4, 1e5, 1e6, 1e7, 1e8])

PANELS: tuple[tuple[str, str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "One query, processor time",
        "ms",
        (
            ("query_floor_ms", "IndexFlatIP", FLOOR, "s"),
            ("query_ms", "two-stage, whole query", OURS, "o"),
        ),
    ),
    (
        "Rebuild, processor time",
        "s",
        (
            ("rebuild_floor_s", "read all, IndexFlatIP", FLOOR, "s"),
            ("rebuild_s", "rebuild", OURS, "o"),
        ),
    ),
    (
        "Adding one more thousand, processor time",
        "s",
        (
            ("add_floor_k", "one table, IndexFlatIP", FLOOR, "s"),
            ("add_k", "by API", OURS, "o"),
        ),
    ),
    (
        "Opening, processor time",
        "ms",
        (("open_ms", "open", OURS, "o"),),
    ),
    (
        "Memory of a process",
        "MB",
        (
            ("floor_mb", "IndexFlatIP", FLOOR, "s"),
            ("query_mb", "asking, with what is mapped", OURS, "o"),
            ("query_own_mb", "asking, its own", THIRD, "^"),
        ),
    ),
    (
        "On disk",
        "MB",
        (
            ("vectors_mb", "the vectors alone", FLOOR, "s"),
            ("disk_mb", "database and index", OURS, "o"),
        ),
    ),
)


def line_through(sizes: Any, values: Any) -> tuple[float, float]:
    """Fixed and per-sighting cost, neither negative; relative errors count, so small sizes do too.

    Every part of the work is either the same for all sizes or done for each sighting.
    """
    weights = 1 / np.maximum(values, 1e-9)
    parts = np.stack([np.ones_like(sizes), sizes], axis=1) * weights[:, None]
    fixed, each = np.linalg.lstsq(parts, np.ones(len(sizes)), rcond=None)[0]
    if fixed < 0:
        return 0.0, float(np.sum(parts[:, 1]) / np.sum(parts[:, 1] ** 2))
    if each < 0:
        return float(np.sum(parts[:, 0]) / np.sum(parts[:, 0] ** 2)), 0.0
    return float(fixed), float(each)


def complete(line: dict[str, Any]) -> dict[str, Any]:
    """With what follows from the rest."""
    size = line["size"]
    return line | {
        "add_k": 1000 * line["add_s"] / line["added"],
        "add_floor_k": 1000 * line["add_floor_s"] / line["added"],
        "vectors_mb": 4 * line["dim"] * size / 1e6,
        "disk_mb": (line["index_bytes"] + line["database_bytes"]) * size / 1e6,
    }


def plot(lines: list[dict[str, Any]], path: Path) -> None:
    """Write the picture; print each curve's fit at every size of `REACH`."""
    done = [complete(line) for line in lines]
    sizes = np.array([line["size"] for line in done], float)
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.4), layout="constrained")
    for axis, (title, unit, curves) in zip(axes.flat, PANELS, strict=True):
        for key, label, colour, marker in curves:
            values = np.array([line[key] for line in done], float)
            alike = key.startswith("add")  # a thousand rows cost the same whatever is there
            fixed, each = (np.median(values), 0.0) if alike else line_through(sizes, values)
            fitted = fixed + each * REACH
            axis.plot(sizes, values, marker, color=colour, label=label, markersize=7)
            axis.plot(REACH, fitted, "--", color=colour, linewidth=1)
            print(f"{title}: {label}:", *(f"{value:.4g}" for value in fitted), unit)
        axis.set(xscale="log", yscale="log", title=title, xlabel="sightings", ylabel=unit)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=9)
    figure.suptitle("Marks: measured. Dashed: fixed cost + cost of each sighting, fitted", size=11)
    figure.savefig(path, dpi=110)

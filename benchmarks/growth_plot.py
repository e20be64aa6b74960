"""Draws what ``growth.py`` measured, and on from it a line to 100 million sightings."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from reid_gallery.gallery.reports.palette import COLOURS

OURS, FLOOR, THIRD, FOURTH, *_ = COLOURS
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
        "Adding them all, processor time",
        "s",
        (
            ("add_all_floor_s", "one table, IndexFlatIP", FLOOR, "s"),
            ("add_all_s", "by API", OURS, "o"),
        ),
    ),
    (
        "Opening, processor time",
        "ms",
        (("open_ms", "open", OURS, "o"),),
    ),
    (
        "Memory of a process that asks",
        "MB",
        (
            ("floor_mb", "IndexFlatIP", FLOOR, "s"),
            ("query_mb", "asking, with what is mapped", OURS, "o"),
            ("query_own_mb", "asking, its own", THIRD, "^"),
        ),
    ),
    (
        "Memory of its own, beyond an empty process",
        "MB",
        (
            ("certified_own_mb", "rebuild, certified", FLOOR, "s"),
            ("rebuild_own_mb", "rebuild, two-stage", OURS, "o"),
            ("add_own_mb", "adding, and closing", THIRD, "^"),
            ("open_own_mb", "opening", FOURTH, "v"),
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
    """Fixed and per-sighting cost, neither negative, of the two largest sizes.

    Every part of the work is either the same for all sizes or done for each sighting. A line fitted
    to all sizes would miss the largest, from which the way on goes.
    """
    (small, large), (less, more) = sizes[-2:], values[-2:]
    each = max(0.0, float(more - less) / float(large - small))
    fixed = float(more) - each * float(large)
    return (fixed, each) if fixed >= 0 else (0.0, float(more) / float(large))


def complete(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With what follows from the rest, adding as it is from the beginning."""
    done, before = [], 0
    added = {"add_s": 0.0, "add_floor_s": 0.0}
    for line in lines:
        size = line["size"]
        for key in added:
            added[key] += (size - before) * line[key] / line["added"]
        before = size
        done.append(
            line
            | {
                "add_all_s": added["add_s"],
                "add_all_floor_s": added["add_floor_s"],
                "vectors_mb": 4 * line["dim"] * size / 1e6,
                "disk_mb": (line["index_bytes"] + line["database_bytes"]) * size / 1e6,
            }
        )
    return done


def plot(lines: list[dict[str, Any]], path: Path) -> None:
    """Write the picture; print each curve's line at every size of `REACH`."""
    done = complete(lines)
    sizes = np.array([line["size"] for line in done], float)
    figure, axes = plt.subplots(2, 4, figsize=(17, 7.4), layout="constrained")
    for axis, (title, unit, curves) in zip(axes.flat, PANELS, strict=False):
        for key, label, colour, marker in curves:
            values = np.array([line.get(key, np.nan) for line in done], float)
            axis.plot(sizes, values, marker, color=colour, label=label, markersize=7)
            there = ~np.isnan(values)
            if there.sum() < 2:
                continue
            fixed, each = line_through(sizes[there], values[there])
            reached = fixed + each * REACH
            axis.plot(REACH, reached, "--", color=colour, linewidth=1)
            print(f"{title}: {label}:", *(f"{value:.4g}" for value in reached), unit)
        axis.set(xscale="log", yscale="log", title=title, xlabel="sightings", ylabel=unit)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=9)
    for axis in axes.flat[len(PANELS) :]:
        axis.remove()
    title = "Marks: measured. Dashed: fixed cost + cost of each sighting, by the two largest sizes"
    figure.suptitle(title, size=11)
    figure.savefig(path, dpi=110)

"""Accuracy against time: a panel a data set, told apart without colour."""

import math
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from reid_gallery.gallery.evaluation.measuring import Measurement
from reid_gallery.gallery.reports.palette import COLOURS

BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, BLACK = COLOURS

_MARKS = tuple(zip("os^DvPX", (BLUE, ORANGE, GREEN, PURPLE, BLACK, YELLOW, SKY), strict=True))
STYLES = tuple((*mark, fill) for fill in ("none", "full", "left") for mark in _MARKS)


def draw_scatter(
    path: Path, ms: Sequence[float], measured: Sequence[Sequence[Measurement]]
) -> None:
    """Draw rank-1 with its 95 % interval over milliseconds a picture, a panel a data set.

    Args:
        path: of the picture.
        ms: of each side.
        measured: for each data set, of each side.
    """
    mpl.use("Agg")
    plt.rcParams.update({"font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    alone = len(measured) == 1  # then there is room for the names beside it
    width = 7.5 if alone else 1.0 + 3.0 * len(measured)
    figure, found = plt.subplots(
        1, len(measured), figsize=(width, 3.8), squeeze=False, layout="constrained"
    )
    for axes, by_side in zip(found[0], measured, strict=True):
        _draw_panel(axes, ms, by_side)
    found[0][0].set_ylabel("rank-1, %")
    figure.legend(
        *found[0][0].get_legend_handles_labels(),
        fontsize=7,
        loc="outside right upper" if alone else "outside lower center",
        ncols=1 if alone else len(measured),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _draw_panel(axes: Any, ms: Sequence[float], by_side: Sequence[Measurement]) -> None:
    for x, one, (marker, colour, fill) in zip(ms, by_side, cycle(STYLES), strict=False):
        low, high = (100 * end for end in one.intervals["cmc_1"])
        axes.vlines(x, low, high, color=colour)
        value = 100 * one.retrieval.figures()["cmc_1"]
        axes.plot(x, value, marker, color=colour, fillstyle=fill, mew=1.6, label=one.model)
    axes.set(title=by_side[0].trial.name, xlabel="ms a picture, one at a time", xscale="log")
    lowest = min(one.intervals["cmc_1"].low for one in by_side)
    axes.set_ylim(10 * math.floor(10 * lowest), 100)
    ticks = _ticks(ms)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def _ticks(values: Sequence[float]) -> list[float]:
    """1, 2, 5, 10, ... around the values, which are the limits of the axis too."""
    steps = [digit * 10.0**power for power in range(-2, 5) for digit in (1, 2, 5)]
    return [step for step in steps if min(values) / 2.5 <= step <= max(values) * 2.5]

"""The report's plots: pictures a person, cameras, crop sizes, near-duplicates."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...gallery.pictures.labelled import LabelledPicture
from ...gallery.reports.palette import COLOURS, INK
from ..reports.curves import style
from .counts import Balance
from .duplicates import NEAR_BITS, NearPairs

_BLUE, _ORANGE, _GREEN = COLOURS[:3]
_PALE = "#c9ced6"
_CAMERAS = 30

Pixels = npt.NDArray[np.float64]


def draw_people(balance: Balance, path: Path) -> None:
    """Draw how many pictures each person to train on has, before and after balancing."""
    figure = Figure(figsize=(9, 6.4), dpi=110, layout="constrained")
    before, after = figure.subplots(2)
    people = sorted(balance.before, key=lambda pid: -balance.before[pid])
    counts = np.array([balance.before[pid] for pid in people])
    kept = np.array([balance.after[pid] for pid in people if pid in balance.after])
    stays = np.array([balance.after.get(pid, 0) for pid in people])
    before.fill_between(*_steps(counts), color=_PALE, label="left out")
    before.fill_between(*_steps(stays), color=_BLUE, label="stay")
    style(before, f"before: {_tell(counts)}")
    drawn = np.array([balance.drawn(count) for count in kept.tolist()])
    after.fill_between(*_steps(drawn), color=_ORANGE, label="again,\naugmented")
    after.fill_between(*_steps(np.minimum(kept, drawn)), color=_BLUE, label="different\npictures")
    style(after, f"after: {_tell(drawn)} an epoch")
    for axis in (before, after):
        axis.set_xlim(0, len(counts))
        axis.set_ylim(0)
        axis.set_axisbelow(True)
        axis.set_ylabel("pictures")
    after.set_xlabel("people to train on, by their number of pictures")
    figure.savefig(path)


def _steps(counts: npt.NDArray[np.int_]) -> tuple[list[int], list[int]]:
    """The outline of bars of width 1, from 0 on."""
    edges = [edge for at in range(len(counts)) for edge in (at, at + 1)]
    return edges, [int(count) for count in counts for _ in range(2)]


def _tell(counts: npt.NDArray[np.int_]) -> str:
    if not len(counts):
        return "nobody"
    return f"{len(counts):,} people, {counts.sum():,} pictures, median {np.median(counts):g}"


def draw_cameras(pictures: Sequence[LabelledPicture], path: Path) -> None:
    """Draw how many pictures each camera took, and of how many people."""
    names = [p.camera or "unknown" for p in pictures]
    shown = Counter(names).most_common(_CAMERAS)
    people = {
        name: len({p.pid for p, n in zip(pictures, names, strict=True) if n == name})
        for name, _ in shown
    }
    figure = Figure(figsize=(9, 1.2 + 0.26 * len(shown)), dpi=110, layout="constrained")
    axis = figure.subplots()
    bars = axis.barh([name for name, _ in shown], [count for _, count in shown], color=_BLUE)
    labels = [f"{count:,} of {people[name]:,} people" for name, count in shown]
    axis.bar_label(bars, labels, padding=4, fontsize=8, color=INK)
    axis.invert_yaxis()
    axis.margins(x=0.22)
    axis.tick_params(labelsize=8)
    known = len({p.camera for p in pictures} - {None})
    more = ", these first" if len(set(names)) > len(shown) else ""
    style(axis, f"pictures a camera; {known:,} cameras{more}")
    axis.set_axisbelow(True)
    axis.grid(visible=False, axis="y")
    figure.savefig(path)


def draw_sizes(sizes: Sequence[tuple[int, int]], path: Path) -> None:
    """Draw how large crops are, and how tall for their width."""
    width, height = np.array(sizes, dtype=np.float64).T
    figure = Figure(figsize=(9, 3.6), dpi=110, layout="constrained")
    plane, ratio = figure.subplots(1, 2)
    _draw_plane(plane, width, height)
    style(plane, f"width and height; median {np.median(width):g}x{np.median(height):g}")
    ratios = height / width
    edges = np.arange(-0.05, 6.1, 0.1)
    ratio.hist(np.clip(ratios, 0, 6), bins=edges.tolist(), color=_BLUE)
    ratio.set_axisbelow(True)
    ratio.axvline(2, color=_ORANGE, linewidth=1.2, label="256x128")
    ratio.set_xlabel("height / width")
    ratio.set_ylabel("pictures")
    style(ratio, f"shape; median {np.median(ratios):.2f}")
    figure.savefig(path)


def _draw_plane(axis: Axes, width: Pixels, height: Pixels) -> None:
    """Every size as a disc, its area the share of pictures that have it."""
    sizes, counts = np.unique(np.column_stack([width, height]), axis=0, return_counts=True)
    area = np.clip(1500 * counts / counts.sum(), 4, 400)
    axis.scatter(sizes[:, 0], sizes[:, 1], s=area, color=_BLUE, alpha=0.35, linewidths=0)
    axis.set_xlabel("width in pixels")
    axis.set_ylabel("height in pixels")
    axis.set_xlim(0, 1.15 * width.max())
    axis.set_ylim(0, 1.15 * height.max())


def draw_near(near: NearPairs, same_person: npt.NDArray[np.bool_], path: Path) -> None:
    """Draw how many pairs there are by the bits in which their codes differ."""
    figure = Figure(figsize=(9, 2.8), dpi=110, layout="constrained")
    axis = figure.subplots()
    bits = np.arange(NEAR_BITS + 1)
    own = np.bincount(near.bits[same_person], minlength=len(bits))
    others = np.bincount(near.bits[~same_person], minlength=len(bits))
    axis.bar(bits, own, color=_GREEN, label="of one person")
    axis.bar(bits, others, bottom=own, color=_ORANGE, label="of two people")
    axis.set_xticks(bits)
    axis.set_ylim(0, max(4.0, 1.1 * float((own + others).max())))
    axis.set_axisbelow(True)
    axis.set_xlabel("bits of 128 that differ")
    axis.set_ylabel("pairs")
    style(axis, f"near-duplicates: {own.sum():,} pairs of one person, {others.sum():,} of two")
    figure.savefig(path)

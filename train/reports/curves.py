"""A run's curves as one picture: losses, learning rate, the head's scale, held-out figures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...gallery.reports.palette import COLOURS, GRID, INK

Record = Mapping[str, Any]

Draw = Callable[[Axes, Sequence[Record]], None]


def draw_curves(records: Sequence[Record], path: Path) -> None:
    """Draw what `run_folder.read_metrics` gives into a PNG file, a panel a kind."""
    placed = place_records(records)
    panels: list[tuple[str, Draw]] = [
        ("held-out people", _draw_validation),
        ("losses: each part by itself, and their weighted total", _draw_losses),
        ("learning rate", _draw_rate),
    ]
    if any("scale" in record for record in placed):
        panels.append(("scale of the head", _draw_scale))
    figure = Figure(figsize=(8, 2.6 * len(panels)), dpi=110, layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for axis, (title, draw) in zip(axes, panels, strict=True):
        draw(axis, placed)
        style(axis, title)
    axes[-1].set_xlabel("step")
    figure.savefig(path)


def place_records(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Give every record a ``step``: a validation that has none stands where training stood."""
    placed, step = [], 0
    for record in records:
        step = int(record.get("step", step))
        placed.append({**record, "step": step})
    return placed


def style(axis: Axes, title: str) -> None:
    """Give a panel its title, grid and legend."""
    axis.set_title(title, loc="left", fontsize=10, color=INK)
    axis.grid(color=GRID, linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    if axis.get_legend_handles_labels()[1]:
        axis.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _draw_validation(axis: Axes, records: Sequence[Record]) -> None:
    validated = [record for record in records if record.get("validation")]
    steps = [record["step"] for record in validated]
    for name, label, colour in (("map", "mAP", COLOURS[0]), ("rank1", "rank-1", COLOURS[1])):
        values = [record["validation"][name] for record in validated]
        axis.plot(steps, values, color=colour, marker="o", markersize=3, label=label)
        known = [
            (record["step"], *record["validation"][f"{name}_interval"])
            for record in validated
            if record["validation"].get(f"{name}_interval")
        ]
        if known:
            where, low, high = zip(*known, strict=True)
            axis.fill_between(where, low, high, color=colour, alpha=0.15, linewidth=0)
    axis.set_ylim(0, 1)


def _draw_losses(axis: Axes, records: Sequence[Record]) -> None:
    trained = [record for record in records if record.get("losses")]
    names = dict.fromkeys(name for record in trained for name in record["losses"])
    for name, colour in zip(names, COLOURS * 3, strict=False):
        own = [record for record in trained if name in record["losses"]]
        values = [record["losses"][name] for record in own]
        width = 1.8 if name == "total" else 1.0
        axis.plot([r["step"] for r in own], values, color=colour, linewidth=width, label=name)
    axis.set_yscale("log")


def _draw_rate(axis: Axes, records: Sequence[Record]) -> None:
    _draw_key(axis, records, "learning_rate")
    axis.set_ylim(bottom=0)


def _draw_scale(axis: Axes, records: Sequence[Record]) -> None:
    _draw_key(axis, records, "scale")


def _draw_key(axis: Axes, records: Sequence[Record], key: str) -> None:
    own = [record for record in records if key in record]
    axis.plot([r["step"] for r in own], [r[key] for r in own], color=COLOURS[0])

"""A comparison of runs as a table and as a picture."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...gallery.atomic import replacing
from ...gallery.errors import ReportError
from ...gallery.evaluation.intervals import Interval
from ...gallery.reports.markdown import markdown_table
from ...gallery.reports.measurements import brackets, json_number
from ...gallery.reports.palette import COLOURS
from .compare import BATCH_SIZES, ComparedModel
from .curves import style

Cost = Callable[[ComparedModel], float]

OTHER_PEOPLE = "held out other people than the first run: its figures can't be compared"


def comparison_table(compared: Sequence[ComparedModel]) -> str:
    """A Markdown table, a line a model; a star marks those with other held-out people."""
    header = ["run", "backbone", "mAP", "rank-1", "million parameters", "GFLOPs"]
    header += [f"pictures/s at {size}" for size in BATCH_SIZES]
    table = markdown_table(header, [_cells(model) for model in compared])
    if any(not model.same_people for model in compared):
        return f"{table}\n\n\\* {OTHER_PEOPLE}."
    return table


def comparison_records(compared: Sequence[ComparedModel]) -> list[dict[str, Any]]:
    """An object a model: ``reid-gallery/train-compare/1``."""
    return [
        {
            "schema": "reid-gallery/train-compare/1",
            **asdict(model),
            "map_interval": [json_number(end) for end in model.map_interval],
            "rank1_interval": [json_number(end) for end in model.rank1_interval],
        }
        for model in compared
    ]


def draw_comparison(compared: Sequence[ComparedModel], path: Path) -> None:
    """Draw held-out mAP with its interval against each cost into a PNG file.

    Those with other held-out people than the first are hollow.

    Raises:
        ReportError: it can't be written.
    """
    batch = BATCH_SIZES[-1]
    panels: list[tuple[str, Cost]] = [
        ("million parameters", lambda model: model.parameters / 1e6),
        ("GFLOPs a picture", lambda model: model.flops / 1e9),
        (f"pictures/s at batch {batch}", lambda model: model.pictures_per_s[batch]),
    ]
    figure = Figure(figsize=(12, 4), dpi=110, layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True)
    for number, (axis, (title, cost)) in enumerate(zip(axes, panels, strict=True)):
        _scatter(axis, compared, cost, labelled=number == len(panels) - 1)
        style(axis, "")
        axis.set_xlabel(title)
    axes[0].set_ylabel("held-out mAP, 95 % interval")
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary)
    except OSError as error:
        raise ReportError(f"{path}: can't be written ({error.strerror or error})") from error


def _scatter(axis: Axes, compared: Sequence[ComparedModel], cost: Cost, *, labelled: bool) -> None:
    for model, colour in zip(compared, COLOURS * len(compared), strict=False):
        low, high = model.map_interval
        axis.errorbar(
            [cost(model)],
            [model.map],
            yerr=[[model.map - low], [high - model.map]],
            fmt="o",
            capsize=3,
            color=colour,
            markerfacecolor=colour if model.same_people else "white",
            label=(model.name if model.same_people else f"{model.name} *") if labelled else None,
        )
    axis.set_xlim(0, 1.15 * max(map(cost, compared)))


def _cells(model: ComparedModel) -> list[str]:
    return [
        model.name + ("" if model.same_people else " \\*"),
        model.backbone,
        _share(model.map, model.map_interval),
        _share(model.rank1, model.rank1_interval),
        f"{model.parameters / 1e6:.3g}",
        f"{model.flops / 1e9:.3g}",
        *(f"{model.pictures_per_s[size]:.1f}" for size in BATCH_SIZES),
    ]


def _share(value: float, interval: Interval) -> str:
    return f"{100 * value:.1f}{brackets(*interval)}"

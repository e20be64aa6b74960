"""A run's report: one Markdown file with pictures beside it."""

import platform
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...gallery.errors import LayoutError, PictureError, StoreError, TrainingError
from ...gallery.evaluation.embedding import embed_files
from ...gallery.extractor import Extractor
from ...gallery.reports.markdown import markdown_table
from ...gallery.reports.measurements import brackets
from ..held_out import HeldOutResult, rank_held_out
from ..material import split_of_run
from ..run_folder import CONFIG, DEFAULT_LICENCE, MODEL, RunData, read_description, read_metrics
from .curves import draw_curves
from .worst import draw_worst

FOLDER, PAGE, CURVES, WORST = "report", "report.md", "curves.png", "worst.png"


def write_report(run: Path) -> Path:
    """Write the report of a run whose model is exported; an older one is replaced.

    Returns:
        ``run/report/report.md``.

    Raises:
        TrainingError: there is no run, or nothing was trained yet.
        ModelError: its model can't be loaded.
    """
    _, data = read_description(run)
    records = read_metrics(run)
    if not records:
        raise TrainingError(f"{run}: nothing was trained yet, so there is nothing to report")
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    draw_curves(records, folder / CURVES)
    parts = [
        f"# {data.name or run.resolve().name}",
        _summary(records),
        "## Curves",
        f"![curves]({CURVES})",
        *_held_out(run, folder),
        "## To repeat it",
        f"```\n{repeat_command(run, data)}\n```",
        _versions(),
    ]
    page = folder / PAGE
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def repeat_command(run: Path, data: RunData) -> str:
    """Return the command that trains the same again, into another folder."""
    words = ["reid-gallery", "train", "--recipe", str(run.resolve() / CONFIG)]
    for source, layout in data.sources:
        words += ["--data", str(source), "--layout", layout]
    for folder in data.unlabelled:
        words += ["--unlabelled", str(folder)]
    if data.teacher:
        words += ["--teacher", str(data.teacher)]
    if data.name:
        words += ["--name", data.name]
    if data.licence != DEFAULT_LICENCE:
        words += ["--licence", data.licence]
    return shlex.join([*words, "--out", str(run.resolve()) + "-again"])


def _summary(records: Sequence[Mapping[str, Any]]) -> str:
    trained = [record for record in records if "losses" in record]
    validated = [record["validation"] for record in records if record.get("validation")]
    lines = []
    if trained:
        seconds = trained[-1].get("seconds", 0)
        speed = float(np.median([r["pictures_per_s"] for r in trained if "pictures_per_s" in r]))
        lines.append(
            f"{trained[-1]['epoch'] + 1} epochs, {trained[-1].get('step', 0)} steps, "
            f"{seconds / 60:.0f} minutes of training, {speed:.0f} pictures a second (median)."
        )
    if validated:
        last = validated[-1]
        lines.append(
            f"After the last epoch: held-out mAP {last['map']:.3f}, rank-1 {last['rank1']:.3f}."
        )
    return " ".join(lines)


def _held_out(run: Path, folder: Path) -> list[str]:
    """The part on held-out people, or the reason why there is none."""
    title = "## Held-out people"
    if not (run / MODEL).is_file():
        return [title, "The model is not exported yet, so nobody was asked."]
    try:
        pictures = split_of_run(run).validation
        embeddings = embed_files(Extractor.load(run / MODEL), [p.path for p in pictures])
    except (TrainingError, PictureError, LayoutError, StoreError) as error:
        return [title, f"Not measured: {error}."]
    result = rank_held_out(embeddings, pictures) if pictures else None
    if result is None:
        return [title, "Nobody was held out who was seen by two cameras."]
    worst = draw_worst(folder / WORST, result, embeddings, pictures)
    return [
        title,
        f"`{MODEL}` on {result.people} people who were held out; each picture asks for its "
        "person's pictures of other cameras. In brackets: 95 % intervals, resampled by person.",
        figures_table(result),
        f"The {len(worst)} people with the lowest mean AP, each by the picture recognised worst:",
        f"![the people who are recognised worst]({WORST})",
    ]


def figures_table(result: HeldOutResult) -> str:
    """A Markdown table: a line a source, then their mean."""
    rows = []
    for source, figures in result.sources.items():
        own = HeldOutResult({source: figures}, len(set(figures.pids.tolist())))
        rows.append([source, str(own.people), str(figures.valid_queries), *_figures(own)])
    if len(result.sources) > 1:
        queries = sum(figures.valid_queries for figures in result.sources.values())
        rows.append(["mean", str(result.people), str(queries), *_figures(result)])
    return markdown_table(["source", "people", "queries", "mAP", "rank-1"], rows)


def _figures(result: HeldOutResult) -> list[str]:
    return [
        f"{100 * result.figure(name):.1f}{brackets(*result.interval(name))}"
        for name in ("map", "cmc_1")
    ]


def _versions() -> str:
    return (
        f"Made with Python {platform.python_version()}, torch {torch.__version__}, on "
        f"{platform.machine()} {platform.system()}."
    )

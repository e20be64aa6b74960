"""Commands that measure."""

import shlex
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DONE, Json, Store, part_paths
from .terminal import print_json, print_lines, say, show_progress

if TYPE_CHECKING:
    from ..evaluation.embedding import Embedded
    from ..evaluation.measuring import Measurement
    from ..evaluation.stored import Leave
    from ..evaluation.trials import Trial

app = typer.Typer()


class LeaveOut(StrEnum):
    """What of the asking sighting's person doesn't count."""

    camera = "camera"
    sighting = "sighting"


class Convention(StrEnum):
    """How average precision is summed."""

    sum = "sum"
    trapezoid = "trapezoid"


@app.command()
def evaluate(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL]... [DATA]...",
            help="Models (ONNX files, or names that model list shows), and the data: a folder or "
            "CSV manifest for each --protocol. Without data, your own gallery is measured.",
        ),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="all-to-all (any folder or manifest), market1501, dukemtmc, msmt17, cuhk03, "
            "viper, grid or prid2011; may be repeated.",
            show_default="all-to-all",
        ),
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="The data, as an option; may be repeated.")
    ] = None,
    layout: Annotated[str, typer.Option(help="Of a folder, for all-to-all.")] = "folders",
    store: Store = None,
    leave_out: Annotated[
        LeaveOut, typer.Option(help="Of one's own gallery, beside the sighting that asks.")
    ] = LeaveOut.camera,
    pairs: Annotated[bool, typer.Option("--pairs", help="Verify pairs of pictures too.")] = False,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="Re-rank by k-reciprocal neighbours.")
    ] = False,
    ap: Annotated[
        Convention,
        typer.Option(
            help="Average precision: sum (of precisions) or trapezoid (of Market-1501's first "
            "toolkit)."
        ),
    ] = Convention.sum,
    seed: Annotated[int, typer.Option(min=0, help="Of random splits.")] = 0,
    report: Annotated[
        Path | None, typer.Option(help="Write a page with plots and contact sheets here.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Keep embeddings in this folder, for the next time.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Measure and compare models on data, or a gallery on itself."""
    from ..evaluation.measuring import measure
    from ..evaluation.reranking import Reranking

    models, data_sets = _read_paths(paths or [], data or [], protocol or [])
    if data_sets and _is_typed(context, "store"):
        raise typer.BadParameter("--store measures a gallery; leave out the data, or --store")
    if report is not None:
        from ..reports.evaluation import check_report_folder

        check_report_folder(report)
    verify = pairs or report is not None
    if data_sets:
        trials = _read_data(data_sets, layout=layout, seed=seed, verify=verify)
        tasks = _embed_data(models, trials, cache=cache)
    else:
        tasks = _embed_store(models, store, leave_out=leave_out.value, verify=verify, cache=cache)
    reranking = Reranking() if rerank else None
    measured: list[Measurement] = []
    for trial, embedded in tasks:
        found = measure(trial, embedded, pairs=verify, reranking=reranking, ap_convention=ap.value)
        _show(found, as_json)
        measured += found
    if len(measured) > 1 and not as_json:
        from ..reports.measurements import summary_table

        print_lines([summary_table(measured)])
    if report is not None:
        from ..reports.evaluation import write_report

        command = shlex.join(["reid-gallery", *sys.argv[1:]])
        say(f"report: {write_report(report, measured, command=command)}")
    return DONE


def _read_paths(
    paths: list[Path], data: list[Path], protocols: list[str]
) -> tuple[list[Path], list[tuple[str, Path]]]:
    """Part models from data, and give each data set its protocol."""
    models, sources = part_paths(paths)
    sources += data
    chosen = protocols or ["all-to-all"] * len(sources)
    if len(chosen) != len(sources):
        raise typer.BadParameter(
            f"{len(chosen)} --protocol, but {len(sources)} folders or manifests; name one for each"
        )
    return models, list(zip(chosen, sources, strict=True))


def _is_typed(context: typer.Context, option: str) -> bool:
    """Whether an option was given on the command line, not by its environment variable."""
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def _read_data(
    data_sets: list[tuple[str, Path]], *, layout: str, seed: int, verify: bool
) -> list["Trial"]:
    """Read all data sets before the first is embedded: what is wrong with one is told at once."""
    from ..evaluation.protocols import read_trial
    from ..evaluation.verification import draw_pairs

    trials = [read_trial(name, folder, seed=seed, layout=layout) for name, folder in data_sets]
    for trial in trials if verify else ():
        draw_pairs(trial)
    return trials


def _embed_data(
    models: list[Path], trials: list["Trial"], *, cache: Path | None
) -> Iterator[tuple["Trial", list["Embedded"]]]:
    from ..evaluation.models import embed_trial, load_models

    extractors = load_models(models or [None])
    for trial in trials:
        with show_progress(len(trial.files) * len(extractors)) as progress:
            embedded = embed_trial(trial, extractors, progress=progress, cache=cache)
        yield trial, embedded


def _embed_store(
    models: list[Path],
    store: Path | None,
    *,
    leave_out: "Leave",
    verify: bool,
    cache: Path | None,
) -> Iterator[tuple["Trial", list["Embedded"]]]:
    """Take a gallery's stored vectors, and embed its pictures by other models, if any."""
    from ..evaluation.models import embed_trial, load_models
    from ..evaluation.stored import read_stored_trial
    from ..evaluation.verification import draw_pairs
    from ..store.directory import default_store

    trial, stored = read_stored_trial(store or default_store(), leave_out=leave_out)
    if verify:
        draw_pairs(trial)
    extractors = load_models(models)
    embedded = [stored]
    if extractors:
        with show_progress(len(trial.files) * len(extractors)) as progress:
            embedded += embed_trial(trial, extractors, progress=progress, cache=cache)
    yield trial, embedded


def _show(measured: list["Measurement"], as_json: bool) -> None:
    from ..reports.measurements import measurement_record, measurement_text

    for one in measured:
        if as_json:
            print_json(measurement_record(one))
        else:
            print_lines([measurement_text(one), ""])

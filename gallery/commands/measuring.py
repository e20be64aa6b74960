"""Commands that measure."""

import shlex
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DONE, Json, Store
from .terminal import print_json, print_lines, say, show_progress

if TYPE_CHECKING:
    from ..evaluation.embedding import Vectors
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
    ap: Annotated[Convention, typer.Option(help="Average precision.")] = Convention.sum,
    seed: Annotated[int, typer.Option(help="Of random splits.")] = 0,
    report: Annotated[
        Path | None, typer.Option(help="Write a page with plots and contact sheets here.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Keep embeddings in this folder, for the next time.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Measure models on data sets, or your gallery on itself, and compare them."""
    from ..evaluation.measuring import measure
    from ..evaluation.models import part_paths
    from ..evaluation.reranking import Reranking

    models, folders = part_paths(paths or [])
    sources = folders + (data or [])
    protocols = protocol or ["all-to-all"] * len(sources)
    if len(protocols) != len(sources):
        raise typer.BadParameter(
            f"{len(protocols)} --protocol, but {len(sources)} folders or manifests that are "
            "there; name one for each"
        )
    source = context.get_parameter_source("store")
    if sources and source is not None and source.name == "COMMANDLINE":
        raise typer.BadParameter("--store measures a gallery; leave out the data, or --store")
    if report is not None:
        from ..reports.evaluation import check_report_folder

        check_report_folder(report)
    if sources:
        data_sets = list(zip(protocols, sources, strict=True))
        tasks = _embed_data(models, data_sets, layout=layout, seed=seed, cache=cache)
    else:
        tasks = _embed_store(models, store, leave_out=leave_out.value, cache=cache)
    measured: list[Measurement] = []
    for trial, embeddings in tasks:
        found = measure(
            trial,
            embeddings,
            pairs=pairs or report is not None,
            reranking=Reranking() if rerank else None,
            ap_convention=ap.value,
        )
        _show(found, as_json)
        measured += found
    if len(measured) > 1 and not as_json:
        from ..reports.measurements import summary_table

        print_lines([summary_table(measured)])
    if report is not None:
        from ..reports.evaluation import write_report

        say(f"report: {write_report(report, measured, command=_spell())}")
    return DONE


def _embed_data(
    models: list[Path],
    data_sets: list[tuple[str, Path]],
    *,
    layout: str,
    seed: int,
    cache: Path | None,
) -> Iterator[tuple["Trial", dict[str, "Vectors"]]]:
    """Embed data sets by models; all are read before the first is embedded."""
    from ..evaluation.models import embed_trial, load_models
    from ..evaluation.trials import read_trial

    trials = [read_trial(name, folder, seed=seed, layout=layout) for name, folder in data_sets]
    extractors = load_models(models or [None])
    for trial in trials:
        with show_progress(len(trial.files) * len(extractors)) as progress:
            embeddings = embed_trial(trial, extractors, progress=progress, cache=cache)
        yield trial, embeddings


def _embed_store(
    models: list[Path], store: Path | None, *, leave_out: "Leave", cache: Path | None
) -> Iterator[tuple["Trial", dict[str, "Vectors"]]]:
    """Take a gallery's stored vectors, and embed its pictures by other models, if any."""
    from ..evaluation.models import embed_trial, load_models
    from ..evaluation.stored import read_store
    from ..store.directory import default_store

    trial, stored, made_by = read_store(store or default_store(), leave_out=leave_out)
    extractors = load_models(models)
    embeddings = {f"{made_by} (stored)": stored}
    if extractors:
        with show_progress(len(trial.files) * len(extractors)) as progress:
            embeddings |= embed_trial(trial, extractors, progress=progress, cache=cache)
    yield trial, embeddings


def _show(measured: list["Measurement"], as_json: bool) -> None:
    from ..reports.measurements import measurement_record, measurement_text

    for one in measured:
        if as_json:
            print_json(measurement_record(one))
        else:
            print_lines([measurement_text(one), ""])


def _spell() -> str:
    """The command line as it was typed."""
    return shlex.join(["reid-gallery", *sys.argv[1:]])

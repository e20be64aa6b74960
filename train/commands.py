"""The commands that train. What they train with is imported when one of them runs."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from ..gallery.commands.options import DONE, SOME_FAILED, Json, check_part, check_png, pair_layouts
from ..gallery.commands.terminal import print_json, print_lines, show_progress

app = typer.Typer()
training = typer.Typer(name="train", rich_markup_mode=None)
app.add_typer(training)


def _check_duration(text: str) -> str:
    from .durations import parse_duration

    try:
        if text:
            parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


@training.callback(invoke_without_command=True)
def train(
    context: typer.Context,
    data: Annotated[
        list[Path] | None, typer.Option(help="A folder, CSV manifest or gallery; may be repeated.")
    ] = None,
    layout: Annotated[
        list[str] | None, typer.Option(help="Of each --data, in the same order.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A shipped recipe, by default cpu; or a TOML file.")
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="A model to learn from: a file, a name that model list shows, or its embeddings "
            "in an .npz."
        ),
    ] = None,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(help="A folder of pictures of whoever, for the teacher to speak of."),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            help="What weights start from, instead of the recipe's: none, timm (asks the network), "
            "shipped, a weights package, or a .safetensors, .pth or .onnx file."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the model.", show_default="the run's folder's")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Note on who may use the model for what.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="In all, shared among the recipe's phases.")
    ] = None,
    time_budget: Annotated[
        str,
        typer.Option(
            callback=_check_duration, help="Like 2h or 90m: end in time, export included."
        ),
    ] = "",
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder.")] = None,
) -> int:
    """Train an extractor; needs pip install 'reid-gallery[train]'.

    Several processes or machines train together when torchrun or accelerate launch starts them.
    """
    if context.invoked_subcommand is not None:
        return DONE
    if (resume is None) == (out is None):
        raise typer.BadParameter("begin a run with --data and --out, or go on with --resume RUN")
    if epochs and time_budget:
        raise typer.BadParameter("--epochs and --time-budget contradict each other; give one")
    told = (epochs, time_budget, data, layout, teacher, unlabelled, init, recipe, name, licence)
    if resume and any(told):
        raise typer.BadParameter("--resume takes all from the run; edit its config.toml instead")
    sources = [] if resume else _pair_sources(data or [], layout or [])
    began = time.monotonic()  # what is imported now takes seconds of a time budget
    from . import api
    from .run_folder import DEFAULT_LICENCE

    if resume is not None:
        file = api.resume(resume)
    else:
        file = api.train(
            sources=sources,
            out=out or Path(),
            recipe=recipe or "cpu",
            teacher=find_teacher(teacher),
            unlabelled=unlabelled or (),
            init=init,
            name=name or "",
            licence=licence or DEFAULT_LICENCE,
            epochs=epochs,
            time_budget=time_budget,
            began=began,
        )
    if os.environ.get("RANK", "0") == "0":  # of several processes, one says it
        print_lines([str(file)])
    return DONE


def find_teacher(teacher: Path | None) -> Path | None:
    """A name among the models' is its file; what is one already, or should be, is itself."""
    if teacher is None or teacher.suffix.lower() in {".npz", ".onnx"} or teacher.is_file():
        return teacher
    from ..gallery.extractor.models import resolve_model

    return resolve_model(teacher)


@training.command("export")
def export_trained(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    int8: Annotated[
        bool, typer.Option("--int8", help="A second file in 8 bits, if it costs little.")
    ] = False,
) -> int:
    """Write a run's best model to RUN/model.onnx. With --int8 an 8-bit one comes beside it."""
    from . import api
    from .int8 import export_int8

    print_lines([str(export_int8(run) if int8 else api.export_run(run))])
    return DONE


@training.command("report")
def report_run(run: Annotated[Path, typer.Argument(help="The run's folder.")]) -> int:
    """Write RUN/report. It has curves, held-out figures, and whom it recognises worst."""
    from .reports.report import write_report

    print_lines([str(write_report(run))])
    return DONE


@training.command("compare")
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    out: Annotated[Path, typer.Option(callback=check_png, help="The picture to draw.")] = Path(
        "comparison.png"
    ),
    as_json: Json = False,
) -> int:
    """Compare runs. Held-out accuracy stands against parameters, operations and speed here."""
    from .reports.compare import compare_runs
    from .reports.comparison import comparison_records, comparison_table, draw_comparison

    compared = compare_runs(runs)
    draw_comparison(compared, out)
    if as_json:
        for record in comparison_records(compared):
            print_json(record)
    else:
        print_lines([comparison_table(compared)])
    return DONE


@training.command("views")
def make_views(
    manifest: Annotated[Path, typer.Argument(help="What prepare wrote, .csv.")],
    out: Annotated[Path, typer.Option(help="The folder of the views.")],
    each: Annotated[int, typer.Option(min=1, help="Views of each picture to train on.")] = 4,
) -> int:
    """Make pictures for --unlabelled. They are far from those of the people."""
    from .preparation import views

    with show_progress() as progress:
        made = views.make_views(manifest, out, each=each, progress=progress)
    print_lines([f"views: {made} in {out}"])
    return DONE


@app.command()
def prepare(
    data: Annotated[
        list[Path], typer.Argument(help="Folders, CSV manifests or galleries; they are joined.")
    ],
    out: Annotated[
        Path, typer.Option(help="The manifest, .csv; its report is in a folder beside.")
    ],
    layout: Annotated[
        list[str] | None, typer.Option(help="Of each DATA, in the same order.")
    ] = None,
    validation_share: Annotated[
        float, typer.Option(callback=check_part, help="Of the people, to hold out.")
    ] = 0.08,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of whom to hold out.")] = 0,
    drop_quantile: Annotated[
        float,
        typer.Option(callback=check_part, help="As in a recipe; the report tells what it does."),
    ] = 0.25,
    balance_to: Annotated[
        int, typer.Option(min=0, help="As in a recipe; the report tells what it does.")
    ] = 200,
    sample: Annotated[
        int, typer.Option(min=0, help="Pictures to embed in search of wrong labels; 0: none.")
    ] = 6000,
) -> int:
    """Join data sets in a manifest to train on, split by person. A report shows what it holds."""
    from ..gallery.extractor import Extractor, resolve_model
    from .config import DataConfig
    from .preparation.prepare import prepare as prepare_data

    config = DataConfig(
        validation_share=validation_share, drop_quantile=drop_quantile, balance_to=balance_to
    )
    with show_progress() as progress:
        prepared, page = prepare_data(
            _pair_sources(data, layout or []),
            out,
            config=config,
            seed=seed,
            extractor=Extractor.load(resolve_model(None)) if sample else None,
            sample=sample,
            progress=progress,
        )
    print_lines([*prepared.summary(), f"manifest: {out}", f"report: {page}"])
    return SOME_FAILED if prepared.failed else DONE


def _pair_sources(data: list[Path], layout: list[str]) -> list[tuple[Path, str]]:
    if not data:
        raise typer.BadParameter("--data names what to train on")
    return pair_layouts(data, layout)


@app.command()
def hypersphere(
    out: Annotated[Path, typer.Option(help="A folder for the picture and the table.")],
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Of weights, and of the digits learnt.")
    ] = 0,
) -> int:
    """Show what a margin does. Digits lie on a sphere under softmax, ArcFace and AdaCos."""
    from .hypersphere_report import write_hypersphere

    print_lines([write_hypersphere(out, seed=seed)])
    return DONE

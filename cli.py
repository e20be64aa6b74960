"""The command line: parses, calls, prints. Results go to stdout, everything else to stderr."""

import gc
import logging
import os
import sys
import time
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from . import __version__
from .gallery.commands import asking, calibrating, correcting, keeping, looking, measuring, models
from .gallery.commands.options import (
    DONE,
    FAILED,
    INTERRUPTED,
    SOME_FAILED,
    USAGE,
    Json,
    check_part,
)
from .gallery.commands.terminal import OneLine, print_json, print_lines, say, show_progress
from .gallery.errors import ReidGalleryError

app = typer.Typer(
    name="reid-gallery",
    help="A gallery for person re-identification: enroll full-body crops, ask who someone is.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some pictures failed or something "
    "differs, 130 interrupted. With -v an unforeseen error shows where it happened.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for room in (asking, correcting, looking, keeping, models, measuring, calibrating):
    app.add_typer(room.app)
training = typer.Typer(name="train", rich_markup_mode=None)
app.add_typer(training)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"reid-gallery {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """A gallery for person re-identification: enroll full-body crops, ask who someone is."""


# -- training: the only commands that import it --------------------------------------------------


def _check_duration(text: str) -> str:
    from .train.durations import parse_duration

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
    recipe: Annotated[str, typer.Option(help="A shipped recipe, or a TOML file.")] = "cpu",
    teacher: Annotated[
        Path | None, typer.Option(help="A model to learn from, or its embeddings, .npz.")
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
    if resume and (epochs or time_budget or data or teacher or unlabelled or init):
        raise typer.BadParameter("--resume takes all from the run; edit its config.toml instead")
    sources = [] if resume else _pair_sources(data or [], layout or [])
    began = time.monotonic()  # what is imported now takes seconds of a time budget
    from .train import api

    if resume is not None:
        file = api.resume(resume)
    else:
        file = api.train(
            sources=sources,
            out=out or Path(),
            recipe=recipe,
            teacher=teacher,
            unlabelled=unlabelled or (),
            init=init,
            epochs=epochs,
            time_budget=time_budget,
            began=began,
        )
    if os.environ.get("RANK", "0") == "0":  # of several processes, one says it
        print_lines([str(file)])
    return DONE


@training.command("export")
def export_trained(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    int8: Annotated[
        bool, typer.Option("--int8", help="A second file in 8 bits, if it costs little.")
    ] = False,
) -> int:
    """Write a run's best model to RUN/model.onnx. With --int8 an 8-bit one comes beside it."""
    from .train import api
    from .train.int8 import export_int8

    print_lines([str(export_int8(run) if int8 else api.export_run(run))])
    return DONE


@training.command("report")
def report_run(run: Annotated[Path, typer.Argument(help="The run's folder.")]) -> int:
    """Write RUN/report. It has curves, held-out figures, and whom it recognises worst."""
    from .train.reports.report import write_report

    print_lines([str(write_report(run))])
    return DONE


@training.command("compare")
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    out: Annotated[Path, typer.Option(help="The picture to draw.")] = Path("comparison.png"),
    as_json: Json = False,
) -> int:
    """Compare runs. Held-out accuracy stands against parameters, operations and speed here."""
    from .gallery.reports.png import check_png_path
    from .train.reports.compare import compare_runs
    from .train.reports.comparison import comparison_records, comparison_table, draw_comparison

    check_png_path(out)
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
    from .train.preparation import views

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
    from .gallery.extractor import Extractor, resolve_model
    from .train.config import DataConfig
    from .train.preparation.prepare import prepare as prepare_data

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
    if len(layout) not in {0, 1, len(data)}:
        raise typer.BadParameter(f"{len(data)} --data but {len(layout)} --layout; give one each")
    layouts = layout * len(data) if len(layout) == 1 else layout or ["folders"] * len(data)
    return list(zip(data, layouts, strict=True))


@app.command()
def hypersphere(
    out: Annotated[Path, typer.Option(help="A folder for the picture and the table.")],
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Of weights, and of the digits learnt.")
    ] = 0,
) -> int:
    """Show what a margin does. Digits lie on a sphere under softmax, ArcFace and AdaCos."""
    from .train.hypersphere_report import write_hypersphere

    print_lines([write_hypersphere(out, seed=seed)])
    return DONE


# -- running -------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    # While modules load there is no garbage; looking for it often is a tenth of a cold query.
    gc.set_threshold(50_000)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name may not fit the terminal's encoding
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command; return its exit code: 0, 1, 2, 3 or 130."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options, operands = arguments[:end], arguments[end:]
    verbose = "-v" in options
    warnings = logging.StreamHandler(sys.stderr)
    warnings.setFormatter(OneLine("warning: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[warnings])
    try:
        code = app([a for a in options if a != "-v"] + operands, standalone_mode=False)
        sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        # Typer and rich turn a closed pipe into an exit of their own.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        _abandon_stdout()
        return DONE
    except Exception as error:
        if _was_interrupted(error):
            return INTERRUPTED
        if verbose and not hasattr(error, "show"):
            raise
        return _explain(error)
    return int(code or DONE)


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: a library that was being imported makes an ImportError of it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _explain(error: Exception) -> int:
    """Say in one line what went wrong; return the exit code."""
    if hasattr(error, "exit_code") and hasattr(error, "show"):
        error.show()
        return USAGE
    if isinstance(error, ReidGalleryError):
        say(f"error: {error}")
    elif isinstance(error, OSError):
        _abandon_stdout()
        where = error.filename or "the output, or the current folder"
        say(f"error: {where}: {error.strerror or error}")
    else:
        say(f"error: {type(error).__name__}: {error}; not foreseen, -v shows where it happened")
    return FAILED


def _abandon_stdout() -> None:
    """What can't be written any more is not to be tried again at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

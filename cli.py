"""The command line: parses, calls, prints. Results go to stdout, everything else to stderr."""

import gc
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import __version__
from .gallery.errors import ReidGalleryError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from .gallery.facade import Gallery

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
model_app = typer.Typer(help="Look at model files.", no_args_is_help=True)
app.add_typer(model_app, name="model")

DONE, FAILED, USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130


class Pooling(StrEnum):
    """How an identity's sightings make one score."""

    max = "max"
    mean = "mean"
    centroid = "centroid"


Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        envvar="REID_GALLERY_STORE",
        help="The gallery's directory.",
        show_default="reid-gallery in the user's data directory",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option("--model", help="An extractor's ONNX file; by default the store's own."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, an object a line.")]
Wait = Annotated[float, typer.Option("--wait", help="Seconds to wait for another writer.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before deleting for good.")]
Paths = Annotated[
    list[str], typer.Argument(help="Files, folders, quoted patterns; - reads paths from stdin.")
]


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


# -- enrolling and asking ----------------------------------------------------------------------


@app.command()
def enroll(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, quoted patterns; - reads paths from stdin."),
    ] = None,
    pid: Annotated[str | None, typer.Option(help="The person that all pictures show.")] = None,
    layout: Annotated[
        str | None, typer.Option(help="folders (PID/*.jpg, the default), market1501, cuhk03, ...")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="A CSV of path, pid[, camera, time, tracklet].")
    ] = None,
    camera: Annotated[str | None, typer.Option(help="The camera of all pictures.")] = None,
    store: Store = None,
    model: Model = None,
    as_json: Json = False,
    wait: Wait = 30.0,
) -> int:
    """Enroll pictures of people."""
    opened = _gallery(store, model=model, create=True, wait_s=wait, embeds=True)
    with opened as gallery, _progress() as progress:
        report = gallery.enroll(
            paths or [], pid=pid, layout=layout, manifest=manifest, camera=camera, progress=progress
        )
    _show("report", report, as_json)
    return SOME_FAILED if report.failed or report.conflicting else DONE


@app.command()
def query(
    paths: Paths,
    k: Annotated[int, typer.Option("-k", min=1, help="How many people to list.")] = 5,
    camera: Annotated[
        list[str] | None, typer.Option(help="Only sightings of this one; may be repeated.")
    ] = None,
    not_camera: Annotated[
        list[str] | None, typer.Option(help="No sighting of this one; may be repeated.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only sightings from then on: 2026-05-01T12:30.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only sightings up to then.")] = None,
    as_one: Annotated[bool, typer.Option(help="All pictures show one unknown person.")] = False,
    min_score: Annotated[float | None, typer.Option(help="No match below it.")] = None,
    pooling: Annotated[
        Pooling, typer.Option(help="How an identity's sightings make one score.")
    ] = Pooling.max,
    fpir: Annotated[float, typer.Option(help="Share of strangers that may get a name.")] = 0.01,
    sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet, a PNG.")] = None,
    store: Store = None,
    model: Model = None,
    as_json: Json = False,
) -> int:
    """Ask who pictures show, and where they were seen."""
    from .gallery.pictures.sources import collect_queries
    from .gallery.types import Failure

    if sheet is not None:
        from .gallery.reports.sheet import check_sheet_path

        check_sheet_path(sheet)
    found, failed = collect_queries(paths, sys.stdin)
    failures = [reason for _, reason in failed]
    with _gallery(store, model=model, create=False, embeds=True) as gallery:
        answers = []
        for answer in gallery.query_each(
            found,
            k=k,
            cameras=camera or (),
            not_cameras=not_camera or (),
            since=_time(since, "--since"),
            until=_time(until, "--until"),
            as_one=as_one,
            min_score=min_score,
            pooling=pooling.value,
            fpir=fpir,
        ):
            if isinstance(answer, Failure):
                failures.append(answer.reason)
            else:
                _show("answer", answer, as_json)
                answers.append(answer)
    if sheet is not None:
        from .gallery.reports.answers import write_answer_sheet

        write_answer_sheet(sheet, answers)
        _say(f"contact sheet: {sheet}")
    for reason in failures:
        _say(f"failed: {reason}")
    return SOME_FAILED if failures else DONE


@app.command()
def compare(
    a: Path,
    b: Path,
    fpir: Annotated[float, typer.Option(help="Share of strangers that may pass.")] = 0.01,
    model: Annotated[
        Path | None, typer.Option(help="An extractor's ONNX file; by default the shipped one.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Compare two pictures: their score, and whether it is one person."""
    from .gallery.asking import compare as compare_pictures
    from .gallery.extractor import Extractor, resolve_model

    result = compare_pictures(Extractor.load(resolve_model(model)), a, b, fpir=fpir)
    _show("comparison", result, as_json)
    return DONE


# -- correcting --------------------------------------------------------------------------------


@app.command()
def remove(
    pid: Annotated[str | None, typer.Argument(help="The person to delete.")] = None,
    sighting: Annotated[
        list[int] | None, typer.Option(help="A sighting's id; may be repeated.")
    ] = None,
    yes: Yes = False,
    store: Store = None,
    as_json: Json = False,
) -> int:
    """Delete a person, or sightings, for good."""
    if (pid is None) == (not sighting):
        raise typer.BadParameter("name a person, or sightings with --sighting ID; not both")
    what = f"all sightings of {pid}" if pid else f"sightings {', '.join(map(str, sighting or []))}"
    _confirm(f"Delete {what} for good? This can't be undone.", yes)
    with _gallery(store, create=False) as gallery:
        removal = gallery.remove(pid=pid, sighting_ids=sighting or [])
    _show("removal", removal, as_json)
    return DONE


@app.command()
def rename(old: str, new: str, store: Store = None) -> int:
    """Call a person otherwise."""
    with _gallery(store, create=False) as gallery:
        gallery.rename(old, new)
    _print_lines([f"{old} is now {new}"])
    return DONE


@app.command()
def merge(
    into: Annotated[str, typer.Argument(help="The person to keep.")],
    other: Annotated[str, typer.Argument(help="The person who is the same.")],
    store: Store = None,
) -> int:
    """Say that two are one person: OTHER's sightings become INTO's."""
    with _gallery(store, create=False) as gallery:
        moved = gallery.merge(into, other)
    _print_lines([f"{moved} sightings of {other} are now {into}'s"])
    return DONE


@app.command()
def split(
    sightings: Annotated[list[int], typer.Argument(help="Sightings' ids; see show.")],
    to: Annotated[str, typer.Option(help="Another or a new person.")],
    store: Store = None,
) -> int:
    """Give chosen sightings to another or a new person."""
    with _gallery(store, create=False) as gallery:
        moved = gallery.split(sightings, to=to)
    _print_lines([f"{moved} sightings are now {to}'s"])
    return DONE


@app.command()
def history(
    limit: Annotated[int, typer.Option(min=1)] = 50, store: Store = None, as_json: Json = False
) -> int:
    """List the changes, newest first."""
    with _gallery(store, create=False) as gallery:
        changes = gallery.history(limit=limit)
    _show("changes", changes, as_json)
    return DONE


@app.command()
def undo(
    change: Annotated[int | None, typer.Argument(help="Its number; by default the last.")] = None,
    yes: Yes = False,
    store: Store = None,
) -> int:
    """Undo the last change, or a named one."""
    from .gallery.errors import IrreversibleError

    with _gallery(store, create=False) as gallery:
        try:
            done = gallery.undo(change, allow_removal=yes)
        except IrreversibleError as error:
            if yes or "--yes" not in str(error) or not sys.stdin.isatty():
                raise
            _confirm(f"{str(error).split(';')[0]}. Go on?", yes)
            done = gallery.undo(change, allow_removal=True)
    _print_lines([done.summary])
    return DONE


# -- looking -----------------------------------------------------------------------------------


@app.command("list")
def list_identities(store: Store = None, as_json: Json = False) -> int:
    """List everyone in the gallery."""
    with _gallery(store, create=False) as gallery:
        identities = gallery.identities()
    _show("identities", identities, as_json)
    return DONE


@app.command()
def show(pid: str, store: Store = None, as_json: Json = False) -> int:
    """Show a person: sightings, cameras, first and last seen."""
    with _gallery(store, create=False) as gallery:
        person = gallery.identity(pid)
    _show("person", person, as_json)
    return DONE


@app.command()
def stats(store: Store = None, as_json: Json = False) -> int:
    """Show the gallery in numbers."""
    with _gallery(store, create=False) as gallery:
        _show("stats", gallery.stats(), as_json)
    return DONE


@app.command()
def verify(
    pictures: Annotated[bool, typer.Option(help="Read every picture again.")] = True,
    store: Store = None,
    as_json: Json = False,
) -> int:
    """Compare database, index and pictures."""
    with _gallery(store, create=False) as gallery, _progress() as progress:
        report = gallery.verify(pictures=pictures, progress=progress)
    _show("verify", report, as_json)
    return DONE if report.sound else SOME_FAILED


# -- looking after it --------------------------------------------------------------------------


@app.command()
def rebuild(store: Store = None, model: Model = None) -> int:
    """Make the index again; with --model, embed every picture again with another model."""
    with _gallery(store, create=False) as gallery, _progress() as progress:
        gallery.rebuild(model=model, progress=progress)
        stats = gallery.stats()
    _print_lines([f"{stats.sightings} sightings indexed, model {stats.model_name}"])
    return DONE


@app.command()
def export(
    path: Annotated[Path, typer.Argument(help="A .csv or .parquet file.")], store: Store = None
) -> int:
    """Write all sightings and vectors to a file."""
    with _gallery(store, create=False) as gallery:
        count = gallery.export(path)
    _print_lines([f"{count} sightings written to {path}"])
    return DONE


@app.command("import")
def import_file(
    path: Annotated[Path, typer.Argument(help="What export wrote.")],
    store: Store = None,
    as_json: Json = False,
) -> int:
    """Enroll what export wrote."""
    with _gallery(store, create=True) as gallery:
        report = gallery.import_(path)
    _show("report", report, as_json)
    return SOME_FAILED if report.conflicting else DONE


@app.command()
def figures(
    out: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    people: Annotated[int, typer.Option(min=1)] = 12,
    cameras: Annotated[int, typer.Option(min=1)] = 4,
    per_camera: Annotated[int, typer.Option(min=1)] = 2,
    seed: int = 0,
) -> int:
    """Draw pedestrians to try the gallery on: OUT/PID/*.jpg and OUT/manifest.csv."""
    from .gallery.figures import draw_figures

    drawn = draw_figures(out, people=people, cameras=cameras, per_camera=per_camera, seed=seed)
    _print_lines([f"{len(drawn)} pictures of {people} people in {out}"])
    return DONE


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="A new folder.")] = Path("demo"),
    crops: Annotated[Path | None, typer.Option(help="Your own crops, PID/*.jpg.")] = None,
) -> int:
    """Show what a gallery does, on drawn people or on your own crops."""
    from rich.console import Console

    from .gallery.demo import run_demo

    run_demo(out, crops, Console(width=None if sys.stdout.isatty() else 120))
    return DONE


# -- models ------------------------------------------------------------------------------------


@model_app.command("show")
def model_show(model: Annotated[Path | None, typer.Argument()] = None) -> int:
    """Print a model file's ModelSpec; by default the shipped model's."""
    from .gallery.extractor import Extractor, resolve_model

    extractor = Extractor.load(resolve_model(model))
    _print_json({"sha256": extractor.sha256, **json.loads(extractor.spec.to_json())})
    return DONE


@app.command()
def evaluate(
    model: Annotated[Path | None, typer.Argument(help="By default the shipped model.")] = None,
    protocol: Annotated[str, typer.Option(help="market1501, viper or grid.")] = "market1501",
    data: Annotated[Path, typer.Option(help="The data set's folder.")] = Path(),
) -> int:
    """Measure a model on a data set's protocol."""
    from .gallery.evaluation.models import evaluate_model
    from .gallery.extractor import Extractor, resolve_model

    extractor = Extractor.load(resolve_model(model))
    with _progress() as progress:
        result = evaluate_model(extractor, protocol, data, progress=progress)
    _print_lines([str(result)])
    return DONE


@app.command()
def train(
    data: Annotated[
        list[Path] | None, typer.Option(help="A folder or CSV manifest; may be repeated.")
    ] = None,
    layout: Annotated[
        list[str] | None, typer.Option(help="Of each --data, in the same order.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder.")] = None,
    recipe: Annotated[str, typer.Option(help="A shipped recipe, or a TOML file.")] = "cpu",
    teacher: Annotated[
        Path | None, typer.Option(help="A teacher's embeddings of all pictures, .npz.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder.")] = None,
) -> int:
    """Train an extractor; needs pip install 'reid-gallery[train]'."""
    from .train import api

    if (resume is None) == (out is None):
        raise typer.BadParameter("begin a run with --data and --out, or go on with --resume RUN")
    if resume is not None:
        file = api.resume(resume)
    else:
        file = api.train(
            sources=_pair_sources(data or [], layout or []),
            out=out or Path(),
            recipe=recipe,
            teacher=teacher,
        )
    _print_lines([str(file)])
    return DONE


def _pair_sources(data: list[Path], layout: list[str]) -> list[tuple[Path, str]]:
    if not data:
        raise typer.BadParameter("--data names what to train on")
    if len(layout) not in {0, 1, len(data)}:
        raise typer.BadParameter(f"{len(data)} --data but {len(layout)} --layout; give one each")
    layouts = layout * len(data) if len(layout) == 1 else layout or ["folders"] * len(data)
    return list(zip(data, layouts, strict=True))


# -- printing and running ----------------------------------------------------------------------


@contextmanager
def _gallery(
    store: Path | None,
    *,
    create: bool,
    model: Path | None = None,
    wait_s: float = 30.0,
    embeds: bool = False,
) -> Iterator["Gallery"]:
    """Open the gallery; ``embeds`` says that its model will be needed, and begins to load it."""
    from .gallery.store.directory import StoreDirectory, default_store

    options: dict[str, Any] = {"model": model, "create": create, "wait_s": wait_s}
    root = store or default_store()
    if embeds:
        from .gallery.extractor.early import EarlyExtractor

        options["load"] = EarlyExtractor(StoreDirectory(root).database, model)
    from .gallery.facade import Gallery

    with Gallery.open(root, **options) as opened:
        yield opened


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """A counter on stderr while a long command runs; silent when that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), MofNCompleteColumn(), "pictures", TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("pictures", total=None)
        yield lambda done: bar.advance(task, done)


def _time(text: str | None, option: str) -> Any:
    from .gallery.pictures.labelled import parse_time

    try:
        return None if text is None else parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from error


def _confirm(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ReidGalleryError(f"{question} Say --yes to do it without a terminal.")
    if not typer.confirm(question, err=True):
        raise typer.Abort


def _show(kind: str, value: Any, as_json: bool) -> None:
    """Print a result in one of its two forms; the other's libraries are not even imported."""
    if not as_json:
        from .gallery.reports import views

        _print_view(getattr(views, f"{kind}_view")(value))
        return
    from .gallery.reports import records

    made = getattr(records, f"{kind}_record")(value)
    for record in made if isinstance(made, list) else [made]:
        _print_json(record)


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _print_json(record: Any) -> None:
    print(json.dumps(record, default=str, ensure_ascii=False), flush=True)


def _print_view(view: "RenderableType") -> None:
    from rich.console import Console
    from rich.text import Text

    # Into a pipe or file a table keeps its full width: broken names would be of no use there.
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    console.print(view, soft_wrap=isinstance(view, Text))


def _say(line: str) -> None:
    """Print one line to stderr, whatever a path or name in it holds."""
    print("\\n".join(line.splitlines()), file=sys.stderr)


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
    logging.basicConfig(format="warning: %(message)s", level=logging.WARNING, stream=sys.stderr)
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
        _say(f"error: {error}")
    elif isinstance(error, OSError):
        _abandon_stdout()
        where = error.filename or "the output, or the current folder"
        _say(f"error: {where}: {error.strerror or error}")
    else:
        _say(f"error: {type(error).__name__}: {error}; not foreseen, -v shows where it happened")
    return FAILED


def _abandon_stdout() -> None:
    """What can't be written any more is not to be tried again at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

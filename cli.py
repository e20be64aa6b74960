"""The command line: parses, calls, prints. Results go to stdout, everything else to stderr."""

import gc
import logging
import os
import sys
import threading
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Literal, NoReturn, TextIO

import typer

from . import __version__
from .gallery.commands.options import DONE, FAILED, INTERRUPTED, USAGE
from .gallery.commands.terminal import OneLine, say
from .gallery.errors import ReidGalleryError

ROOMS = {
    ".gallery.commands.asking": ("enroll", "query", "compare"),
    ".gallery.commands.correcting": ("remove", "rename", "merge", "split", "history", "undo"),
    ".gallery.commands.looking": ("list", "show", "stats", "verify", "audit"),
    ".gallery.commands.keeping": ("rebuild", "export", "import", "figures", "demo"),
    ".gallery.commands.models": ("model",),
    ".gallery.commands.measuring": ("evaluate",),
    ".gallery.commands.calibrating": ("calibrate",),
    ".train.commands": ("prepare", "hypersphere", "train"),
}
"""Modules with commands, and their names, as --help shows them."""


def build_app(command: str = "") -> typer.Typer:
    """The command line of all commands, or of those that lie beside ``command``, if it is one.

    To make them all takes 12 ms, a thirtieth of a cold query.
    """
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
    app.callback()(options)
    for room in [room for room, names in ROOMS.items() if command in names] or ROOMS:
        app.add_typer(import_module(room, __package__).app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"reid-gallery {__version__}")
        raise typer.Exit


def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """A gallery for person re-identification: enroll full-body crops, ask who someone is."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    # While modules load there is no garbage; looking for it often is a tenth of a cold query.
    gc.set_threshold(50_000)
    sys.stdout, sys.stderr = _open(sys.stdout), _open(sys.stderr)
    sys.stdin = sys.stdin or _nothing("r")
    _leave(run(sys.argv[1:] if arguments is None else arguments))


def _open(stream: TextIO | None) -> TextIO:
    """Make a stream take everything: names that don't fit the terminal, and all if it is closed."""
    if stream is None:
        return _nothing("w")
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _nothing(mode: Literal["r", "w"]) -> TextIO:
    """In the place of a stream that is closed."""
    return Path(os.devnull).open(mode, encoding="utf-8")


def _leave(code: int) -> NoReturn:
    """End the process without taking apart what its libraries made: a sixth of a cold query.

    Nothing waits for that: results are written, and a command has closed its store. Where it was
    ended early a thread may still be at work, and training has processes to end: they are waited
    for.
    """
    if "torch" in sys.modules or threading.active_count() > 1:
        sys.exit(code)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; return its exit code: 0, 1, 2, 3 or 130."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options, operands = arguments[:end], arguments[end:]
    verbose = "-v" in options
    warnings = logging.StreamHandler(sys.stderr)
    warnings.setFormatter(OneLine("warning: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[warnings])
    try:
        arguments = [a for a in options if a != "-v"] + operands
        code = build_app(*arguments[:1])(arguments, standalone_mode=False)
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

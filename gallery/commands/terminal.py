"""What commands say and ask: results on stdout, everything else on stderr."""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from ..errors import ReidGalleryError
from ..one_line import spell_out

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress


class _Bar:
    """What is done, how fast, and what is waited for, on one line; a `WaitsProgress`."""

    def __init__(self, bar: "Progress", total: int | None) -> None:
        self._bar, self._done, self._began = bar, 0, time.perf_counter()
        self._task = bar.add_task("pictures", total=total, speed="", waits="")

    def __call__(self, done: int) -> None:
        self._done += done
        speed = self._done / max(1e-9, time.perf_counter() - self._began)
        self._bar.update(self._task, advance=done, speed=f"{speed:,.0f}/s")

    def waits_for(self, step: str) -> None:
        self._bar.update(self._task, waits=f"bottleneck: {step}")


@contextmanager
def show_progress(total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr while a long command runs, of ``total`` pictures where that is known.

    Silent when stderr is no terminal.
    """
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import (
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    left: ProgressColumn = TimeElapsedColumn() if total is None else TimeRemainingColumn()
    columns = (
        SpinnerColumn(),
        MofNCompleteColumn(),
        "pictures",
        TextColumn("{task.fields[speed]}"),
        left,
        TextColumn("{task.fields[waits]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar, total)


def parse_time_range(
    since: str | None, until: str | None
) -> tuple[datetime | None, datetime | None]:
    """Read what --since and --until give; what is no time or no range is wrong usage.

    Of a day without an hour the first is the beginning, and the last is the end.
    """
    first, last = _parse_time(since, "--since"), _parse_time(until, "--until")
    if last is not None and until is not None and _is_day(until):
        last += timedelta(days=1, microseconds=-1)
    if first is not None and last is not None and first > last:
        raise typer.BadParameter(f"--since {since} is later than --until {until}; swap them")
    return first, last


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _parse_time(text: str | None, option: str) -> datetime | None:
    from ..pictures.labelled import parse_time

    try:
        return None if text is None else parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from error


def confirm(question: str, yes: bool) -> None:
    """Go on only if ``yes`` was said, or is said now."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ReidGalleryError(f"{question} Say --yes to do it without a terminal.")
    if not typer.confirm(question, err=True):
        raise ReidGalleryError("not confirmed, so nothing was done")


def show_result(kind: str, value: Any, as_json: bool) -> None:
    """Print a result in one of its two forms; the other's libraries are not even imported."""
    if not as_json:
        from ..reports import views

        print_view(getattr(views, f"{kind}_view")(value))
        return
    from ..reports import records

    made = getattr(records, f"{kind}_record")(value)
    for record in made if isinstance(made, list) else [made]:
        print_json(record)


def print_lines(lines: Iterable[str]) -> None:
    """Print results that are lines already."""
    for line in lines:
        print(line)


def print_json(record: Any) -> None:
    """Print one object on one line; where stdout takes no Unicode, in escapes that JSON knows."""
    plain = "utf" not in (sys.stdout.encoding or "").lower()
    print(json.dumps(record, default=str, ensure_ascii=plain), flush=True)


def print_view(view: "RenderableType") -> None:
    """Print a table or text for people."""
    from rich.console import Console
    from rich.text import Text

    # Into a pipe or file a table keeps its full width: broken names would be of no use there.
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    console.print(view, soft_wrap=isinstance(view, Text))


def say(line: str) -> None:
    """Print one line to stderr, whatever a path or name in it holds."""
    print(spell_out(line), file=sys.stderr)


class OneLine(logging.Formatter):
    """Log records as `say` says a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, whatever a path or name in it holds."""
        return spell_out(super().format(record))

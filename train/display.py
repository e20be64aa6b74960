"""What a run shows while it goes on: a live line on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from .durations import say_duration
from .saying import log


class Display(Protocol):
    """Shows records as `run_folder.read_metrics` tells them.

    Attributes:
        live: whether what it shows replaces what it showed before.
    """

    live: bool

    def __enter__(self) -> "Display":
        """Begin."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        ...

    def say(self, line: str) -> None:
        """Say something once."""
        ...

    def show(self, record: Mapping[str, Any], *, share: float, left_s: float) -> None:
        """Show how training goes: ``share`` of the run is done, ``left_s`` seconds are left."""
        ...


class PlainDisplay:
    """Lines with the time, on stderr."""

    live = False

    def __enter__(self) -> "PlainDisplay":
        """See `Display`."""
        return self

    def __exit__(self, *error: object) -> None:
        """See `Display`."""

    def say(self, line: str) -> None:
        """See `Display`."""
        log(line)

    def show(self, record: Mapping[str, Any], *, share: float, left_s: float) -> None:
        """See `Display`."""
        log(f"{100 * share:3.0f} %  {describe(record)}, {say_duration(left_s)} left")


class TerminalDisplay:
    """One line at the bottom of the terminal that moves; what is said scrolls above it."""

    live = True

    def __init__(self) -> None:
        self._progress = Progress(
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True),
            transient=True,
            refresh_per_second=2,  # each costs a little of what trains
        )
        self._task = self._progress.add_task("starting", total=1.0)

    def __enter__(self) -> "TerminalDisplay":
        """See `Display`."""
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        """See `Display`."""
        self._progress.stop()

    def say(self, line: str) -> None:
        """See `Display`."""
        stamped = f"{time.strftime('%H:%M:%S')} {line}"
        self._progress.console.print(stamped, markup=False, highlight=False, soft_wrap=True)

    def show(self, record: Mapping[str, Any], *, share: float, left_s: float) -> None:
        """See `Display`."""
        text = f"{describe(record)}, {say_duration(left_s)} left"
        self._progress.update(self._task, completed=share, description=text)


class Silence(PlainDisplay):
    """For all processes but the first."""

    def say(self, line: str) -> None:
        """Say nothing."""

    def show(self, record: Mapping[str, Any], *, share: float, left_s: float) -> None:
        """Show nothing."""


def make_display(*, main: bool) -> Display:
    """Choose how to show a run: silently, on a terminal, or in plain lines."""
    if not main:
        return Silence()
    return TerminalDisplay() if sys.stderr.isatty() else PlainDisplay()


def describe(record: Mapping[str, Any]) -> str:
    """Say a training record in a line."""
    losses = ", ".join(f"{name} {value:.3f}" for name, value in record["losses"].items())
    return (
        f"epoch {record['epoch']}: {losses}; {record['pictures_per_s']:.0f} pictures/s, "
        f"waiting {100 * record['waiting_share']:.0f} %"
    )

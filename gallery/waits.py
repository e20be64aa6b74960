"""What a pipeline waits for: where its time goes when its steps run side by side."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar, runtime_checkable

Item = TypeVar("Item")

READING, EXTRACTOR, DATABASE = "reading", "extractor", "database"
"""The steps of an enrolment."""


@runtime_checkable
class WaitsProgress(Protocol):
    """A progress that is told the bottleneck too."""

    def __call__(self, done: int) -> None:
        """Take the number of pictures done since the last call."""

    def waits_for(self, step: str) -> None:
        """Take the step that has been waited for longest so far."""


class Waits:
    """Seconds that the thread which drives a pipeline has waited for each step.

    What runs beside something slower is never waited for, so the longest wait is the bottleneck.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextmanager
    def on(self, step: str) -> Iterator[None]:
        """Count the time of the block as waiting for ``step``."""
        began = time.perf_counter()
        try:
            yield
        finally:
            passed = time.perf_counter() - began
            self._seconds[step] = self._seconds.get(step, 0.0) + passed

    def on_each(self, step: str, items: Iterable[Item]) -> Iterator[Item]:
        """Hand items on; the time each takes to come is waiting for ``step``."""
        remaining = iter(items)
        while True:
            with self.on(step):
                batch = next(remaining, self)
            if isinstance(batch, Waits):  # the end: no item is its own stopwatch
                return
            yield batch

    @property
    def longest(self) -> str:
        """The step waited for longest; empty before any wait."""
        return max(self._seconds, key=self._seconds.__getitem__, default="")

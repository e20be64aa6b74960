"""Where the time of one query goes: the gallery's own functions, timed while it is asked.

A part's time is without that of the parts that it calls, so that with the rest all add up to the
whole query.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from statistics import median
from typing import Any
from unittest.mock import patch

from reid_gallery.gallery import asking, facade, ranking
from reid_gallery.gallery.decision import Calibration
from reid_gallery.gallery.passing import Passing
from reid_gallery.gallery.store import vectors
from reid_gallery.index import kernels
from reid_gallery.index.certified import CertifiedIndex
from reid_gallery.index.stacked import StackedIndex
from reid_gallery.index.twostage import TwoStageIndex
from rows import Row, tell

PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "counting bits": ((kernels, "hamming"),),
    "passing over the codes": ((kernels, "best_of_codes"),),
    "estimating and selecting": ((TwoStageIndex, "_promising"),),
    "bounding": ((CertifiedIndex, "_near"),),
    "reading vectors": ((vectors, "read_vectors"),),
    "scoring": ((StackedIndex, "_exact_scores"), (ranking, "exact_scores")),
    "people and sightings": (
        (asking, "identities_of"),
        (asking, "load_sightings"),
        (ranking, "best_identities"),
    ),
    "threshold": (
        (asking, "_calibration"),
        (Calibration, "threshold"),
        (Calibration, "probability"),
    ),
    "finding what passes the filter": (
        (facade, "warn_of_unknown"),
        (Passing, "ids"),
        (Passing, "size"),
    ),
}
REST = "the rest"

Parts = dict[str, float]
"""Milliseconds, by the part's name."""


class _Clock:
    """Time goes to one part at a time, the innermost that is at work."""

    def __init__(self) -> None:
        self._at_work = [REST]
        self.start()

    def start(self) -> None:
        """From now on; what was measured is forgotten."""
        self._taken = dict.fromkeys((*PARTS, REST), 0.0)
        self._since = time.perf_counter()

    def read(self) -> Parts:
        """Up to now."""
        self._turn()
        return {part: 1000 * seconds for part, seconds in self._taken.items()}

    def _turn(self) -> None:
        now = time.perf_counter()
        self._taken[self._at_work[-1]] += now - self._since
        self._since = now

    def timing(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, as a part."""

        @wraps(function)
        def timed(*arguments: Any, **options: Any) -> Any:
            self._turn()
            self._at_work.append(part)
            try:
                return function(*arguments, **options)
            finally:
                self._turn()
                self._at_work.pop()

        return timed


@contextmanager
def _timed_parts() -> Iterator[_Clock]:
    clock = _Clock()
    with ExitStack() as patched:
        for part, places in PARTS.items():
            for owner, name in places:
                timed = clock.timing(part, getattr(owner, name))
                patched.enter_context(patch.object(owner, name, timed))
        yield clock


def time_parts(ask: Callable[[int], object], runs: int) -> Parts:
    """Medians of asking with 0, 1, ...; parts that have next to nothing to do are left out."""
    each = []
    with _timed_parts() as clock:
        for run in range(runs):
            clock.start()
            ask(run)
            each.append(clock.read())
    medians = {part: median(one[part] for one in each) for part in (*PARTS, REST)}
    whole = sum(medians.values())
    return {part: taken for part, taken in medians.items() if taken > whole / 1000}


def tell_parts(what: str, size: int, parts: Parts) -> None:
    """A row for each, beside the whole query."""
    whole = sum(parts.values())
    for part, taken in parts.items():
        tell(Row(what=f"{what}: {part} / all of it", size=size, floor=whole, ours=taken, unit="ms"))


def in_words(parts: Parts, size: int) -> str:
    """The parts, longest first: the cause of a miss."""
    longest = sorted(parts.items(), key=lambda part: -part[1])
    told = ", ".join(f"{part} {taken:.2g}" for part, taken in longest)
    return f"of {sum(parts.values()):.3g} ms among {size:,}: {told}"

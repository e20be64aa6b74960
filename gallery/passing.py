"""What of a gallery passes a filter: found once, then only what is enrolled later is looked at.

Beside a writer every query sees a new state of the store. To look through all sightings for each
would take longer than the search itself: among a million 0.05 s to count everybody's, twice that
for a filter.
"""

import sqlite3
from collections import Counter

import numpy as np

from .decision import GallerySize
from .ranking import Ids
from .store.counts import gallery_size, sightings_by_identity
from .store.sightings import Filter, passing_between


class Passing:
    """The sightings that a filter lets through; asked of later and later snapshots.

    It holds as long as sightings are only added: who removes or corrects some makes a new one.
    """

    def __init__(self, chosen: Filter) -> None:
        self._filter = chosen
        self._ids: Ids = np.empty(0, np.int64)
        self._size: Counter[int] | None = Counter() if chosen.restricts else None
        self._counts: Ids | None = None  # of every identity's, by its row
        self._seen_to = 0

    def ids(self, sqlite: sqlite3.Connection, last: int) -> Ids:
        """Return int64[m], their ids, ascending, where the filter restricts.

        Args:
            sqlite: the snapshot.
            last: its last sighting.
        """
        if last > self._seen_to:
            news, owners = passing_between(sqlite, self._filter, after=self._seen_to, last=last)
            self._ids = np.concatenate((self._ids, news))
            self._count(*np.unique(owners, return_counts=True))
            self._seen_to = last
        return self._ids

    def size(self, sqlite: sqlite3.Connection, last: int) -> GallerySize:
        """Return how many people have so many of them; the arguments as in `ids`."""
        if self._filter.restricts:
            self.ids(sqlite, last)
        elif self._size is None:  # SQLite counts everybody's from an index that holds all it needs
            self._size, self._seen_to = Counter(gallery_size(sqlite)), last
        elif last > self._seen_to:
            self._bring_forward(sqlite)
            self._seen_to = last
        return self._size or {}

    def _bring_forward(self, sqlite: sqlite3.Connection) -> None:
        if self._counts is None:  # which a process that asks once has no need of
            self._size, seen_to = Counter(), 0
        else:
            seen_to = self._seen_to
        more = sightings_by_identity(sqlite, after=seen_to)
        self._count(np.array([*more], np.int64), np.array([*more.values()], np.int64))

    def _count(self, people: Ids, more: Ids) -> None:
        """Count ``more`` sightings of each of these identities."""
        counts = np.empty(0, np.int64) if self._counts is None else self._counts
        self._counts = np.pad(counts, (0, max(0, int(people.max(initial=-1)) + 1 - len(counts))))
        before = self._counts[people]
        self._counts[people] += more
        size = Counter(self._size)
        size.subtract(_tally(before))
        size.update(_tally(before + more))
        del size[0]  # who had none before
        self._size = +size


def _tally(numbers: Ids) -> dict[int, int]:
    values, times = np.unique(numbers, return_counts=True)
    return dict(zip(values.tolist(), times.tolist(), strict=True))

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
from .store.sightings import Filter, filtered_ids, gallery_size, sightings_by_identity


class Passing:
    """The sightings that a filter lets through; asked of later and later snapshots.

    It holds as long as sightings are only added: who removes or corrects some makes a new one.
    """

    def __init__(self, chosen: Filter) -> None:
        self._filter = chosen
        self._ids: Ids = np.empty(0, np.int64)
        self._ids_to = 0
        self._size: Counter[int] | None = None
        self._counts: Counter[int] | None = None
        self._size_to = 0

    def ids(self, sqlite: sqlite3.Connection, last: int) -> Ids:
        """Return int64[m], their ids, ascending; ``last`` is the snapshot's last sighting."""
        if last > self._ids_to:
            news = filtered_ids(sqlite, self._filter, after=self._ids_to)
            self._ids, self._ids_to = np.concatenate((self._ids, news)), last
        return self._ids

    def size(self, sqlite: sqlite3.Connection, last: int) -> GallerySize:
        """Return how many people have so many of them; ``last`` as in `ids`."""
        if self._size is None:
            self._size, self._size_to = Counter(gallery_size(sqlite, self._filter)), last
        elif last > self._size_to:
            self._bring_forward(sqlite)
            self._size_to = last
        return self._size

    def _bring_forward(self, sqlite: sqlite3.Connection) -> None:
        if self._counts is None:  # which a process that asks once has no need of
            self._counts = Counter(sightings_by_identity(sqlite, self._filter))
            self._size = Counter(self._counts.values())
            return
        size = Counter(self._size)
        for person, more in sightings_by_identity(
            sqlite, self._filter, after=self._size_to
        ).items():
            before = self._counts[person]
            self._counts[person] = before + more
            size[before] -= before > 0
            size[before + more] += 1
        self._size = +size

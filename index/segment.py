"""A run of rows that never change: mapped from a file, or a growing buffer seen up to a row.

What changes makes another `Segment`, so a search that holds the old one is not disturbed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .kernels import Rows
from .protocol import Ids

Columns = Mapping[str, npt.NDArray[Any]]
"""What is kept of n rows beside their ids, by name: contiguous arrays of n rows each."""

VECTORS = "vectors"
"""The column of whole vectors, where they are kept."""


@dataclass(frozen=True, eq=False)
class _Room:
    """Buffers with place for more rows than are used."""

    ids: Ids
    columns: Columns


@dataclass(frozen=True, eq=False)
class Segment:
    """Rows in the order they came, some of them dead (removed).

    Attributes:
        ids: int64[n] in row order. An id that was removed and added again stands twice.
        columns: what is kept of each row.
        dead: int64[m], rows, ascending.
    """

    ids: Ids
    columns: Columns
    dead: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    _by_id: Rows | None = None
    """Rows by ascending id, the newer of equal ones last; None if row order is that."""
    _room: _Room | None = None

    @classmethod
    def with_room(cls, rows: int, like: Columns) -> Self:
        """An empty one, of columns like these, that can be `extended` up to ``rows``."""
        ids = np.empty(rows, np.int64)
        columns = {name: np.empty((rows, *c.shape[1:]), c.dtype) for name, c in like.items()}
        return cls(ids=ids[:0], columns=cut(columns, slice(0)), _room=_Room(ids, columns))

    @property
    def live(self) -> int:
        """How many rows are not dead."""
        return len(self.ids) - len(self.dead)

    @property
    def free(self) -> int:
        """How many rows can be appended."""
        return 0 if self._room is None else len(self._room.ids) - len(self.ids)

    def extended(self, ids: Ids, columns: Columns) -> "Segment":
        """With rows appended, at most `free`; only the newest of a family may be extended.

        They are copied into the buffer behind the rows that this one shows, so this one stays
        valid, and nothing else is copied.
        """
        if self._room is None or len(ids) > self.free:
            raise AssertionError("a segment was extended beyond its room")
        start, stop = len(self.ids), len(self.ids) + len(ids)
        self._room.ids[start:stop] = ids
        for name, column in columns.items():
            self._room.columns[name][start:stop] = column
        all_ids, all_columns = self._room.ids[:stop], cut(self._room.columns, slice(stop))
        return replace(self, ids=all_ids, columns=all_columns, _by_id=_order(all_ids))

    def without(self, rows: Rows) -> "Segment":
        """With these rows dead too; ``rows`` are live, in any order."""
        return replace(self, dead=np.sort(np.concatenate([self.dead, rows])))

    def live_rows(self) -> Rows:
        """int64, ascending."""
        return np.delete(np.arange(len(self.ids)), self.dead)

    def live_ids(self) -> Ids:
        """int64 in row order."""
        return np.delete(self.ids, self.dead) if len(self.dead) else self.ids

    def find(self, keys: Ids) -> tuple[Rows, Rows]:
        """Where ids are.

        Args:
            keys: int64[m], ascending, distinct.

        Returns:
            positions int64[h] in ``keys``, ascending, of those that live here, and their rows
            int64[h].
        """
        inside = self._span(keys)
        keys = keys[inside]
        # The last of equal ids: an earlier one is dead.
        slots = np.searchsorted(self.ids, keys, side="right", sorter=self._by_id) - 1
        rows = slots if self._by_id is None else self._by_id[slots]
        found = np.flatnonzero(self.ids[rows] == keys)
        found = found[~among(rows[found], self.dead)]
        return found + inside.start, rows[found]

    def rows_of(self, keys: Ids) -> Rows:
        """Rows, ascending, of those ``keys`` (int64[m], ascending, distinct) that live here."""
        inside = keys[self._span(keys)]
        if len(inside) * 32 <= len(self.ids) or inside[-1] - inside[0] > 8 * len(self.ids):
            return np.sort(self.find(keys)[1])
        # Many keys in a dense range: marking them in a table is several times faster.
        wanted = np.zeros(inside[-1] - inside[0] + 1, dtype=np.bool_)
        wanted[inside - inside[0]] = True
        slots = self.ids - inside[0]
        rows = np.flatnonzero((slots >= 0) & (slots < len(wanted)))
        rows = rows[wanted[slots[rows]]]
        live: Rows = rows[~among(rows, self.dead)]
        return live

    def _span(self, keys: Ids) -> slice:
        """The part of ascending keys between the smallest and the largest id."""
        if not len(self.ids):
            return slice(0, 0)
        first, last = self.ids[[0, -1]] if self._by_id is None else self.ids[self._by_id[[0, -1]]]
        return slice(
            int(np.searchsorted(keys, first, side="left")),
            int(np.searchsorted(keys, last, side="right")),
        )


def cut(columns: Columns, rows: slice | Rows) -> Columns:
    """The same columns, of these rows only."""
    return {name: column[rows] for name, column in columns.items()}


def _order(ids: Ids) -> Rows | None:
    if np.all(ids[1:] > ids[:-1]):
        return None
    return np.argsort(ids, kind="stable")


def among(rows: Rows, ascending: Rows) -> npt.NDArray[np.bool_]:
    """Which of the rows are in an ascending list."""
    if not len(ascending):
        return np.zeros(len(rows), dtype=np.bool_)
    slots = np.searchsorted(ascending, rows)
    slots[slots == len(ascending)] = 0
    found: npt.NDArray[np.bool_] = ascending[slots] == rows
    return found

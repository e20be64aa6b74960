"""All rows of an index: a mapped segment at the bottom, segments in memory on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import IndexValueError
from .protocol import Ids
from .segment import Columns, Segment, cut

_FIRST_ROOM, _FULL_ROOM = 64, 32_768
"""Rows of the smallest and the largest segment in memory."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Segments in which each live id stands once. A change makes another stack.

    Growing copies only what is new. Rows that are removed stay behind, dead, until they outnumber
    the live ones in memory; those in the mapped file stay as long as it is mapped.

    Attributes:
        empty: columns of no rows: what every segment has.
        mapped: the segment that lies in a file, if any.
        in_memory: the other segments; only the last may have room.
    """

    empty: Columns
    mapped: Segment | None = None
    in_memory: tuple[Segment, ...] = ()

    def __len__(self) -> int:
        return sum(segment.live for segment in self)

    def __iter__(self) -> Iterator[Segment]:
        if self.mapped is not None:
            yield self.mapped
        yield from self.in_memory

    def ids(self) -> Ids:
        """int64[n], ascending, of the live rows."""
        live = [segment.live_ids() for segment in self]
        ids: Ids = np.concatenate([np.empty(0, np.int64), *live])
        return ids if np.all(ids[1:] > ids[:-1]) else np.sort(ids, kind="stable")

    def present(self, keys: Ids) -> Ids:
        """Those of the keys (int64[m], ascending, distinct) that live here."""
        found = [keys[segment.find(keys)[0]] for segment in self]
        return np.concatenate([np.empty(0, np.int64), *found])

    def column(self, name: str, keys: Ids) -> npt.NDArray[Any]:
        """A column's rows of int64[m] keys, ascending, distinct; all must live here."""
        like = self.empty[name]
        gathered = np.empty((len(keys), *like.shape[1:]), like.dtype)
        missing = np.ones(len(keys), dtype=np.bool_)
        for segment in self:
            positions, rows = segment.find(keys)
            gathered[positions] = segment.columns[name][rows]
            missing[positions] = False
        if missing.any():
            raise IndexValueError(
                f"no vector has id {keys[missing][0]} ({missing.sum()} of {len(keys)} ids unknown)"
            )
        return gathered

    def appended(self, ids: Ids, columns: Columns) -> Stack:
        """With rows added; none of the ids lives here. Only the newest stack may be appended to."""
        grown = list(self.in_memory)
        while len(ids):
            if not grown or not grown[-1].free:
                wanted = max(len(ids), 2 * len(grown[-1].ids) if grown else _FIRST_ROOM)
                grown.append(Segment.with_room(min(wanted, _FULL_ROOM), self.empty))
            take = grown[-1].free
            grown[-1] = grown[-1].extended(ids[:take], cut(columns, slice(take)))
            ids, columns = ids[take:], cut(columns, slice(take, None))
        return replace(self, in_memory=tuple(grown))

    def without(self, keys: Ids) -> Stack:
        """With the rows of these keys (int64[m], ascending, distinct) removed, where present."""
        mapped = None if self.mapped is None else _without(self.mapped, keys)
        in_memory = tuple(_without(segment, keys) for segment in self.in_memory)
        return replace(self, mapped=mapped, in_memory=in_memory)._compacted()

    def _compacted(self) -> Stack:
        """With the segments in memory copied together if most of their rows are dead."""
        dead = sum(len(segment.dead) for segment in self.in_memory)
        if dead <= max(_FIRST_ROOM, sum(segment.live for segment in self.in_memory)):
            return self
        compact = replace(self, in_memory=())
        for segment in self.in_memory:
            rows = segment.live_rows()
            compact = compact.appended(segment.ids[rows], cut(segment.columns, rows))
        return compact


def _without(segment: Segment, keys: Ids) -> Segment:
    rows = segment.find(keys)[1]
    return segment.without(rows) if len(rows) else segment

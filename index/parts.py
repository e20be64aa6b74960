"""What a search goes through: the segments of one moment, and which of their rows may be hits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .kernels import Rows
from .protocol import Hits, Ids, Vectors
from .segment import Segment
from .stack import Stack

_SPARSE = 1 / 8
"""Below this share of selected rows it is quicker to copy them together than to pass over all."""


@dataclass(frozen=True, eq=False)
class Part:
    """A segment and its rows that count.

    Attributes:
        segment: where to look.
        selected: int64[m], live rows, ascending; None for all, none of them dead.
    """

    segment: Segment
    selected: Rows | None

    def __len__(self) -> int:
        return self.segment.live if self.selected is None else len(self.selected)

    @property
    def rows(self) -> Rows:
        """int64[m], the rows that count, ascending."""
        return np.arange(len(self.segment.ids)) if self.selected is None else self.selected

    @property
    def sparse(self) -> bool:
        """Whether so few rows count that they had better be copied together."""
        return self.selected is not None and len(self.selected) < _SPARSE * len(self.segment.ids)

    def mask(self) -> npt.NDArray[np.bool_] | None:
        """bool[n] over the segment's rows; None for all."""
        if self.selected is None:
            return None
        chosen = np.zeros(len(self.segment.ids), np.bool_)
        chosen[self.selected] = True
        return chosen

    def column(self, name: str, rows: Rows) -> npt.NDArray[Any]:
        """Rows of a column, copied."""
        return self.segment.columns[name][rows]


def parts_of(stack: Stack, keys: Ids | None) -> list[Part]:
    """The parts of a stack that are not empty.

    Args:
        stack: of the moment the search began.
        keys: int64[m] ids that may be hits, ascending, distinct; None for all.
    """
    parts = []
    for segment in stack:
        if keys is not None:
            selected: Rows | None = segment.rows_of(keys)
        else:
            selected = segment.live_rows() if len(segment.dead) else None
        part = Part(segment, selected)
        if len(part):
            parts.append(part)
    return parts


def hits_of(found: Sequence[tuple[Ids, Vectors]], k: int) -> Hits:
    """The k best of what was found for each query.

    Args:
        found: for each query ids int64[m] and exact scores float32[m], in any order.
        k: columns of the hits.
    """
    hits = Hits.none(len(found), k)
    for row, (ids, scores) in enumerate(found):
        best = np.lexsort((ids, -scores))[:k]
        hits.ids[row, : len(best)], hits.scores[row, : len(best)] = ids[best], scores[best]
    return hits

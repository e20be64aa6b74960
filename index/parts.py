"""What a search goes through: the segments of one moment, and which of their rows may be hits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .kernels import Rows
from .protocol import Hits, Ids, Vectors
from .segment import Segment, among
from .stack import Stack

_SPARSE = 1 / 8
"""Below this share of selected rows it is quicker to copy them together than to pass over all."""

_FEW_DEAD = 1 / 256


@dataclass(frozen=True, eq=False)
class Part:
    """A segment and its rows that count.

    Attributes:
        segment: where to look.
        selected: int64[m], live rows, ascending; None for all that live: then few are dead, and it
            is quicker to look at them too and to drop what they hit.
    """

    segment: Segment
    selected: Rows | None

    def __len__(self) -> int:
        return self.segment.live if self.selected is None else len(self.selected)

    @property
    def rows(self) -> Rows:
        """int64[m], the rows that count, ascending."""
        return self.segment.live_rows() if self.selected is None else self.selected

    @property
    def dead_among_them(self) -> int:
        """How many rows that don't count are met by who looks at all of them."""
        return len(self.segment.dead) if self.selected is None else 0

    @property
    def sparse(self) -> bool:
        """Whether so few rows count that they had better be copied together."""
        return self.selected is not None and len(self.selected) < _SPARSE * len(self.segment.ids)

    def mask(self) -> npt.NDArray[np.bool_] | None:
        """bool[n] over the segment's rows; None for all that live."""
        if self.selected is None:
            return None
        chosen = np.zeros(len(self.segment.ids), np.bool_)
        chosen[self.selected] = True
        return chosen

    def counting(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Which of these rows, any of the segment's, count."""
        if self.selected is None:
            return ~among(rows, self.segment.dead)
        return among(rows, self.selected)


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
            many_dead = len(segment.dead) > _FEW_DEAD * len(segment.ids)
            selected = segment.live_rows() if many_dead else None
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

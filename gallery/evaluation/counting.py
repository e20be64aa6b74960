"""How many items of a row of scores are ahead of each relevant item, exactly.

An item is ahead of another if its score is higher, or equal and it stands earlier in the gallery.
Two ways, equal in result: a few relevant items are each compared with the whole row, which is
what numpy does fastest; with many, that would be quadratic, and each item of the row looks up its
place among the relevant ones instead. Neither sorts the row.

In both, ``row`` is float32[n], the scores of the items to count, -inf where an item doesn't count;
``scores`` is float32[r], of the relevant items; and ``cuts`` is int64[r], ascending: in a tie the
items of the row before the cut are ahead, and those from the cut on are behind.
"""

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]

_FEW = 128
"""More relevant items than this are faster looked up than compared."""

_BATCH = 32
"""Relevant items compared at once; their truth values should fit the processor's cache."""


class AheadCounter:
    """Counts in rows of up to ``longest`` scores; its buffer serves them all."""

    def __init__(self, longest: int) -> None:
        self._marks = np.empty((_BATCH, longest), dtype=np.bool_)

    def count(self, row: Scores, scores: Scores, cuts: Rows) -> Rows:
        """Count the items ahead of each relevant item: int64[r]."""
        if len(scores) > _FEW:
            return count_by_looking_up(row, scores, cuts)
        return self.count_by_comparing(row, scores, cuts)

    def count_by_comparing(self, row: Scores, scores: Scores, cuts: Rows) -> Rows:
        """Count as `count` does, for a few relevant items."""
        counts: list[int] = []
        for start in range(0, len(scores), _BATCH):
            some = scores[start : start + _BATCH, None]
            marks = self._marks[: len(some), : len(row)]
            np.greater(row, some, out=marks)
            counts.extend(map(np.count_nonzero, marks))
            np.equal(row, some, out=marks)
            if marks.any():  # ties are rare, so that a relevant item's cut seldom matters
                for place in np.flatnonzero(marks.any(axis=1)).tolist():
                    number = start + place
                    counts[number] += int(np.count_nonzero(marks[place, : cuts[number]]))
        return np.array(counts, dtype=np.int64)

    def find(self, row: Scores, score: Scores, cut: int) -> Rows:
        """Find the items ahead of the one relevant item whose ``score`` is float32[1]."""
        ahead = self._marks[0, : len(row)]
        np.greater_equal(row[:cut], score, out=ahead[:cut])
        np.greater(row[cut:], score, out=ahead[cut:])
        return np.flatnonzero(ahead)


def count_by_looking_up(row: Scores, scores: Scores, cuts: Rows) -> Rows:
    """Count as `AheadCounter.count` does, for many relevant items."""
    keys = _sort_keys(scores, cuts)
    order = np.argsort(keys, kind="stable")
    # A relevant item with the key of an item of the row is ahead of it: it stands before its cut.
    better = np.searchsorted(keys[order], _sort_keys(row, np.arange(len(row))), side="right")
    counts = np.empty_like(keys)
    # An item behind the k best relevant items, and no more, is ahead of all the others.
    counts[order] = np.cumsum(np.bincount(better, minlength=len(keys)))[: len(keys)]
    return counts


def _sort_keys(scores: Scores, positions: Rows) -> Rows:
    """Numbers that ascend from the best item to the last: by score, then by position.

    The bits of a float32, read as sign and magnitude, are ordered like the float itself.
    """
    bits = scores.view(np.int32).astype(np.int64)
    ordered = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
    return np.asarray(positions - ordered * 2**32, dtype=np.int64)

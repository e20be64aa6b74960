"""Exact ranks of the relevant gallery items, without a sort of the scores.

A relevant item's rank is one more than the number of items ahead of it, which is counted.
"""

from dataclasses import dataclass

import numpy as np

from .counting import AheadCounter, Rows, Scores
from .relevance import Judged, Relevance

_WORTH_NARROWING = 0.25
"""If fewer of a row's items can be ahead of any relevant item, the others are dropped first."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Where the relevant items of ``v`` queries stand; the best rank is 1.

    Attributes:
        items: int64[sum(counts)], the ranks of each query's relevant items, ascending, one query
            after the other.
        nth: int64[sum(counts)], 1 for the first found of a query, 2 for its second...
        counts: int64[v], how many relevant items each query has.
        people: int64[v], the rank of the query's person among identities, each of which stands
            where its best item stands.
    """

    items: Rows
    nth: Rows
    counts: Rows
    people: Rows


class Ranker:
    """Ranks one gallery's items in block after block of scores."""

    def __init__(self, relevance: Relevance) -> None:
        self._identities = relevance.identities
        self._run_ends = relevance.run_ends
        self._counter = AheadCounter(len(relevance.identities))
        self._seen = np.empty(relevance.identities.max(initial=-1) + 1, dtype=np.bool_)

    def rank(self, scores: Scores, judged: Judged) -> Ranks:
        """Rank the relevant items of a block of queries.

        Args:
            scores: float32[v, g] of the judged queries; used up.
            judged: what is relevant and what is junk in them, v >= 1.
        """
        own = scores[judged.owners, judged.relevant]
        # Junk is out, and relevant items count by their order among themselves.
        scores[judged.same_pid_owners, judged.same_pid] = -np.inf
        cuts = self._run_ends[judged.relevant]
        starts = np.cumsum(judged.counts) - judged.counts
        floors = np.minimum.reduceat(own, starts)
        bests = _first_best(own, judged, starts)
        ahead = np.empty(len(own), dtype=np.int64)
        people = np.empty(len(starts), dtype=np.int64)
        for place, (start, count) in enumerate(zip(starts, judged.counts, strict=True)):
            some = slice(start, start + count)
            ahead[some], people[place] = self._count_ahead(
                scores[place], own[some], cuts[some], floors[place], bests[place] - start
            )
        order = np.lexsort((ahead, judged.owners))
        nth = np.arange(1, len(own) + 1) - starts[judged.owners]
        return Ranks(ahead[order] + nth, nth, judged.counts, people + 1)

    def _count_ahead(
        self, row: Scores, own: Scores, cuts: Rows, floor: np.float32, best: int
    ) -> tuple[Rows, int]:
        """Count the items ahead of each relevant one, and the people ahead of the best one."""
        identities = self._identities
        contenders = row >= floor
        if np.count_nonzero(contenders) < _WORTH_NARROWING * len(row):
            kept = np.flatnonzero(contenders)
            row, cuts, identities = row[kept], np.searchsorted(kept, cuts), identities[kept]
        counts = self._counter.count(row, own, cuts)
        if not counts[best]:
            return counts, 0
        ahead = self._counter.find(row, own[best : best + 1], int(cuts[best]))
        self._seen[:] = False
        self._seen[identities[ahead]] = True
        return counts, int(np.count_nonzero(self._seen))


def _first_best(own: Scores, judged: Judged, starts: Rows) -> Rows:
    """Where in ``own`` each query's best relevant item is; the first of equals."""
    best = np.flatnonzero(own == np.maximum.reduceat(own, starts)[judged.owners])
    return np.asarray(best[np.searchsorted(best, starts)])

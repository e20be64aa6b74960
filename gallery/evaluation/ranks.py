"""Exact ranks of the relevant gallery items, without a sort or the whole score matrix.

Queries are scored a block at a time; a relevant item's rank is one more than the number of items
ahead of it, which is counted.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .counting import AheadCounter, Rows, Scores
from .relevance import Judged, Relevance

Embeddings = npt.NDArray[np.float32]

_BLOCK_BYTES = 96 * 2**20
"""Memory for one block of scores; smaller blocks make the matrix product slower."""

_BLOCK_QUERIES = 512
"""More queries in a block no longer make the product faster."""

_WORTH_NARROWING = 0.25
"""If fewer of a row's items can be ahead of any relevant item, the others are dropped first."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Where the relevant items of ``v`` queries stand; the best rank is 1.

    Attributes:
        items: int64[sum(counts)], the ranks of each query's relevant items, ascending, one query
            after the other.
        counts: int64[v], how many relevant items each query has.
        identity: int64[v], the rank of the query's person among identities, each of which stands
            where its best item stands.
    """

    items: Rows
    counts: Rows
    identity: Rows


def rank_relevant(query: Embeddings, gallery: Embeddings, relevance: Relevance) -> Ranks:
    """Rank the relevant items of every judged query.

    Args:
        query: float32[q, d], all queries, judged or not.
        gallery: float32[g, d].
        relevance: what `judge` found of the same queries and gallery.
    """
    ranker = _Ranker(relevance.identities)
    items: list[Rows] = []
    identity: list[int] = []
    judged = relevance.judged
    block = min(_BLOCK_QUERIES, max(1, _BLOCK_BYTES // (4 * len(gallery))))
    scores = np.empty((min(block, len(judged)), len(gallery)), dtype=np.float32)
    for start in range(0, len(judged), block):
        some = judged[start : start + block]
        np.matmul(query[[one.query for one in some]], gallery.T, out=scores[: len(some)])
        for row, one in zip(scores, some, strict=False):
            ranks, identity_rank = ranker.rank(row, one)
            items.append(ranks)
            identity.append(identity_rank)
    return Ranks(
        np.concatenate(items),
        np.array([len(ranks) for ranks in items], dtype=np.int64),
        np.array(identity, dtype=np.int64),
    )


class _Ranker:
    """Ranks in one query's row of scores; its buffers serve all rows."""

    def __init__(self, identities: Rows) -> None:
        self._identities = identities
        self._counter = AheadCounter(len(identities))
        self._seen = np.empty(identities.max(initial=-1) + 1, dtype=np.bool_)

    def rank(self, row: Scores, judged: Judged) -> tuple[Rows, int]:
        """Ranks, ascending, of the relevant items, and of their person; ``row`` is used up."""
        scores, cuts, identities = row[judged.relevant], judged.run_ends, self._identities
        row[judged.same_pid] = -np.inf  # junk is out; relevant items count by their own order
        contenders = row >= scores.min()
        if np.count_nonzero(contenders) < _WORTH_NARROWING * len(row):
            kept = np.flatnonzero(contenders)
            row, cuts, identities = row[kept], np.searchsorted(kept, cuts), identities[kept]
        counts = self._counter.count(row, scores, cuts)
        counts.sort()
        best = int(np.argmax(scores))  # the first of equals
        ahead = self._counter.find(row, scores[best : best + 1], int(cuts[best]))
        ranks = counts + np.arange(1, len(counts) + 1)
        return ranks, 1 + self._count_people(identities[ahead])

    def _count_people(self, identities: Rows) -> int:
        self._seen[:] = False
        self._seen[identities] = True
        return int(np.count_nonzero(self._seen))

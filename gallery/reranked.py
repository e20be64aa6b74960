"""People ranked by their sightings' neighbours: all queries of a call and the gallery together."""

from collections.abc import Mapping

import numpy as np

from ..index import VectorIndex
from .errors import QueryError
from .evaluation.reranking import RerankedScorer
from .ranking import Ids, RankedIdentity, Vectors, best_identities, counting_ids

MOST_COMPARED = 100_000
"""Queries and sightings, all with one another: twice as many take four times as long."""

_AT_ONCE = 64
"""Queries whose scores with all sightings are held in memory."""


def rank_reranked(
    queries: Vectors,
    index: VectorIndex,
    owners: Mapping[int, int],
    *,
    k: int,
    allowed: Ids | None = None,
) -> list[list[RankedIdentity]]:
    """Rank identities by their best sighting's re-ranked score; see `evaluation.reranking`.

    Args:
        queries: float32[q, d] unit rows; they are each other's neighbours, too.
        index: holds the sightings.
        owners: identity of each sighting; sightings that are gone are left out.
        k: how many identities.
        allowed: int64[m], the only sightings that count; None allows all.

    Returns:
        As `ranking.rank_identities`, with scores in [0, 1] that are no cosines.

    Raises:
        QueryError: there are more than `MOST_COMPARED` of both.
    """
    ids = counting_ids(index, owners, allowed)
    if len(queries) + len(ids) > MOST_COMPARED:
        raise QueryError(
            f"re-ranking compares all {len(queries):,} queries and {len(ids):,} sightings with one "
            f"another, more than {MOST_COMPARED:,}; ask less at a time, of fewer cameras or days"
        )
    if not len(queries) or not len(ids):
        return [[] for _ in queries]
    rows = np.arange(len(queries) + len(ids))
    asking, asked = rows[: len(queries)], rows[len(queries) :]
    scorer = RerankedScorer(np.concatenate([queries, index.vectors(ids)]), asking, asked)
    rankings = []
    for start in range(0, len(asking), _AT_ONCE):
        some = asking[start : start + _AT_ONCE]
        scores = np.empty((len(some), len(ids)), np.float32)
        scorer.score(some, scores)
        rankings += [best_identities(row, ids, owners, k=k) for row in scores]
    return rankings

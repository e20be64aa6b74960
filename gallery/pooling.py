"""Identity scores other than the best sighting's: they need every sighting of every identity."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from ..index import VectorIndex
from .ranking import Ids, RankedIdentity, Vectors, counting_ids, exact_scores

Pooling = Literal["max", "mean", "centroid"]
"""``max``: the best sighting; ``mean``: the mean of the best few; ``centroid``: the mean vector."""

BEST_FEW = 3
"""How many sightings ``mean`` takes; an identity with fewer is scored by those it has."""

_SLACK = 256
"""Identities kept beyond what is asked for, so that sorting is seldom."""


def rank_pooled(
    queries: Vectors,
    index: VectorIndex,
    owners: Mapping[int, int],
    *,
    k: int,
    pooling: Pooling,
    allowed: Ids | None = None,
) -> list[list[RankedIdentity]]:
    """Rank identities by their pooled score, one identity's vectors at a time.

    Args:
        queries: float32[q, d] unit rows.
        index: holds the sightings.
        owners: identity of each sighting; sightings that are gone are left out.
        k: how many identities.
        pooling: how an identity's sightings make one score.
        allowed: the only sightings that count; None allows all.

    Returns:
        As `ranking.rank_identities`; ties go to whose best sighting was enrolled first.
    """
    members: dict[int, list[int]] = {}
    for sighting in counting_ids(index, owners, allowed).tolist():
        members.setdefault(owners[sighting], []).append(sighting)
    rankings: list[list[RankedIdentity]] = [[] for _ in queries]
    for identity, sightings in members.items():
        ids = np.array(sightings, dtype=np.int64)
        vectors = index.vectors(ids)
        for ranking, query in zip(rankings, queries, strict=True):
            ranking.append(_score_one(query, identity, ids, vectors, pooling))
            if len(ranking) > 2 * k + _SLACK:
                ranking[:] = _best(ranking, k)
    return [_best(ranking, k) for ranking in rankings]


def _best(ranking: list[RankedIdentity], k: int) -> list[RankedIdentity]:
    return sorted(ranking, key=lambda person: (-person.score, person.sighting))[:k]


def _score_one(
    query: Vectors, identity: int, ids: Ids, vectors: Vectors, pooling: Pooling
) -> RankedIdentity:
    scores = exact_scores(query, vectors)
    best = np.lexsort((ids, -scores))
    score = _pool(query, vectors, scores[best], pooling)
    return RankedIdentity(identity, int(ids[best[0]]), score)


def _pool(query: Vectors, vectors: Vectors, falling: Vectors, pooling: Pooling) -> float:
    if pooling == "max":
        return float(falling[0])
    if pooling == "mean":
        return float(falling[:BEST_FEW].astype(np.float64).mean())
    centroid = vectors.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(centroid))
    if not length:
        return 0.0
    # Rows are of unit length to a thousandth only, but a score is a cosine.
    return float(np.clip(centroid @ query / length, -1.0, 1.0))

"""Identity scores other than the best sighting's: they need every sighting of every identity."""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from .ranking import RankedIdentity, exact_scores

Pooling = Literal["max", "mean", "centroid"]
"""``max``: the best sighting; ``mean``: the mean of the best few; ``centroid``: the mean vector."""

BEST_FEW = 3
"""How many sightings ``mean`` takes; an identity with fewer is scored by those it has."""

Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]


def rank_pooled(
    queries: Vectors,
    blocks: Iterable[tuple[Ids, Vectors]],
    owners: Mapping[int, int],
    *,
    k: int,
    pooling: Pooling,
    allowed: Ids | None = None,
) -> list[list[RankedIdentity]]:
    """Rank identities by their pooled score, walking through all vectors once.

    Args:
        queries: float32[q, d] unit rows.
        blocks: of ids and vectors, together the whole gallery.
        owners: identity of each sighting; sightings that are gone are left out.
        k: how many identities.
        pooling: how an identity's sightings make one score.
        allowed: the only sightings that count; None allows all.

    Returns:
        As `ranking.rank_identities`; ties go to the identity enrolled first.
    """
    members: dict[int, list[tuple[int, Vectors]]] = {}
    permitted = None if allowed is None else set(allowed.tolist())
    for ids, vectors in blocks:
        for sighting, vector in zip(ids.tolist(), vectors, strict=True):
            if sighting in owners and (permitted is None or sighting in permitted):
                members.setdefault(owners[sighting], []).append((sighting, vector))
    people = [
        (identity, np.array([number for number, _ in rows]), np.stack([v for _, v in rows]))
        for identity, rows in members.items()
    ]
    return [_rank_one(query, people, k, pooling) for query in queries]


def _rank_one(
    query: Vectors, people: list[tuple[int, Ids, Vectors]], k: int, pooling: Pooling
) -> list[RankedIdentity]:
    ranked = []
    for identity, ids, vectors in people:
        scores = exact_scores(query, vectors)
        best = np.lexsort((ids, -scores))
        score = _pool(query, vectors, scores[best], pooling)
        ranked.append(RankedIdentity(identity, int(ids[best[0]]), score))
    return sorted(ranked, key=lambda person: (-person.score, person.sighting))[:k]


def _pool(query: Vectors, vectors: Vectors, falling: Vectors, pooling: Pooling) -> float:
    if pooling == "max":
        return float(falling[0])
    if pooling == "mean":
        return float(falling[:BEST_FEW].astype(np.float64).mean())
    centroid = vectors.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(centroid))
    return float(centroid @ query / length) if length else 0.0

"""From sightings to identities: the ranking is exactly the brute-force one.

The index may compute scores in any order of summation, so its last digits differ from backend to
backend and from a batch of one to a batch of sixty-four. A score here is therefore always computed
again from the stored vector, in float64 and rounded to float32 once, and the index's own scores
only bound what it has not returned. Equal scores are ordered by sighting id, which is the order of
enrolment.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..index import VectorIndex

Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
OwnersOf = Callable[[Iterable[int]], Mapping[int, int]]
"""From sighting ids to identities' row ids; sightings that are gone are left out."""

_FIRST_FETCH = 32

_MOST_HITS = 2**20
"""Looked at together: bounds the memory of many queries, or of a large k, on a large gallery."""

_BLOCK = 4096
"""Vectors scored at a time, for the same reason."""


@dataclass(frozen=True, slots=True)
class RankedIdentity:
    """One identity in a ranking, with its best sighting."""

    identity: int
    sighting: int
    score: float


def exact_scores(query: Vectors, vectors: Vectors) -> Vectors:
    """Return float32[n], the cosine of float32[d] with float32[n, d] unit rows.

    Each row is summed on its own in float64, so that a score doesn't depend on its neighbours.
    """
    products = vectors.astype(np.float64) * query.astype(np.float64)
    scores: Vectors = np.clip(products.sum(axis=1), -1.0, 1.0).astype(np.float32)
    return scores


def rank_identities(
    queries: Vectors, index: VectorIndex, owners_of: OwnersOf, *, k: int, allowed: Ids | None = None
) -> list[list[RankedIdentity]]:
    """Rank the k best identities of each query; an identity's score is its best sighting's.

    Args:
        queries: float32[q, d] unit rows.
        index: holds the sightings.
        owners_of: resolves sightings to identities.
        k: how many distinct identities; fewer come back when fewer exist.
        allowed: int64[m], the only sightings that may match; None allows all.

    Returns:
        For each query its identities, best first.
    """
    rankings: list[list[RankedIdentity]] = [[] for _ in queries]
    # Any order of float32 summation is within d * 2**-24 of the true cosine of unit vectors.
    slack = queries.shape[1] * 2.0**-23
    pending = np.arange(len(queries))
    available = len(index) if allowed is None else len(allowed)
    fetch = max(_FIRST_FETCH, 4 * k)
    while len(pending) and available:
        fetch = min(fetch, available)
        unsure = []
        at_once = max(1, _MOST_HITS // fetch)
        for some in np.split(pending, range(at_once, len(pending), at_once)):
            hits = index.search(queries[some], fetch, allowed=allowed)
            owners = owners_of(set(hits.ids[hits.ids >= 0].tolist()))
            for row, number in enumerate(some.tolist()):
                found = hits.ids[row] >= 0
                ranking = _rank(queries[number], hits.ids[row][found], index, owners)
                unseen = float(hits.scores[row, -1]) + slack if found.all() else -np.inf
                rankings[number] = ranking[:k]
                if fetch < available and (len(ranking) < k or ranking[k - 1].score <= unseen):
                    unsure.append(number)
        pending, fetch = np.array(unsure, dtype=np.int64), fetch * 4
    return rankings


def _rank(
    query: Vectors, ids: Ids, index: VectorIndex, owners: Mapping[int, int]
) -> list[RankedIdentity]:
    """Rank the identities of the fetched sightings by their best one."""
    best: dict[int, RankedIdentity] = {}
    scores = np.empty(len(ids), np.float32)
    for start in range(0, len(ids), _BLOCK):
        block = slice(start, start + _BLOCK)
        scores[block] = exact_scores(query, index.vectors(ids[block]))
    for position in np.lexsort((ids, -scores)).tolist():
        sighting = int(ids[position])
        identity = owners.get(sighting)
        if identity is not None and identity not in best:
            best[identity] = RankedIdentity(identity, sighting, float(scores[position]))
    return list(best.values())

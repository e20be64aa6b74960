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

_FIRST_FETCH = 64
"""Hits first looked at: of five people, the best of whom can fill half of them, that is nearly
always enough. To ask the index again takes as long as to ask it at all; with 32, two of five
queries of people with 19 sightings did."""

_WIDE = 1 / 4
"""The share of sightings from which on a filter is applied to hits."""

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


def best_identities(
    scores: Vectors, ids: Ids, owners: Mapping[int, int], *, k: int
) -> list[RankedIdentity]:
    """Rank k identities, each by the best of its scored sightings; ties go to the first enrolled.

    Args:
        scores: float32[n].
        ids: int64[n], the sightings that they are of.
        owners: identity of each.
        k: how many identities; fewer come back when fewer own any of them.
    """
    best: dict[int, RankedIdentity] = {}
    for position in np.lexsort((ids, -scores)).tolist():
        sighting = int(ids[position])
        identity = owners[sighting]
        if identity not in best:
            best[identity] = RankedIdentity(identity, sighting, float(scores[position]))
            if len(best) == k:
                break
    return list(best.values())


def counting_ids(index: VectorIndex, owners: Mapping[int, int], allowed: Ids | None) -> Ids:
    """The sightings that are in the index, have an owner and are allowed: int64[m], ascending."""
    owned = sorted(owners.keys() & set(index.ids().tolist()))
    return _permitted(np.array(owned, dtype=np.int64), allowed)


def rank_identities(
    queries: Vectors,
    index: VectorIndex,
    owners_of: OwnersOf,
    *,
    k: int,
    allowed: Ids | None = None,
    people: Callable[[], int] | None = None,
) -> list[list[RankedIdentity]]:
    """Rank the k best identities of each query; an identity's score is its best sighting's.

    Args:
        queries: float32[q, d] unit rows.
        index: holds the sightings.
        owners_of: resolves sightings to identities.
        k: how many distinct identities; fewer come back when fewer exist.
        allowed: int64[m] ascending, the only sightings that may match; None allows all.
        people: tells how many identities there are among them; asked where the first hits show
            fewer than k, so that nobody is looked for who isn't there.

    Returns:
        For each query its identities, best first.
    """
    rankings: list[list[RankedIdentity]] = [[] for _ in queries]
    unseen = np.full(len(queries), -np.inf)
    # Any order of float32 summation is within d * 2**-24 of the true cosine of unit vectors.
    slack = queries.shape[1] * 2.0**-23
    pending = np.arange(len(queries))
    share = 1.0 if allowed is None else min(1.0, len(allowed) / max(1, len(index)))
    # To drop what a wide filter forbids is quicker than to search only the rest.
    searched = allowed if share < _WIDE else None
    available = len(index) if searched is None else len(searched)
    # A wide filter drops hits of the best as of the others, so as many are looked at as without.
    fetch = max(_FIRST_FETCH, int(4 * k / (share if searched is None else 1)))
    while len(pending) and available:
        fetch = min(fetch, available)
        at_once = max(1, _MOST_HITS // fetch)
        for some in np.split(pending, range(at_once, len(pending), at_once)):
            hits = index.search(queries[some], fetch, allowed=searched)
            owners = owners_of(_permitted(_distinct(hits.ids[hits.ids >= 0]), allowed).tolist())
            for row, number in enumerate(some.tolist()):
                owned = np.array([i for i in hits.ids[row].tolist() if i in owners], np.int64)
                rankings[number] = _rank(queries[number], owned, index, owners, k=k)
                whole = (hits.ids[row] >= 0).all()
                unseen[number] = float(hits.scores[row, -1]) + slack if whole else -np.inf
        if fetch == available:
            break
        if people is not None and any(len(rankings[number]) < k for number in pending):
            k, people = max(1, min(k, people())), None
        unsure = [n for n in pending.tolist() if not _is_sure(rankings[n], k, unseen[n])]
        pending, fetch = np.array(unsure, dtype=np.int64), fetch * 4
    return rankings


def _is_sure(ranking: list[RankedIdentity], k: int, unseen: float) -> bool:
    """Whether nothing that was not looked at, whose scores are below ``unseen``, changes it."""
    return len(ranking) >= k and ranking[k - 1].score > unseen


def _distinct(ids: Ids) -> Ids:
    """What `np.unique` gives; that would first load numpy's masked arrays, 1 % of a cold query."""
    ascending = np.sort(ids)
    return ascending[np.diff(ascending, prepend=-1) > 0]


def _permitted(ids: Ids, allowed: Ids | None) -> Ids:
    """Those of the ids, ascending, that are among ``allowed``."""
    if allowed is None or not len(allowed):
        return ids if allowed is None else allowed
    slots = np.minimum(np.searchsorted(allowed, ids), len(allowed) - 1)
    permitted: Ids = ids[allowed[slots] == ids]
    return permitted


def _rank(
    query: Vectors, ids: Ids, index: VectorIndex, owners: Mapping[int, int], *, k: int
) -> list[RankedIdentity]:
    """Rank the identities of the fetched sightings by their best one."""
    scores = np.empty(len(ids), np.float32)
    for start in range(0, len(ids), _BLOCK):
        block = slice(start, start + _BLOCK)
        scores[block] = exact_scores(query, index.vectors(ids[block]))
    return best_identities(scores, ids, owners, k=k)

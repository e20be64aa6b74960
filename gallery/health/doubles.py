"""People too like one another: who is probably one person under two names.

What one person under two names looks like is learnt by parting every person's sightings in two,
burst by burst where there are several, and looking at the two halves as at two people.
"""

from dataclasses import dataclass

import numpy as np

from .mixture import Matrix, fit_chances
from .people import (
    Column,
    Numbers,
    People,
    Vectors,
    best_others,
    score_pairs,
    sums_by,
    unit,
)


@dataclass(frozen=True, slots=True, eq=False)
class Doubles:
    """Pairs of people, each somebody's nearest, in no order.

    Attributes:
        first: intp[m], the one with more sightings.
        second: intp[m], the other.
        score: float64[m], cosine of their centroids.
        chance: float64[m] in [0, 1], that they are one person.
    """

    first: Numbers
    second: Numbers
    score: Column
    chance: Column


def find_doubles(vectors: Vectors, people: People) -> Doubles:
    """Estimate the chance that each person and the nearest other are one.

    Args:
        vectors: float32[n, d] unit rows.
        people: of these n sightings.
    """
    count = len(people.pids)
    centroids = unit(sums_by(vectors, people.owner, count))
    score, rival, nearest = best_others(centroids, np.arange(count), centroids)
    pairs = _pairs(people, nearest)
    score_of = score_pairs(centroids, centroids, *pairs)
    features = _features(score_of, *_rivals(pairs, score, rival, nearest))
    simulated = _simulate(vectors, people, centroids)
    chance = np.zeros(len(score_of))
    tested = np.isfinite(features).all(axis=1)  # of two people alone nothing is known
    if tested.any() and len(simulated):
        chance[tested] = fit_chances(features[tested], simulated)(features[tested])
    return Doubles(*pairs, score_of, chance)


def _pairs(people: People, nearest: Numbers) -> tuple[Numbers, Numbers]:
    """Every person with the nearest other, each pair once, who has more sightings first."""
    counts = np.bincount(people.owner, minlength=len(people.pids))
    one = np.flatnonzero(nearest >= 0)
    other = nearest[one]
    swap = (counts[other] > counts[one]) | ((counts[other] == counts[one]) & (other < one))
    pairs = np.column_stack([np.where(swap, other, one), np.where(swap, one, other)])
    pairs = np.unique(pairs, axis=0)
    return pairs[:, 0], pairs[:, 1]


def _rivals(
    pairs: tuple[Numbers, Numbers], score: Column, rival: Column, nearest: Numbers
) -> tuple[Column, Column]:
    """The best score of each of a pair with a third person."""

    def best_third(one: Numbers, other: Numbers) -> Column:
        return np.where(nearest[one] == other, rival[one], score[one])

    first, second = pairs
    return best_third(first, second), best_third(second, first)


def _features(score: Column, rival: Column, other_rival: Column) -> Matrix:
    """A pair's score, and the better and the worse of the scores with third people."""
    return np.column_stack([score, np.fmax(rival, other_rival), np.fmin(rival, other_rival)])


def _simulate(vectors: Vectors, people: People, centroids: Vectors) -> Matrix:
    """Part every person in two; return float64[m, 3] features of those halves that find each other.

    Only people who are somebody's nearest become a pair, so only such halves are like one.
    """
    halves = 2 * people.owner + _sides(people, np.random.default_rng(0))
    sums = sums_by(vectors, halves, 2 * len(people.pids))
    counts = np.bincount(halves, minlength=len(sums)).reshape(-1, 2)
    parted = np.flatnonzero((counts > 0).all(axis=1))
    left, right = unit(sums[2 * parted]), unit(sums[2 * parted + 1])
    score = np.einsum("nd,nd->n", left, right).astype(np.float64)
    rivals = [best_others(half, parted, centroids)[0] for half in (left, right)]
    simulated = _features(score, *rivals)
    found = score >= simulated[:, 2]
    return np.asarray(simulated[found & np.isfinite(simulated).all(axis=1)])


def _sides(people: People, random: np.random.Generator) -> Numbers:
    """Side 0 or 1 of each sighting: half of a person's bursts each, or of a single burst."""
    burst = np.unique(people.burst_key, return_inverse=True)[1].reshape(-1)
    person_of = np.zeros(burst.max(initial=-1) + 1, np.intp)
    person_of[burst] = people.owner
    bursts = np.bincount(person_of, minlength=len(people.pids))
    by_burst = _alternate(person_of, random)[burst]
    return np.where(bursts[people.owner] > 1, by_burst, _alternate(people.owner, random))


def _alternate(groups: Numbers, random: np.random.Generator) -> Numbers:
    """Deal the members of each group, shuffled, to sides 0 and 1 in turn."""
    order = np.lexsort([random.random(len(groups)), groups])
    place = np.arange(len(groups)) - np.searchsorted(groups[order], groups[order])
    sides = np.empty(len(groups), np.intp)
    sides[order] = place % 2
    return sides

"""Each sighting against its own person and against everybody else's centroid.

Own: without the sighting itself, and where the person was seen in other bursts, without the whole
burst. A burst is a tracklet, or without tracklets all that one camera saw of the person. Its
pictures are so alike that a tracklet which was given to the wrong person would vouch for itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.intp]
Column = npt.NDArray[np.float64]

BLOCK = 1024
"""Sightings compared at a time: bounds the memory to this many times the number of people."""


class Labelled(Protocol):
    """A sighting, or a picture that isn't enrolled."""

    @property
    def pid(self) -> str:
        """Whom it shows."""

    @property
    def camera(self) -> str | None:
        """Which camera saw it."""

    @property
    def tracklet(self) -> str | None:
        """Which of the camera's tracklets it is of."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Who was seen where, as numbers.

    Attributes:
        pids: k names.
        owner: intp[n], the person of each sighting.
        source: intp[n], where each sighting comes from: its tracklet or camera, or itself alone.
    """

    pids: tuple[str, ...]
    owner: Numbers
    source: Numbers

    @classmethod
    def of(cls, sightings: Sequence[Labelled]) -> "People":
        """Number the people and sources of n sightings, in order of appearance."""
        pids: dict[str, int] = {}
        sources: dict[object, int] = {}
        owner = [pids.setdefault(s.pid, len(pids)) for s in sightings]
        source = [sources.setdefault(_source(*s), len(sources)) for s in enumerate(sightings)]
        return cls(tuple(pids), np.array(owner, np.intp), np.array(source, np.intp))

    @property
    def burst_key(self) -> Numbers:
        """intp[n], equal for the sightings of one person from one source."""
        return self.key_of(self.owner)

    def key_of(self, owner: Numbers) -> Numbers:
        """Return intp[n], the burst that each sighting would be in, were it ``owner``'s."""
        keys: Numbers = owner * (self.source.max(initial=0) + 1) + self.source
        return keys


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """How n sightings stand between people; scores are cosines with centroids.

    Attributes:
        own: float64[n], with the rest of the own person; NaN where there is none.
        other: float64[n], with the best other person; NaN where there is nobody else.
        second: float64[n], with the second best other person; NaN where there is none.
        nearest: intp[n], the best other person; -1 where there is nobody else.
    """

    own: Column
    other: Column
    second: Column
    nearest: Numbers

    @property
    def features(self) -> npt.NDArray[np.float64]:
        """float64[n, 2]: own and other, in the order in which mistakes are learnt."""
        return np.column_stack([self.own, self.other])


def sums_by(vectors: Vectors, groups: Numbers, count: int) -> Vectors:
    """Return float32[count, d], the sum of the float32[n, d] rows of each group, intp[n]."""
    order = np.argsort(groups, kind="stable")
    sums = np.zeros((count, vectors.shape[1]), dtype=np.float32)
    starts = np.searchsorted(groups[order], np.arange(count + 1))
    for group, (start, stop) in enumerate(pairwise(starts.tolist())):
        sums[group] = vectors[order[start:stop]].sum(axis=0, dtype=np.float64)
    return sums


def unit(rows: Vectors) -> Vectors:
    """Return the rows at length 1; rows of zeros stay so."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    made: Vectors = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return made


def stand(vectors: Vectors, people: People) -> Standing:
    """Compare every sighting with its own person's rest and with all other people.

    Args:
        vectors: float32[n, d] unit rows.
        people: of these n sightings.
    """
    centroids = unit(sums_by(vectors, people.owner, len(people.pids)))
    other, second, nearest = best_others(vectors, people.owner, centroids)
    own = score_outside_burst(vectors, people, people.owner, enrolled=True)
    return Standing(own, other, second, nearest)


def score_outside_burst(
    vectors: Vectors,
    people: People,
    target: Numbers,
    *,
    enrolled: bool,
    probes: Vectors | None = None,
) -> Column:
    """Score each sighting with one person's sightings of other bursts than its own.

    Where the person has no other bursts, all sightings count.

    Args:
        vectors: float32[n, d] unit rows.
        people: of these n sightings.
        target: intp[n], the person to compare each with.
        enrolled: whether the targets are the owners; then a sighting isn't compared with itself.
        probes: float32[n, d] unit rows that are compared in place of the sightings' own.

    Returns:
        float64[n] cosines with the centroid; NaN where nothing is left to compare with.
    """
    probes = vectors if probes is None else probes
    keys, burst = np.unique(people.burst_key, return_inverse=True)
    sums = sums_by(vectors, people.owner, len(people.pids))
    burst_sums = sums_by(vectors, burst.reshape(-1), len(keys))
    counts, burst_counts = np.bincount(people.owner), np.bincount(burst.reshape(-1))
    wanted = people.key_of(target)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    there = keys[at] == wanted
    elsewhere = counts[target] > np.where(there, burst_counts[at], 0)
    scores = np.empty(len(vectors))
    for start in range(0, len(vectors), BLOCK):
        part = slice(start, start + BLOCK)
        left_out = np.where(there[part, None], burst_sums[at[part]], 0)
        instead = vectors[part] if enrolled else np.zeros_like(vectors[part])
        rest = sums[target[part]] - np.where(elsewhere[part, None], left_out, instead)
        scores[part] = np.einsum("nd,nd->n", unit(rest), probes[part])
    scores[counts[target] < 1 + enrolled] = np.nan
    return scores


def best_others(
    rows: Vectors, owner: Numbers, centroids: Vectors
) -> tuple[Column, Column, Numbers]:
    """Find the two best people for each row, its owner left out.

    Args:
        rows: float32[n, d] unit rows.
        owner: intp[n], the person of each row.
        centroids: float32[k, d] unit rows, one a person.

    Returns:
        float64[n] best score, float64[n] second best, NaN where there is nobody, and intp[n] the
        best person, -1 for nobody.
    """
    best, second = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    nearest = np.full(len(rows), -1, np.intp)
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        scores = rows[part] @ centroids.T
        at = np.arange(len(scores))
        scores[at, owner[part]] = -np.inf
        nearest[part] = scores.argmax(axis=1)
        best[part] = scores[at, nearest[part]]
        scores[at, nearest[part]] = -np.inf
        second[part] = scores.max(axis=1)
    alone = ~np.isfinite(best)
    best[alone], second[~np.isfinite(second)], nearest[alone] = np.nan, np.nan, -1
    return best, second, nearest


def score_pairs(rows: Vectors, others: Vectors, at: Numbers, other_at: Numbers) -> Column:
    """Return float64[m], the cosines of ``rows[at]`` with ``others[other_at]``, unit rows."""
    scores = np.empty(len(at))
    for start in range(0, len(at), BLOCK):
        part = slice(start, start + BLOCK)
        scores[part] = np.einsum("nd,nd->n", rows[at[part]], others[other_at[part]])
    return scores


def _source(row: int, sighting: Labelled) -> object:
    if sighting.tracklet is not None:
        return ("tracklet", sighting.camera, sighting.tracklet)
    return ("alone", row) if sighting.camera is None else ("camera", sighting.camera)

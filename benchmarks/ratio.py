"""A learned ratio, and its threshold carried from calibration people to galleries of any size.

The log-likelihood ratio that the first identity is right is linear in the mean of best sighting and
centroid, and in the mean score of the next ten people, a cohort of C calibration people among them.
If gallery and cohort are alike, the best of N + C people is in the gallery with the chance
N / (N + C), and a stranger is expected to match N / (N + C) H(r) people at a ratio r, with one H
for all N. So H is counted on galleries of all sizes at once, with a generalised Pareto tail, over
bootstrap samples of the people.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from openset import Cell, Draw, Floats, People, Rows, draw
from openset_rules import neighbour_mean
from reid_gallery.gallery.calibration.odds import fit_log_odds
from reid_gallery.gallery.calibration.tail import fit_pareto
from unknown_people import join

COHORT = 40
"""Calibration people's centroids at most: 40 of 512 dimensions are 27 kB as 8-bit text."""

SIZES = (2, 5, 10, 20, 40, 80, 160)
MOST = 0.6
"""The share of a place's people that a calibration gallery has at most."""

SPLITS = 6
"""Of the people into cohort and galleries."""

SAMPLES = 30
ABOVE = 0.05
"""The share of strangers' ratios that the tail is fitted to."""


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """Asked as strangers: float64[n] ratios, int64[n] who asked, whom they matched, N / (N + C)."""

    ratios: Floats
    probes: Rows
    matched: Rows
    shares: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """What was learned: float64[3] weights, a cohort, and a place's (ratios, H) each."""

    weights: Floats
    cohort: People
    tails: list[tuple[Floats, Floats]]

    def rule(self, drawn: Draw) -> Floats:
        """float64[q, N]: the ratio of the first by best sighting; nobody else comes in question."""
        values = np.full(drawn.best.shape, -np.inf)
        first = np.arange(len(values)), drawn.best.argmax(axis=1)
        values[first] = evidence(drawn) @ self.weights
        return values

    def threshold(self, fpir: float, people: int) -> float:
        """The ratio from which a first identity is known, in the strictest place."""
        cohort = len(self.cohort.people)
        wanted = np.log(-np.log1p(-fpir) * (people + cohort) / people)
        logs = [(np.log(np.maximum(chances, 1e-12)), at) for at, chances in self.tails]
        return float(max(np.interp(-wanted, -falling, at) for falling, at in logs))


def evidence(drawn: Draw) -> Floats:
    """float64[q, 3]: one, the first identity's middle score, the next ten's mean."""
    first = np.arange(len(drawn.best)), drawn.best.argmax(axis=1)
    middle = (drawn.best[first] + drawn.centroids[first]) / 2
    near = neighbour_mean(drawn, 10, cohort=True)
    return np.column_stack((np.ones(len(middle)), middle, near)).astype(np.float64)


def learn_ratio(places: Sequence[People], seed: int = 0) -> Ratio:
    """Learn weights on all places, and each place's tail."""
    random = np.random.default_rng(seed)
    drawn: list[list[Draw]] = [[] for _ in places]
    for number in range(SPLITS):
        cohort, rest = split(places, random)
        for of_place, place in zip(drawn, rest, strict=True):
            of_place.extend(_draw_sizes(place, cohort, seed=seed * SPLITS + number))
    weights = fit_weights([one for of_place in drawn for one in of_place])
    among = len(cohort.people)
    tails = [_tail(_strangers(of_place, weights, among), weights, seed) for of_place in drawn]
    return Ratio(weights, cohort, tails)


def split(places: Sequence[People], random: np.random.Generator) -> tuple[People, list[People]]:
    """Take a cohort's centroids out of the places; return them, and whoever is left."""
    taken, left = [], []
    for place in places:
        everyone = random.permutation(np.unique(place.people))
        chosen = everyone[: min(COHORT // len(places), len(everyone) // 2)]
        taken.append(_centroids(place, chosen))
        left.append(place.only(~np.isin(place.people, chosen)))
    return join(taken), left


def _centroids(place: People, chosen: Rows) -> People:
    sums = np.stack([place.embeddings[place.people == who].sum(axis=0) for who in chosen])
    unit = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    nothing = np.zeros((len(chosen), 0))
    return People(unit, np.arange(len(chosen)), np.zeros(len(chosen), dtype=np.int64), nothing)


def _draw_sizes(place: People, cohort: People, *, seed: int) -> Iterator[Draw]:
    """Draw galleries of all sizes and sightings: each camera asks once, or two cameras twice."""
    cameras = int(place.cameras.max()) + 1
    for size in SIZES:
        if size <= MOST * len(np.unique(place.people)):
            for sightings in (1, 2, 5):
                cell = Cell(size, sightings, 1)
                yield from draw(place, cohort, cell, max(4, cameras), seed=seed, most=10**6)


def fit_weights(drawn: Sequence[Draw]) -> Floats:
    """float64[3] of `evidence`, as if every second query were a stranger's."""
    rows = np.concatenate([evidence(one) for one in drawn])
    mated = np.concatenate([one.owner >= 0 for one in drawn])
    right = np.concatenate([one.owner == one.best.argmax(axis=1) for one in drawn])
    share = np.where(mated, mated.mean(), 1 - mated.mean())
    return fit_log_odds(rows, right.astype(np.float64), 1 / share)


def _strangers(drawn: Sequence[Draw], weights: Floats, cohort: int) -> Strangers:
    columns = []
    for one in drawn:
        strange = one.owner < 0
        matched = one.enrolled[one.best.argmax(axis=1)]
        shares = np.full(len(strange), len(one.counts) / (len(one.counts) + cohort))
        ratios = evidence(one) @ weights
        columns.append([c[strange] for c in (ratios, one.probe, matched, shares)])
    return Strangers(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def _tail(found: Strangers, weights: Floats, seed: int) -> tuple[Floats, Floats]:
    """H at rising ratios: the mean over bootstrap samples of the people."""
    random = np.random.default_rng(seed)
    everyone = np.unique(np.concatenate((found.probes, found.matched)))
    most = float(weights[:2].sum())  # a ratio where the first scores 1, and the next ten 0
    at = np.linspace(np.quantile(found.ratios, 0.3), most, 2000)
    total = np.zeros(len(at))
    for _ in range(SAMPLES):
        drawn = np.bincount(random.choice(everyone, len(everyone)), minlength=everyone.max() + 1)
        cases = (drawn[found.probes] * drawn[found.matched]).astype(np.float64)
        total += _chances(found, cases, at, most)
    return at, total / SAMPLES


def _chances(found: Strangers, cases: Floats, at: Floats, most: float) -> Floats:
    """H at each point: as counted, and in the tail as fitted."""
    order = np.argsort(found.ratios)
    ratios, cases = found.ratios[order], cases[order]
    chances = cases @ found.shares[order]
    above = np.append(np.cumsum(cases[::-1])[::-1], 0.0)
    counted = above[np.searchsorted(ratios, at)] / chances
    begin = ratios[np.searchsorted(np.cumsum(cases), (1 - ABOVE) * cases.sum())]
    tail = (ratios > begin) & (cases > 0)
    shape, scale = fit_pareto(ratios[tail] - begin, cases[tail], most=most - begin)
    base = np.maximum(1 + shape * np.maximum(at - begin, 0) / scale, 0)
    fitted = cases[tail].sum() / chances * base ** (-1 / shape)
    return np.where(at > begin, fitted, counted)

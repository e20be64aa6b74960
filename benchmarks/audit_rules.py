"""Which score tells wrongly named sightings best, and how far the chances can be trusted.

    reid-gallery enroll held_out.csv --store STORE
    python benchmarks/audit_rules.py STORE [--seeds 10]

As ``audit.py`` does, 5 % of the sightings are given to other people, one by one or all that a
camera saw of a person. A rule gives every sighting a score with its own person and one with the
best other (the first rule only the former); the regression that ``reid-gallery audit`` learns on
mistakes made on purpose puts the sightings in order. What is told until four fifths of the wrong
ones are found: how much of it is wrong? Of how many wrong ones is the best other person the right
one? Beside both the difference to the rule that ships. Then, of that rule: how many of those with a
chance between two limits are mistakes? Means over the seeds; 95 % intervals bootstrapped by
identity, the same people for all rules.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from audit import Vectors, give_away_by_camera, give_away_one_by_one, read_known, relabel
from openset import resample
from reid_gallery.gallery.health.mixture import fit_chances
from reid_gallery.gallery.health.people import People, stand
from reid_gallery.gallery.health.strays import find_strays
from reid_gallery.gallery.types import Sighting
from unknown_tables import spread

Floats = npt.NDArray[np.floating]
Truths = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.intp]

RECALL = 0.8
RESAMPLES = 1000
LIMITS = (0.5, 0.9, 0.99, 1.0)
CORRUPTIONS = {"one by one": give_away_one_by_one, "by camera": give_away_by_camera}


@dataclass(frozen=True, slots=True)
class Compared:
    """Every sighting beside the m sightings of one person.

    Attributes:
        scores: float[n, m].
        vouching: bool[n, m], which of these may say who the sighting is.
        theirs: float32[m, d], the person's vectors.
        vectors: float32[n, d].
    """

    scores: Floats
    vouching: Truths
    theirs: Vectors
    vectors: Vectors


Pool = Callable[[Compared], Floats]


def best(few: int) -> Pool:
    """The mean of the best few scores, or of all where there are fewer."""

    def pool(compared: Compared) -> Floats:
        known = np.where(compared.vouching, compared.scores, -np.inf)
        top = -np.sort(-known, axis=1)[:, :few]
        counted = np.isfinite(top)
        return np.where(counted, top, 0).sum(axis=1) / counted.sum(axis=1).clip(1)

    return pool


def mean(compared: Compared) -> Floats:
    """The mean of all scores."""
    count = compared.vouching.sum(axis=1).clip(1)
    return np.where(compared.vouching, compared.scores, 0).sum(axis=1) / count


def centroid(compared: Compared) -> Floats:
    """The score with the mean of the vectors."""
    sums = compared.vouching.astype(np.float32) @ compared.theirs
    lengths = np.linalg.norm(sums, axis=1).clip(1e-12)
    return np.einsum("nd,nd->n", sums, compared.vectors) / lengths


@dataclass(frozen=True, slots=True)
class Rule:
    """How a sighting is scored with a person.

    Attributes:
        pool: of many scores one.
        apart: whom the sighting's burst is left out of: nobody, its own person, or everybody.
        own_alone: whether the best other person isn't looked at.
    """

    pool: Pool
    apart: str = "nobody"
    own_alone: bool = False


RULES = {
    "best sighting, own person alone": Rule(best(1), own_alone=True),
    "best sighting": Rule(best(1)),
    "mean of the best 3": Rule(best(3)),
    "mean of all": Rule(mean),
    "mean, own burst left out": Rule(mean, "own"),
    "centroid, own burst left out": Rule(centroid, "own"),
    "centroid, that source left out of all": Rule(centroid, "all"),
}
SHIPPED = "centroid, own burst left out"


def score_people(vectors: Vectors, people: People, rule: Rule) -> Floats:
    """Return float[n, k], each sighting's score with each person; NaN where none may vouch."""
    scores = vectors @ vectors.T
    found = np.full((len(vectors), len(people.pids)), np.nan)
    for person in range(len(people.pids)):
        rows = np.flatnonzero(people.owner == person)
        others = rows[None, :] != np.arange(len(vectors))[:, None]
        vouching = others & ~_left_out(people, rows, rule.apart)
        vouching = np.where(vouching.any(axis=1, keepdims=True), vouching, others)
        pooled = rule.pool(Compared(scores[:, rows], vouching, vectors[rows], vectors))
        found[:, person] = np.where(vouching.any(axis=1), pooled, np.nan)
    return found


def _left_out(people: People, rows: Numbers, apart: str) -> Truths:
    """bool[n, m]: which of one person's sightings are of the same burst as each sighting."""
    same_source = people.source[:, None] == people.source[rows]
    if apart == "own":
        return same_source & (people.owner[:, None] == people.owner[rows])
    return same_source & (apart == "all")


@dataclass(frozen=True, slots=True)
class Told:
    """What a rule says of one corrupted gallery.

    Attributes:
        chance: float64[n], of each sighting to be wrong; 0 where nothing can be said.
        nearest: intp[n], the best other person.
    """

    chance: Floats
    nearest: Numbers


def tell(vectors: Vectors, people: People, rule: Rule) -> Told:
    """Learn from mistakes made on purpose, as `find_strays` does, and judge all sightings."""
    scores = score_people(vectors, people, rule)
    rows, count = np.arange(len(vectors)), len(people.pids)
    random = np.random.default_rng(0)
    target = (people.owner + random.integers(1, count, size=len(rows))) % count
    observed, nearest = _own_and_other(scores, people.owner)
    simulated, _ = _own_and_other(scores, target)
    if rule.own_alone:
        observed, simulated = observed[:, :1], simulated[:, :1]
    usable = np.isfinite(observed).all(axis=1)
    chances = fit_chances(observed[usable], simulated[np.isfinite(simulated).all(axis=1)])
    chance = np.zeros(len(rows))
    chance[usable] = chances(observed[usable])
    return Told(chance, nearest)


def _own_and_other(scores: Floats, owner: Numbers) -> tuple[Floats, Numbers]:
    """float[n, 2] scores with the owner and with the best other person, and intp[n], that one."""
    rows = np.arange(len(scores))
    others = np.where(np.isnan(scores), -np.inf, scores)
    others[rows, owner] = -np.inf
    nearest = others.argmax(axis=1)
    return np.column_stack([scores[rows, owner], others[rows, nearest]]), nearest


def precision(chance: Floats, wrong: Truths, weights: Floats) -> Floats:
    """Of what is told until `RECALL` of the wrong ones are found, the share that is wrong.

    Args:
        chance: float[n].
        wrong: bool[n].
        weights: float[r, n], how often each sighting counts.
    """
    order = np.argsort(-chance, kind="stable")
    told = weights[:, order].cumsum(axis=1)
    found = (weights * wrong)[:, order].cumsum(axis=1)
    at = (found < RECALL * found[:, -1:]).sum(axis=1).clip(max=len(chance) - 1)
    rows = np.arange(len(weights))
    return found[rows, at] / told[rows, at].clip(1)


def share(of: Truths, among: Truths, weights: Floats) -> Floats:
    """The share of ``among`` that is ``of`` as well, float[r]; NaN where there is none."""
    whole = (weights * among).sum(axis=1)
    part = (weights * (among & of)).sum(axis=1)
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def compare_rules(
    sightings: Sequence[Sighting], vectors: Vectors, labels: Sequence[list[str]], weights: Floats
) -> Mapping[str, tuple[Floats, Floats]]:
    """Each rule's precision and share of right people, float[1 + resamples], means over seeds."""
    truth = np.array([s.pid for s in sightings])
    found: dict[str, tuple[Floats, Floats]] = {}
    for name, rule in RULES.items():
        precisions, placed = [], []
        for given in labels:
            people = People.of(relabel(sightings, given))
            told, wrong = tell(vectors, people, rule), truth != np.array(given)
            right = np.array(people.pids)[told.nearest] == truth
            precisions.append(precision(told.chance, wrong, weights))
            placed.append(share(right, wrong, weights))
        found[name] = (np.nanmean(precisions, axis=0), np.nanmean(placed, axis=0))
    return found


def print_rules(found: Mapping[str, tuple[Floats, Floats]]) -> None:
    """A line a rule."""
    for name, (precisions, placed) in found.items():
        cells = [spread(precisions), spread(placed)]
        if name != SHIPPED:
            shipped = found[SHIPPED]
            cells += [spread(precisions - shipped[0]), spread(placed - shipped[1])]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def trust(
    sightings: Sequence[Sighting], vectors: Vectors, labels: Sequence[list[str]], weights: Floats
) -> str:
    """Of the sightings with a chance between two limits, the share that is wrong."""
    truth = np.array([s.pid for s in sightings])
    chances, wrong = [], []
    for given in labels:
        people = People.of(relabel(sightings, given))
        chances.append(find_strays(vectors, people, stand(vectors, people)).chance)
        wrong.append(truth != np.array(given))
    chance, all_wrong = np.concatenate(chances), np.concatenate(wrong)
    repeated = np.tile(weights, len(labels))
    cells = []
    for low, high in pairwise(LIMITS):
        among = (chance > low) & (chance <= high)
        told = f"{spread(share(all_wrong, among, repeated))} of {among.sum() / len(labels):.0f}"
        cells.append(f"{told}, said {chance[among].mean():.3f}" if among.any() else "none")
    return " | ".join(cells)


def main() -> None:
    """Corrupt, judge by every rule, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    sightings, vectors = read_known(arguments.store)
    pids = sorted({s.pid for s in sightings})
    people = np.searchsorted(pids, [s.pid for s in sightings])
    weights = resample(people, RESAMPLES)[:, people]
    print(f"{len(sightings):,} sightings of {len(pids):,} people, {arguments.seeds} seeds")
    trusted = []
    for name, give_away in CORRUPTIONS.items():
        seeds = range(arguments.seeds)
        labels = [give_away(sightings, np.random.default_rng(seed), pids) for seed in seeds]
        print(f"\n{name}:\n\n| rule | precision | right person | less the shipped's | |")
        print("|---|---|---|---|---|")
        print_rules(compare_rules(sightings, vectors, labels, weights))
        trusted.append(f"| {name} | {trust(sightings, vectors, labels, weights)} |")
    print("\n| given away | above 0.5 | above 0.9 | above 0.99 |\n|---|---|---|---|")
    print("\n".join(trusted))


if __name__ == "__main__":
    main()

"""Sightings that were likely given to the wrong person, and with whom they should go instead.

What a wrong label looks like is learnt by giving every sighting to somebody else, drawn by chance,
and looking at the same scores. The whole burst goes along, as when a tracker switches people.
"""

from dataclasses import dataclass

import numpy as np

from .mixture import Chances, Matrix, fit_chances
from .people import (
    Column,
    Numbers,
    People,
    Standing,
    Vectors,
    score_outside_burst,
)


@dataclass(frozen=True, slots=True, eq=False)
class Strays:
    """How likely each of n sightings shows somebody else.

    Attributes:
        chance: float64[n] in [0, 1]; 0 where a person has one sighting only, or is alone.
        destination: intp[n], the person with whom it would look right; -1 for nobody in the
            gallery.
        share: the estimated share of wrong ones among all.
    """

    chance: Column
    destination: Numbers
    share: float


def find_strays(vectors: Vectors, people: People, standing: Standing, *, seed: int = 0) -> Strays:
    """Estimate the chance that each sighting was given to the wrong person.

    Args:
        vectors: float32[n, d] unit rows.
        people: of these n sightings.
        standing: see `people.stand`.
        seed: of the simulated mistakes.
    """
    chance, destination = np.zeros(len(vectors)), np.full(len(vectors), -1, np.intp)
    tested = np.isfinite(standing.features).all(axis=1)
    simulated = simulate_strays(vectors, people, standing, seed=seed)
    simulated = simulated[np.isfinite(simulated).all(axis=1)]
    if not tested.any() or not len(simulated):
        return Strays(chance, destination, 0.0)
    chances = fit_chances(standing.features[tested], simulated)
    chance[tested] = chances(standing.features[tested])
    destination[tested] = _destinations(standing, chances)[tested]
    return Strays(chance, destination, chances.share)


def simulate_strays(vectors: Vectors, people: People, standing: Standing, *, seed: int) -> Matrix:
    """Give every sighting to somebody else, with its burst; return float64[n, 2] as `features`.

    The best other person is then the true one, as far as seen in other bursts, or whoever was the
    best other before; NaN where there is nobody to give it to.
    """
    count = len(people.pids)
    if count < 2:
        return np.full((len(vectors), 2), np.nan)
    random = np.random.default_rng(seed)
    target = (people.owner + random.integers(1, count, size=len(vectors))) % count
    own = score_outside_burst(vectors, people, target, enrolled=False)
    others = np.where(standing.nearest == target, standing.second, standing.other)
    return np.column_stack([own, np.fmax(others, standing.own)])


def _destinations(standing: Standing, chances: Chances) -> Numbers:
    """The best other person, where the sighting would look right with that one."""
    moved = np.column_stack([standing.other, np.fmax(standing.own, standing.second)])
    return np.where(chances(moved) < 0.5, standing.nearest, -1)

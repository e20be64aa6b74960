"""Sightings that were likely given to the wrong person, and with whom they should go instead.

What a wrong label looks like is learnt by giving every sighting to somebody else, drawn by chance,
and looking at the same scores. The whole burst goes along, as when a tracker switches people. Those
that show other people of the gallery are told first; then, among the rest, those that show nobody
in the gallery.
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
    """

    chance: Column
    destination: Numbers


def find_strays(vectors: Vectors, people: People, standing: Standing) -> Strays:
    """Estimate the chance that each sighting was given to the wrong person.

    Args:
        vectors: float32[n, d] unit rows.
        people: of these n sightings.
        standing: see `people.stand`.
    """
    features = standing.features
    chance, destination = np.zeros(len(vectors)), np.full(len(vectors), -1, np.intp)
    tested = np.isfinite(features).all(axis=1)
    simulated = simulate_strays(vectors, people, standing)
    usable = np.isfinite(simulated).all(axis=1)
    if not (tested.any() and usable.any()):
        return Strays(chance, destination)
    of_others = fit_chances(features[tested], simulated[usable][:, [0, 1]])
    chance[tested] = of_others(features[tested])
    destination[tested] = _destinations(standing, of_others)[tested]
    placed = tested & (chance <= 0.5)
    if placed.any():
        of_nobody = fit_chances(features[placed], simulated[usable][:, [0, 2]])
        stranger = of_nobody(features[placed])
        destination[placed] = np.where(stranger > chance[placed], -1, destination[placed])
        chance[placed] = np.fmax(stranger, chance[placed])
    return Strays(chance, destination)


def simulate_strays(vectors: Vectors, people: People, standing: Standing) -> Matrix:
    """Give every sighting to somebody else, with its burst.

    Returns:
        float64[n, 3], scores: with the person it was given to; with the best other, who is then the
        true one, as far as seen in other bursts, or whoever was the best other before; and with the
        best other if the true one weren't in the gallery. NaN where there is nobody.
    """
    count = len(people.pids)
    if count < 2:
        return np.full((len(vectors), 3), np.nan)
    random = np.random.default_rng(0)
    target = (people.owner + random.integers(1, count, size=len(vectors))) % count
    own = score_outside_burst(vectors, people, target, enrolled=False)
    strangers = np.where(standing.nearest == target, standing.second, standing.other)
    return np.column_stack([own, np.fmax(strangers, standing.own), strangers])


def _destinations(standing: Standing, chances: Chances) -> Numbers:
    """The best other person, where the sighting would look rather right with that one."""
    moved = np.column_stack([standing.other, np.fmax(standing.own, standing.second)])
    return np.where(chances.at_even_odds(moved) < 0.5, standing.nearest, -1)

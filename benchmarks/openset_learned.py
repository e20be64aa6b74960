"""Linear log-likelihood ratios that the first identity is right, of more and more evidence."""

from collections.abc import Mapping

import numpy as np
from openset import Answers, Cell, Draw, Floats, People, Rule, draw
from openset_rules import NEIGHBOURS, RULES, neighbour_mean
from reid_gallery.gallery.calibration.odds import fit_log_odds
from unknown_people import others

LEARNED = "learned: best, centroid, next 10"
MORE = {
    LEARNED: "",
    "the same, and log sightings": "sightings",
    "the same, and log query pictures": "pictures",
    "the same, and picture quality": "quality",
}
"""By name, what each looks at beyond the first's."""

_CELLS = (
    Cell(10, 1, 1),
    Cell(20, 2, 1),
    Cell(20, 5, 1),
    Cell(20, 5, 1, mixed=True),
    Cell(20, 2, 8),
)
"""Learned on: with one and several sightings and, in the last, 1 to 8 pictures a query."""
_GALLERIES = 20


def learn(places: Mapping[str, People], more: str = "") -> Rule:
    """Fit one on calibration people, strangers and acquaintances as if equally frequent."""
    rows, right, weights = [], [], []
    for name, place in places.items():
        cohort = others(dict(places), name) if len(places) > 1 else place
        for cell in _CELLS:
            drawn = list(draw(place, cohort, cell, _GALLERIES, seed=7))
            answers = Answers.of(drawn, RULES["best sighting"])
            rows.append(np.concatenate([_of_first(one, more) for one in drawn]))
            right.append(answers.right)
            weights.append(np.where(answers.mated, 1 / answers.mated.mean(), 1))
    evidence = np.concatenate(rows)
    middle = evidence.mean(axis=0)
    beta = fit_log_odds(
        np.column_stack((np.ones(len(evidence)), evidence - middle)),
        np.concatenate(right).astype(np.float64),
        np.concatenate(weights),
    )[1:]

    def rule(one: Draw) -> Floats:
        return np.asarray(sum(b * term for b, term in zip(beta, _terms(one, more), strict=True)))

    return rule


def _terms(drawn: Draw, more: str) -> list[Floats]:
    """The evidence, float[q, N] each, or [q, 1] and [1, N] where it is the same for all."""
    near = neighbour_mean(drawn, NEIGHBOURS, cohort=True)
    terms = [drawn.best, drawn.centroids, near[:, np.newaxis]]
    if more == "sightings":
        terms.append(np.log(drawn.counts)[np.newaxis])
    if more == "pictures":
        terms.append(np.log(drawn.pictures)[:, np.newaxis])
    if more == "quality":
        terms += [column[:, np.newaxis] for column in drawn.quality.T]
    return terms


def _of_first(drawn: Draw, more: str) -> Floats:
    """float64[q, e]: the evidence for the first identity by best sighting."""
    first = np.arange(len(drawn.best)), drawn.best.argmax(axis=1)
    terms = [np.broadcast_to(term, drawn.best.shape)[first] for term in _terms(drawn, more)]
    return np.column_stack(terms).astype(np.float64)

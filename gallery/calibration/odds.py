"""The odds that the first identity is right, from its score and the gallery's size."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..decision import GallerySize, Odds, Strangers, most_matches
from ..errors import CalibrationError
from ..logistic import fit_weights
from .places import Round

Values = npt.NDArray[np.float64]

_KNEE = 0.1
"""The share of right answers below the knee of `Odds`; chosen by fitting to small galleries of
calibration people and measuring on large ones, as was the form."""

_RIDGE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Queries of galleries of one size.

    Attributes:
        size: of the gallery.
        pictures: asked as one.
        scores: float64[n], of the first identity.
        right: bool[n], whether it is the person asked about.
        mated: bool[n], whether that person is in the gallery.
    """

    size: GallerySize
    pictures: int
    scores: Values
    right: npt.NDArray[np.bool_]
    mated: npt.NDArray[np.bool_]


def fit_odds(strangers: Sequence[Strangers], rounds: Sequence[Round], *, seed: int = 0) -> Odds:
    """Fit `Odds` by logistic regression on random galleries of the rounds' people.

    Strangers and people in the gallery have the same weight, as if every second query were a
    stranger's.

    Raises:
        CalibrationError: no query was answered rightly, or every one.
    """
    random = np.random.default_rng(seed)
    asked = [group for drawn in rounds for group in draw_galleries(drawn, random)]
    scores = np.concatenate([a.scores for a in asked])
    matches = [most_matches(strangers, a.scores, a.size, a.pictures) for a in asked]
    right = np.concatenate([a.right for a in asked])
    mated = np.concatenate([a.mated for a in asked])
    if right.all() or not right.any():
        raise CalibrationError("every drawn query was answered alike; people are too few or alike")
    knee = float(np.quantile(scores[right], _KNEE))
    evidence = np.column_stack(
        (np.ones(len(scores)), np.minimum(scores, knee), np.log(np.concatenate(matches)))
    )
    share = np.where(mated, mated.mean(), 1 - mated.mean())
    constant, score, weight = fit_log_odds(evidence, right.astype(np.float64), 1 / share).tolist()
    return Odds(constant=constant, score=max(0.0, score), matches=min(0.0, weight), knee=knee)


def draw_galleries(drawn: Round, random: np.random.Generator) -> Iterator[Asked]:
    """Enroll a random part of a round's people, and ask as strangers and as people enrolled."""
    for scores, counts, pictures in (
        (drawn.one, np.ones_like(drawn.sighting_counts), np.ones_like(drawn.picture_counts)),
        (drawn.sightings, drawn.sighting_counts, np.ones_like(drawn.picture_counts)),
        (drawn.pictures, np.ones_like(drawn.sighting_counts), drawn.picture_counts),
    ):
        people = scores.shape[1]
        others = round(float(np.exp(random.uniform(0, np.log(people - 1)))))
        chosen = random.permutation(people)[:others]
        size = dict(Counter(counts[chosen].tolist()))
        rival = np.where(drawn.own[:, chosen], -np.inf, scores[:, chosen]).max(axis=1)
        own = np.where(drawn.own, scores, -np.inf).max(axis=1)
        for number in np.unique(pictures):
            yield from _ask(rival, own, pictures == number, size, int(number))


def _ask(
    rival: Values, own: Values, where: npt.NDArray[np.bool_], size: GallerySize, pictures: int
) -> Iterator[Asked]:
    strange = where & np.isfinite(rival)
    mated = where & np.isfinite(own)
    no, yes = np.zeros(strange.sum(), dtype=bool), np.ones(mated.sum(), dtype=bool)
    yield Asked(size, pictures, rival[strange].astype(np.float64), no, no)
    best = np.maximum(rival, own)[mated].astype(np.float64)
    yield Asked(size, pictures, best, (own > rival)[mated], yes)


def fit_log_odds(evidence: Values, right: Values, weights: Values) -> Values:
    """Fit log-odds as a weighted sum of evidence, with a ridge.

    Args:
        evidence: float64[n, e], the first column ones.
        right: float64[n], 1 or 0.
        weights: float64[n], of the rows.

    Returns:
        float64[e]. The ridge keeps them finite where the rows can be parted.
    """
    spread = np.maximum(evidence.std(axis=0), 1e-12)
    spread[0] = 1.0
    prior = np.full(evidence.shape[1], _RIDGE)
    beta = fit_weights(evidence / spread, right > 0.5, weights / weights.mean(), prior=prior)
    return np.asarray(beta / spread)

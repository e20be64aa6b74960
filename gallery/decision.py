"""Known or unknown: from a score to a decision, by the model's calibration.

A stranger who asks a gallery has one chance of a false match with each person in it. What a
calibration knows of one place (a street, a building: whatever cameras it was measured by) is how
high a stranger's score with one person is: p(t), the chance that one picture of the stranger and
one sighting of the person score at least t. Three things raise the best of a stranger's scores, and
each is counted:

- N people are N chances. Measured, they are independent: FPIR = 1 - (1 - p)^N.
- s sightings of a person raise that person's score; what p gives is moved by a log s.
- m pictures asked as one make a steadier query, and all its scores higher. Their mean embedding, of
  pictures whose mutual cosine is r, has the squared length r + (1 - r) / m, and is made unit again:
  so by the factor sqrt(m / (1 + (m - 1) r)), which comes to 1 / sqrt(r) and no further.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ModelError
from .logistic import sigmoid

DEFAULT_FPIR = 0.01
"""The share of strangers that may get a name, unless asked otherwise."""

FORM = 2
"""Of a calibration as it is stored; one of another form is not used."""

GallerySize = Mapping[int, int]
"""How many people have so many sightings: ``{1: 10, 5: 3}`` is 13 people."""

ONE_PERSON: GallerySize = {1: 1}

Values = npt.NDArray[np.float64]

_FEWEST_MATCHES = 1e-300
"""Of strangers, expected at a score; far right of a steep tail it would be 0, and have no log."""

_ROUNDS, _STEPS = 5, 64
"""A threshold is sought in [-2, 2], each round in a 64th of the last: to 4e-9."""


@dataclass(frozen=True, slots=True)
class Strangers:
    """How high strangers score in one place.

    Attributes:
        tail: (p, t) pairs: a picture of a stranger and one sighting of a person score at least t
            with probability p; p falling, t rising. Log p is linear between them and past the end.
        sighting_shift: a, what log s sightings of a person add to t.
        picture_agreement: r, in (0, 1], of the factor that m pictures asked as one put on t.
        people: how many people it was measured on.

    Raises:
        ModelError: the numbers can't be a calibration's.
    """

    tail: tuple[tuple[float, float], ...]
    sighting_shift: float
    picture_agreement: float
    people: int

    def __post_init__(self) -> None:
        chances = [p for p, _ in self.tail]
        scores = [t for _, t in self.tail]
        falling = all(a > b > 0 for a, b in pairwise(chances))
        rising = all(a < b for a, b in pairwise(scores))
        if len(self.tail) < 2 or not (falling and rising and chances[0] <= 1):
            raise ModelError("a calibration's tail needs falling probabilities and rising scores")
        if not all(map(math.isfinite, (*scores, self.sighting_shift))) or self.sighting_shift < 0:
            raise ModelError("a calibration's numbers must be finite, and its shift not negative")
        if not 0 < self.picture_agreement <= 1:
            raise ModelError("a calibration's agreement of pictures lies above 0, up to 1")

    def threshold(self, *, fpir: float, size: GallerySize, pictures: int = 1) -> float:
        """Return the score from which a match is known, at most 1."""
        return min(1.0, _seek(self, fpir, tuple(size.items())) * self._stretch(pictures))

    def false_matches(self, scores: Values, size: GallerySize, pictures: int = 1) -> Values:
        """Return float64[n], how many people a stranger is expected to match at each score.

        It is -log of the chance of none, so that FPIR = 1 - exp(-this).
        """
        counts = np.array(list(size), dtype=np.float64)
        people = np.array(list(size.values()), dtype=np.float64)
        of_one = (scores / self._stretch(pictures))[:, np.newaxis]
        single = of_one - self.sighting_shift * np.log(counts)
        return np.asarray(-(np.log1p(-np.exp(self._log_chance(single))) @ people))

    def _stretch(self, pictures: int) -> float:
        return math.sqrt(pictures / (1 + (pictures - 1) * self.picture_agreement))

    def _log_chance(self, scores: Values) -> Values:
        """Read log p at scores off the tail; it is below 0 even far to the left."""
        chances, known = np.array(self.tail).T
        logs = np.log(chances)
        decade = int(np.searchsorted(-logs, -logs[-1] - math.log(10) - 1e-9))
        left = min(decade, len(logs) - 2)
        slope = (logs[-1] - logs[left]) / (known[-1] - known[left])
        inside = np.interp(scores, known, logs)
        first = (logs[1] - logs[0]) / (known[1] - known[0])
        before = np.minimum(-1e-9, logs[0] + first * (scores - known[0]))
        after = logs[-1] + slope * (scores - known[-1])
        outside = np.where(scores < known[0], before, after)
        return np.asarray(np.where((scores < known[0]) | (scores > known[-1]), outside, inside))


@lru_cache(maxsize=256)
def _seek(place: Strangers, fpir: float, size: tuple[tuple[int, int], ...]) -> float:
    """The threshold of one picture; remembered, since most queries find the gallery as it was."""
    low, high = -2.0, 2.0
    wanted = -math.log1p(-fpir)
    for _ in range(_ROUNDS):
        scores = np.linspace(low, high, _STEPS + 1)
        enough = place.false_matches(scores, dict(size)) <= wanted
        enough[-1] = True
        first = max(1, int(np.argmax(enough)))
        low, high = float(scores[first - 1]), float(scores[first])
    return high


@dataclass(frozen=True, slots=True)
class Odds:
    """The odds that the first identity is right, from its score and how many match it by chance.

    The log-odds are constant + score * min(t, knee) + matches * log(expected false matches), as if
    every second query were a stranger's. Above the knee, a score that people who are there reach
    nine times in ten, a higher one says no more than that fewer strangers reach it.

    Attributes:
        constant: of the sum.
        score: weight, from 0.
        matches: weight, at most 0; so a higher score never makes less probable.
        knee: a score.

    Raises:
        ModelError: a number isn't finite, or a weight has the wrong sign.
    """

    constant: float
    score: float
    matches: float
    knee: float

    def __post_init__(self) -> None:
        numbers = (self.constant, self.score, self.matches, self.knee)
        if not all(map(math.isfinite, numbers)) or self.score < 0 or self.matches > 0:
            raise ModelError("a calibration's odds must be finite, and rise with the score")

    def probabilities(self, scores: Values, false_matches: Values) -> Values:
        """Return float64[n], the probability at each score of float64[n]."""
        log_odds = (
            self.constant
            + self.score * np.minimum(scores, self.knee)
            + self.matches * np.log(false_matches)
        )
        return sigmoid(log_odds)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns a wanted FPIR into a threshold at any gallery size, and a score into odds.

    Where several places were measured, a threshold holds in the strictest of them.

    Attributes:
        places: what was measured, a place each; on people neither trained nor tested on.
        odds: that the first identity is right.

    Raises:
        ModelError: there is no place.
    """

    places: tuple[Strangers, ...]
    odds: Odds

    def __post_init__(self) -> None:
        if not self.places:
            raise ModelError("a calibration needs a place")

    def threshold(self, *, fpir: float, size: GallerySize, pictures: int = 1) -> float:
        """Return the score from which a match is known.

        Args:
            fpir: the share of strangers that may get a name, between 0 and 1.
            size: of the gallery that is asked; an empty one is as one of a single person.
            pictures: how many are asked as one.

        Raises:
            ModelError: ``fpir`` is not between 0 and 1.
        """
        if not 0 < fpir < 1:
            raise ModelError(f"an FPIR lies between 0 and 1, not {fpir}")
        return max(
            place.threshold(fpir=fpir, size=size or ONE_PERSON, pictures=pictures)
            for place in self.places
        )

    def probability(self, score: float, *, size: GallerySize, pictures: int = 1) -> float:
        """Return the probability that the first identity, of this score, is right."""
        return float(self.probabilities(np.array([score]), size=size, pictures=pictures)[0])

    def probabilities(self, scores: Values, *, size: GallerySize, pictures: int = 1) -> Values:
        """Return float64[n], `probability` of each score of float64[n]."""
        return self.odds.probabilities(scores, most_matches(self.places, scores, size, pictures))


def most_matches(
    places: Sequence[Strangers], scores: Values, size: GallerySize, pictures: int = 1
) -> Values:
    """Return float64[n], a stranger's expected matches at each score, in the strictest place."""
    asked = size or ONE_PERSON
    expected = [place.false_matches(scores, asked, pictures) for place in places]
    return np.asarray(np.max(expected, axis=0, initial=_FEWEST_MATCHES))


def parse_calibration(tree: Mapping[str, Any] | None) -> Calibration | None:
    """Read the ``calibration`` of a ModelSpec.

    Returns:
        The calibration; None when there is none of this program's form.

    Raises:
        ModelError: it says it is of this form, and isn't.
    """
    if not tree:
        return None
    try:
        if tree.get("form") != FORM:
            return None
        places = tuple(_parse_place(place) for place in tree["places"])
        odds = {field.name: float(tree["odds"][field.name]) for field in fields(Odds)}
        return Calibration(places, Odds(**odds))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"the model's calibration can't be read ({error})") from error


def calibration_tree(calibration: Calibration) -> dict[str, Any]:
    """Return the JSON that `parse_calibration` reads."""
    return {
        "form": FORM,
        "places": [
            {
                "tail": [list(point) for point in place.tail],
                "sighting_shift": place.sighting_shift,
                "picture_agreement": place.picture_agreement,
                "people": place.people,
            }
            for place in calibration.places
        ],
        "odds": asdict(calibration.odds),
    }


def _parse_place(tree: Mapping[str, Any]) -> Strangers:
    return Strangers(
        tail=tuple((float(p), float(t)) for p, t in tree["tail"]),
        sighting_shift=float(tree["sighting_shift"]),
        picture_agreement=float(tree["picture_agreement"]),
        people=int(tree["people"]),
    )

"""Known or unknown: from a score to a decision, by the model's calibration."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .errors import ModelError

DEFAULT_FPIR = 0.01
"""The share of strangers that may get a name, unless asked otherwise."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How high strangers score: what turns a wanted FPIR into a threshold at any gallery size.

    A stranger who asks a gallery of n people has n chances of a false match; if each has
    probability p, and they are independent, FPIR = 1 - (1 - p)^n. So the threshold for n people is
    the score that one stranger's comparison with one person exceeds with probability
    p = 1 - (1 - FPIR)^(1/n), read off the measured tail, and past its end on a straight line
    through the last decade of log p (an exponential tail).

    Attributes:
        tail: (probability, score) pairs, probability falling, scores rising.
        people: how many people it was measured on; none trained or tested on.
    """

    tail: tuple[tuple[float, float], ...]
    people: int

    def __post_init__(self) -> None:
        probabilities = [p for p, _ in self.tail]
        scores = [s for _, s in self.tail]
        falling = all(a > b > 0 for a, b in pairwise(probabilities))
        rising = all(a <= b for a, b in pairwise(scores))
        if len(self.tail) < 2 or not (falling and rising and probabilities[0] <= 1):
            raise ModelError("a calibration's tail needs falling probabilities and rising scores")
        if not all(map(math.isfinite, scores)):
            raise ModelError("a calibration's scores must be finite")

    def threshold(self, *, fpir: float, people: int) -> float:
        """Return the score from which a match is known, in a gallery of ``people``, at ``fpir``."""
        if not 0 < fpir < 1:
            raise ModelError(f"an FPIR lies between 0 and 1, not {fpir}")
        chance = -math.expm1(math.log1p(-fpir) / max(1, people))
        return min(1.0, _interpolate(self.tail, max(chance, sys.float_info.min)))


def parse_calibration(tree: Mapping[str, Any] | None) -> Calibration | None:
    """Read the ``calibration`` of a ModelSpec.

    Raises:
        ModelError: it isn't of this form.
    """
    if not tree:
        return None
    try:
        tail = tuple((float(p), float(s)) for p, s in tree["tail"])
        return Calibration(tail=tail, people=int(tree["people"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"the model's calibration can't be read ({error})") from error


def _interpolate(tail: tuple[tuple[float, float], ...], chance: float) -> float:
    """Read a score at a probability, linear in log p; outside the tail, go on straight."""
    points = [(-math.log(p), score) for p, score in tail]
    where = -math.log(chance)
    if where > points[-1][0]:
        decade = [point for point in points if point[0] >= points[-1][0] - math.log(10)]
        return _line(decade[0] if len(decade) > 1 else points[-2], points[-1], where)
    for left, right in pairwise(points):
        if where <= right[0]:
            return _line(left, right, where)
    return points[-1][1]


def _line(left: tuple[float, float], right: tuple[float, float], where: float) -> float:
    return left[1] + (right[1] - left[1]) * (where - left[0]) / (right[0] - left[0])

"""The curve of false and true acceptance over all thresholds, with weights for the bootstrap.

A pair is accepted if its score is not below the threshold. FAR is the share of pairs of two people
that are accepted, TAR the share of pairs of one person; FRR = 1 - TAR.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .counting import Rows, Scores

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """FAR and TAR at every threshold that makes a difference, from the strictest on.

    Attributes:
        thresholds: float64[t], falling; the first accepts nothing.
        far: float64[t], rising from 0 to 1.
        tar: float64[t], rising from 0 to 1.
        accuracy: float64[t], share of all pairs that are judged right.
    """

    thresholds: Values
    far: Values
    tar: Values
    accuracy: Values

    @property
    def eer(self) -> float:
        """Equal error rate: the mean of FAR and FRR where they are nearest to one another."""
        at = int(np.argmin(np.abs(self.far - (1 - self.tar))))
        return float((self.far[at] + 1 - self.tar[at]) / 2)

    def tar_at(self, far: float) -> float:
        """The largest TAR whose FAR does not exceed ``far``."""
        return float(self.tar[np.searchsorted(self.far, far, side="right") - 1])

    @property
    def best_threshold(self) -> float:
        """The threshold of the highest accuracy, the strictest of several."""
        return float(self.thresholds[int(np.argmax(self.accuracy))])


class RocMaker:
    """Makes curves of the same pairs under changing weights; they are sorted once.

    Args:
        scores: float32[m].
        same: bool[m], of which some are True and some False.
    """

    def __init__(self, scores: Scores, same: npt.NDArray[np.bool_]) -> None:
        self._order: Rows = np.argsort(-scores, kind="stable")
        falling = scores[self._order].astype(np.float64)
        self._same = same[self._order]
        self._ends: Rows = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
        accepted = falling[self._ends]
        # Half-way to the next lower score, so that a threshold stands in no pair's way.
        lower = np.append(accepted[1:], accepted[-1] - 2e-3)
        strictest = [accepted[0] + 1e-3]
        self._thresholds: Values = np.concatenate([strictest, (accepted + lower) / 2])

    def make(self, weights: Values | None = None) -> Roc:
        """Make the curve; ``weights`` are float64[m], by default all 1."""
        given = np.ones(len(self._order)) if weights is None else weights[self._order]
        right = np.concatenate([[0], np.cumsum(given * self._same)[self._ends]])
        wrong = np.concatenate([[0], np.cumsum(given * ~self._same)[self._ends]])
        positives, negatives = right[-1], wrong[-1]
        return Roc(
            self._thresholds,
            wrong / negatives,
            right / positives,
            (right + negatives - wrong) / (positives + negatives),
        )

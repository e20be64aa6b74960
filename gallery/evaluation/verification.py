"""Verification: is it one person or two, over pairs of pictures, with intervals.

Intervals are bootstrapped by identity: people are drawn with replacement, and a pair counts as
often as its person was drawn, a pair of two people as often as both (the pigeonhole bootstrap,
Owen 2007). Pairs alone would seem far surer than they are. Of n people a
pair of two would count 1 - 1/n times on average, a pair of one once, which favours "same" where
people are few: pairs of two are weighed so that both kinds keep their shares in each resample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..counted import counted
from ..embeddings import check_embeddings
from ..errors import EmbeddingError, NotFoundError
from .counting import Rows, Scores
from .intervals import Interval, bracket, interval_of
from .pairs import Pairs, draw_coin_pairs, draw_honest_pairs
from .roc import Roc, RocMaker
from .trials import Trial

COIN_THRESHOLD = 0.4
"""Part of the coin's protocol, and only of it: no threshold of this program's is a literal."""

FARS = (1e-2, 1e-3)

FIGURES = {
    "accuracy": "accuracy",
    "eer": "EER",
    "tar_at_far_1e-2": "TAR@FAR 1 %",
    "tar_at_far_1e-3": "TAR@FAR 0.1 %",
}
"""Every figure's name in words."""

_PAIRS_AT_ONCE = 8192
_RESAMPLES = 1000
_LEAST_JUDGED = 0.15
"""Of the resamples: of fewer there is no interval."""


@dataclass(frozen=True, eq=False)
class VerificationResult:
    """m pairs with their scores; ``print`` gives the table.

    Attributes:
        name: of the protocol: ``coin``, ``cross-view``, or one's own.
        scores: float32[m], cosines.
        same: bool[m], whether a pair shows one person.
        people: int64[2, m], whom the two pictures show, as numbers from 0.
        half: int64[m], 0 or 1, the half of the people a pair is of.
        threshold: that everybody is judged by; None: each half by the threshold that is best for
            the other.
    """

    name: str
    scores: Scores
    same: npt.NDArray[np.bool_]
    people: Rows
    half: Rows
    threshold: float | None

    @property
    def positives(self) -> int:
        """How many pairs show one person."""
        return int(np.count_nonzero(self.same))

    @property
    def negatives(self) -> int:
        """How many pairs show two."""
        return len(self.same) - self.positives

    @property
    def thresholds(self) -> tuple[float, ...]:
        """What the pairs were judged by: one, or one a half."""
        return _Judge(self).thresholds(None)

    def roc(self) -> Roc:
        """FAR and TAR at every threshold; FAR and 1 - TAR are the DET curve."""
        return RocMaker(self.scores, self.same).make()

    def figures(self) -> dict[str, float]:
        """Every figure of `FIGURES`, in [0, 1]; NaN where there are too few pairs for the FAR."""
        return _Judge(self).figures(None)

    def intervals(self, *, resamples: int = _RESAMPLES) -> dict[str, Interval]:
        """95 % interval of every figure; thresholds are learned anew in each resample."""
        judge, generator = _Judge(self), np.random.default_rng(0)
        people = int(self.people.max()) + 1
        drawn: dict[str, list[float]] = {name: [] for name in FIGURES}
        for _ in range(resamples):
            times = np.bincount(generator.integers(people, size=people), minlength=people)
            left, right = times[self.people]
            weights = np.where(self.same, left, left * right)
            if judge.can_judge(weights):
                for name, value in judge.figures(judge.balance(weights)).items():
                    drawn[name].append(value)
        # Of few people only those resamples can be judged in which all are, hence all alike.
        judged = len(next(iter(drawn.values())))
        enough = judged and judged >= _LEAST_JUDGED * resamples
        return {
            name: interval_of(np.array(values if enough else [np.nan]))
            for name, values in drawn.items()
        }

    def denominators(self) -> str:
        """What was verified, in words."""
        people = len(np.unique(self.people))
        how = {
            "coin": "any two pictures, a coin for same or different",
            "cross-view": "one person in two views against two people in two views",
        }.get(self.name, "pairs as they were given")
        judged = " and ".join(f"{value:.3f}" for value in self.thresholds)
        rule = "fixed" if self.threshold is not None else "each from the other half of the people"
        return (
            f"{how}; {counted(self.positives, 'pair')} of one person, {self.negatives:,} of two, "
            f"of {people:,} people; threshold {judged} ({rule})"
        )

    def __str__(self) -> str:
        figures, intervals = self.figures(), self.intervals()
        rows = [
            f"  {label:<24}{figures[name]:6.1%}{bracket(intervals[name])}"
            if np.isfinite(figures[name])
            else f"  {label:<24}     -  (needs more pairs of two people)"
            for name, label in FIGURES.items()
        ]
        return "\n".join([f"verification, {self.name}: {self.denominators()}", *rows])

    def __repr__(self) -> str:
        return f"VerificationResult({self.name!r}, {self.positives} + {self.negatives} pairs)"


class _Judge:
    """Computes a result's figures under changing weights."""

    def __init__(self, result: VerificationResult) -> None:
        self._result = result
        self._whole = RocMaker(result.scores, result.same)
        self._of = [result.half == number for number in (0, 1)]
        self._parts = self._of if result.threshold is None else [np.full(len(result.same), True)]
        if result.threshold is None:
            self._makers = [RocMaker(result.scores[of], result.same[of]) for of in self._of]

    def thresholds(self, weights: npt.NDArray[Any] | None) -> tuple[float, ...]:
        """The fixed one, or for each half what is best for the other."""
        if self._result.threshold is not None:
            return (self._result.threshold,)
        best = [
            maker.make(None if weights is None else weights[of]).best_threshold
            for maker, of in zip(self._makers, self._of, strict=True)
        ]
        return (best[1], best[0])

    def can_judge(self, weights: npt.NDArray[Any]) -> bool:
        """Whether there are pairs of both kinds left, in each half if each is judged."""
        kinds = (self._result.same, ~self._result.same)
        return all(weights[part & kind].any() for part in self._parts for kind in kinds)

    def balance(self, weights: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Weigh pairs of two people so that both kinds have the shares they have unweighted.

        In each half if each is judged: its best threshold goes by the shares, too.
        """
        balanced = weights.astype(np.float64)
        for part in self._parts:
            one, two = part & self._result.same, part & ~self._result.same
            wanted = balanced[one].sum() * np.count_nonzero(two) / np.count_nonzero(one)
            balanced[two] *= wanted / balanced[two].sum()
        return balanced

    def figures(self, weights: npt.NDArray[Any] | None) -> dict[str, float]:
        """Every figure of `FIGURES`."""
        result, roc = self._result, self._whole.make(weights)
        limits = np.resize(self.thresholds(weights), 2)[result.half]
        right = (result.scores >= limits) == result.same
        tars = [roc.tar_at(far) if result.negatives * far >= 1 else float("nan") for far in FARS]
        values = (float(np.average(right, weights=weights)), roc.eer, *tars)
        return dict(zip(FIGURES, values, strict=True))


def evaluate_pairs(
    embeddings: npt.NDArray[Any],
    pids: Sequence[str],
    pairs: Pairs,
    *,
    name: str,
    threshold: float | None = None,
) -> VerificationResult:
    """Score pairs of pictures.

    Args:
        embeddings: float32[n, d] unit rows.
        pids: n identities.
        pairs: rows to compare.
        name: of the protocol.
        threshold: see `VerificationResult`.

    Raises:
        EmbeddingError: rows aren't unit vectors, or not one a pid.
        NotFoundError: pairs of one person, or of two, are missing, or, without a threshold, pairs
            of one half of the people.
    """
    rows = check_embeddings(embeddings)
    if len(rows) != len(pids):
        raise EmbeddingError(f"{len(rows)} embeddings but {len(pids)} pids; give one each")
    _check_both_kinds(pairs, halves=threshold is None)
    shown = np.asarray(pids)[np.stack([pairs.left, pairs.right])]
    _, people = np.unique(shown, return_inverse=True)
    scores = np.empty(len(pairs.left), dtype=np.float32)
    for start in range(0, len(scores), _PAIRS_AT_ONCE):
        some = slice(start, start + _PAIRS_AT_ONCE)
        scores[some] = np.einsum("nd,nd->n", rows[pairs.left[some]], rows[pairs.right[some]])
    return VerificationResult(
        name, scores, pairs.same, people.reshape(shown.shape), pairs.half, threshold
    )


def _check_both_kinds(pairs: Pairs, *, halves: bool) -> None:
    """See that there is something to judge, and, from half to half, something to learn from."""
    if pairs.same.all() or not pairs.same.any():
        raise NotFoundError("pairs of one person and pairs of two are needed; one kind is missing")
    if halves and len(np.unique(pairs.half)) < 2:
        raise NotFoundError(
            "all pairs are of one half of the people; give a threshold, or pairs of two halves"
        )


def draw_pairs(trial: Trial) -> tuple[Pairs, Pairs]:
    """Draw a trial's pairs: the coin's, and the honest ones.

    Raises:
        NotFoundError: there are too few people for that.
    """
    nobody = trial.distractors
    return (
        draw_coin_pairs(trial.pids, nobody=nobody),
        draw_honest_pairs(trial.pids, trial.views, nobody=nobody),
    )


def verify_trial(
    trial: Trial, embeddings: npt.NDArray[Any]
) -> tuple[VerificationResult, VerificationResult]:
    """Verify the pairs of `draw_pairs`, the coin's by its threshold; see `evaluate_pairs`."""
    coin, honest = draw_pairs(trial)
    return (
        evaluate_pairs(embeddings, trial.pids, coin, name="coin", threshold=COIN_THRESHOLD),
        evaluate_pairs(embeddings, trial.pids, honest, name="cross-view"),
    )

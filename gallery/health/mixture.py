"""How likely is a mistake? Learnt from the gallery itself, against mistakes made on purpose.

What is observed is a mixture: mostly right, and an unknown share of mistakes. What mistakes look
like is known, because they can be simulated. A logistic regression of observed against simulated
gives the likelihood ratio of the two; the share of mistakes, and with it the chance of each, is
found by expectation maximisation (Saerens, Latinne and Decaestecker 2002, section 2.2), while the
regression is fitted again with those left out that look like mistakes (classification EM, Celeux
and Govaert 1992: weights in place of leaving out drift away in small galleries). So no number
stands here that belongs to one model or one data set.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..logistic import fit_weights, sigmoid

Matrix = npt.NDArray[np.float64]
"""float64[n, f]: n cases by f features."""
Column = npt.NDArray[np.float64]

_PENALTY = 2.5e-4
"""Half of a standardised weight's square costs this share of the cases' summed loss. Nearly all
cases are easy, so without it weights grow until odd but right sightings count as certain mistakes.
On held-out people, and on parts of them from 180 sightings on, this and up to four times of it give
the chances the least log loss; more of it hides a single stranger among hundreds of sightings."""
_ROUNDS = 30
_CLOSE_ENOUGH = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Chances:
    """A fitted mixture; make it with `fit_chances`.

    Attributes:
        share: the estimated share of mistakes among what was observed, in [0, 1].
    """

    share: float
    _centre: Column
    _scale: Column
    _weights: Column

    def __call__(self, features: Matrix) -> Column:
        """Return float64[n] in [0, 1]: the chance that each case, float64[n, f], is a mistake."""
        return _posterior(_log_ratio(self._standard(features), self._weights), self.share)

    def at_even_odds(self, features: Matrix) -> Column:
        """Return float64[n], the chances if half of all cases were mistakes."""
        return _posterior(_log_ratio(self._standard(features), self._weights), 0.5)

    def _standard(self, features: Matrix) -> Matrix:
        return (features - self._centre) / self._scale


def fit_chances(observed: Matrix, simulated: Matrix) -> Chances:
    """Learn to tell mistakes from the rest.

    Args:
        observed: float64[n, f], the cases as they are, mostly right; n at least 1.
        simulated: float64[m, f], cases that are mistakes for certain; m at least 1.
    """
    both = np.concatenate([observed, simulated])
    centre, scale = both.mean(axis=0), both.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    z = (both - centre) / scale
    count, wrong, share = len(observed), np.zeros(len(observed)), 0.0
    weights = np.zeros(z.shape[1] + 1)
    is_mistake = np.arange(len(both)) >= count
    for turn in range(_ROUNDS):
        right = (wrong <= 0.5).astype(np.float64)
        balanced = np.full(len(simulated), right.sum() / len(simulated))
        weights = fit_logistic(z, is_mistake, np.concatenate([right, balanced]), start=weights)
        ratio = _log_ratio(z[:count], weights)
        # The first fit has the mistakes among the right ones, which hides them: so at first
        # whatever looks rather like a mistake is left out.
        before, share = share, _estimate_share(ratio) if turn else 0.5
        wrong = _posterior(ratio, share)
        if abs(share - before) < _CLOSE_ENOUGH:
            break
    return Chances(share, centre, scale, weights)


def fit_logistic(
    features: Matrix,
    truths: npt.NDArray[np.bool_],
    case_weights: Column,
    *,
    start: Column | None = None,
) -> Column:
    """Fit a logistic regression, with a penalty on large weights.

    Args:
        features: float64[n, f], standardised.
        truths: bool[n].
        case_weights: float64[n], how much each case counts, not negative.
        start: float64[f + 1] to begin with; zeros by default.

    Returns:
        float64[f + 1]: a weight a feature, and last the intercept, which has no penalty.
    """
    x = np.column_stack([features, np.ones(len(features))])
    prior = np.full(x.shape[1], _PENALTY * max(1.0, case_weights.sum()))
    prior[-1] = _CLOSE_ENOUGH  # next to none, but the equations stay solvable
    return fit_weights(x, truths, case_weights, prior=prior, start=start)


def predict_logistic(features: Matrix, weights: Column) -> Column:
    """Return float64[n] chances in [0, 1] of what `fit_logistic` fitted."""
    return sigmoid(_log_ratio(features, weights))


def _log_ratio(features: Matrix, weights: Column) -> Column:
    return np.asarray(features @ weights[:-1] + weights[-1])


def _estimate_share(log_ratio: Column) -> float:
    """Estimate the share of mistakes, given the likelihood ratios of what was observed."""
    share = 0.5
    for _ in range(1000):
        before, share = share, float(_posterior(log_ratio, share).mean())
        if abs(share - before) < _CLOSE_ENOUGH / 10:
            break
    return share


def _posterior(log_ratio: Column, share: float) -> Column:
    tiny = np.finfo(np.float64).tiny
    share = min(max(share, tiny), 1 - np.finfo(np.float64).eps)
    return sigmoid(log_ratio + np.log(share) - np.log1p(-share))

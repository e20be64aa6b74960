"""Logistic regression by Newton's method, with a Gaussian prior on the weights."""

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

_STEPS = 50
_LONGEST_STEP = 2.0
"""A weight: far from the optimum full steps would overshoot."""
_CLOSE_ENOUGH = 1e-9


def sigmoid(values: Column) -> Column:
    """Return float64[n] in [0, 1], without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))


def fit_weights(
    evidence: Matrix,
    truths: npt.NDArray[np.bool_],
    case_weights: Column,
    *,
    prior: Column,
    start: Column | None = None,
) -> Column:
    """Fit log-odds as a weighted sum of evidence.

    Args:
        evidence: float64[n, e], of about unit spread; a constant is a column of ones.
        truths: bool[n].
        case_weights: float64[n], how much each case counts, not negative.
        prior: float64[e], one over the variance of each weight's prior, above 0: it keeps weights
            finite where nothing overlaps, and the equations solvable.
        start: float64[e] to begin with; zeros by default.

    Returns:
        float64[e], a weight a column.
    """
    weights = np.zeros(evidence.shape[1]) if start is None else start
    for _ in range(_STEPS):
        chance = sigmoid(evidence @ weights)
        slope = evidence.T @ (case_weights * (chance - truths)) + prior * weights
        curve = (evidence * (case_weights * chance * (1 - chance))[:, None]).T @ evidence
        step = np.linalg.solve(curve + np.diag(prior), slope)
        weights = weights - np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        if np.abs(step).max() < _CLOSE_ENOUGH:
            break
    return weights

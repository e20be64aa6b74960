"""How sure a figure is: bootstrap intervals over people, not over pictures.

Pictures of one person succeed and fail together, so resampling pictures would make every interval
too narrow; whole identities are drawn instead (the cluster bootstrap, Field & Welsh 2007).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import EmbeddingError


class Interval(NamedTuple):
    """An interval of a mean; both ends are NaN where one identity is all there is."""

    low: float
    high: float


def bracket(interval: Interval) -> str:
    """The interval as it is printed behind its figure; nothing where both ends are NaN."""
    return "" if math.isnan(interval.low) else f"  [{interval.low:.1%}, {interval.high:.1%}]"


def bootstrap_interval(
    values: npt.NDArray[Any],
    pids: Sequence[str] | npt.NDArray[Any],
    *,
    weights: npt.NDArray[Any] | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of the mean of ``values``, resampled by identity.

    Args:
        values: [n], one number (or truth) a query.
        pids: [n], whose query it is.
        weights: [n], what each value weighs in the mean; by default all weigh the same.
        level: share of resampled means inside, between 0 and 1.
        resamples: how many sets of identities are drawn, each with replacement.
        seed: the same seed draws the same sets.

    Raises:
        EmbeddingError: ``values`` is empty, or ``pids`` has another length.
    """
    means = resampled_means(values, pids, weights=weights, resamples=resamples, seed=seed)
    return interval_of(means, level=level)


def interval_of(means: npt.NDArray[np.float64], *, level: float = 0.95) -> Interval:
    """Percentile interval of what `resampled_means` gives, or of a mean of several such."""
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def resampled_means(
    values: npt.NDArray[Any],
    pids: Sequence[str] | npt.NDArray[Any],
    *,
    weights: npt.NDArray[Any] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> npt.NDArray[np.float64]:
    """Means of ``values`` over as many sets of identities, see `bootstrap_interval`.

    Returns:
        float64[resamples]; NaN where one identity is all there is.
    """
    if len(values) == 0 or len(values) != len(pids):
        raise EmbeddingError(
            f"an interval needs one pid a value and one value at least; "
            f"there are {len(values)} values and {len(pids)} pids"
        )
    _, identities = np.unique(np.asarray(pids), return_inverse=True)
    weighing = np.ones(len(values)) if weights is None else weights
    sums = np.bincount(identities, weights=np.asarray(values, dtype=np.float64) * weighing)
    counts = np.bincount(identities, weights=weighing)
    if len(counts) == 1:
        return np.full(resamples, np.nan)
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    for turn in range(resamples):
        drawn = generator.integers(len(counts), size=len(counts))
        means[turn] = sums[drawn].sum() / counts[drawn].sum()
    return means

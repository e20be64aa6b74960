"""Two models on the same queries: the difference of every figure, and how sure it is.

Both models succeed and fail with the same easy and hard people, so the difference is surer than
the two figures: people are resampled once for both (a paired bootstrap).
"""

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import EmbeddingError
from .intervals import bootstrap_interval


class Measured(Protocol):
    """What `RetrievalResult` and `TrialResult` have in common."""

    @property
    def pids(self) -> npt.NDArray[np.str_]:
        """Whose query it is, str[v]."""

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """What each query weighs in a figure, float64[v]."""

    def per_query(self) -> dict[str, npt.NDArray[np.float64]]:
        """Each figure's float64[v]."""

    def figures(self) -> dict[str, float]:
        """Each figure."""


class Difference(NamedTuple):
    """A figure of the second less that of the first, and the ends of its interval."""

    value: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def compare_results(
    first: Measured, second: Measured, *, level: float = 0.95, seed: int = 0
) -> dict[str, Difference]:
    """Compare two results of the same queries, figure by figure.

    Args:
        first: what is compared with.
        second: what is better where a difference is positive.
        level: of the intervals.
        seed: of the bootstrap.

    Raises:
        EmbeddingError: the two weren't asked the same queries.
    """
    if not np.array_equal(first.pids, second.pids):
        raise EmbeddingError(
            f"results of {len(first.pids)} and of {len(second.pids)} queries, not of the same "
            "people in the same order; measure both on one trial"
        )
    firsts, seconds = first.per_query(), second.per_query()
    values = {name: seconds[name] - firsts[name] for name in firsts}
    before, after = first.figures(), second.figures()
    return {
        name: Difference(
            after[name] - before[name],
            *bootstrap_interval(value, first.pids, weights=first.weights, level=level, seed=seed),
        )
        for name, value in values.items()
    }

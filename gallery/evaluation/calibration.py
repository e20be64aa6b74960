"""How high strangers score: measured on people neither trained nor tested on.

Every picture is taken as a query against every other person of its data set; the comparison's
score is that person's best sighting, as the gallery scores identities. The share of such
comparisons above a score is the chance p of one false match, and `decision.Calibration` makes a
threshold of it at any gallery size.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..decision import Calibration
from ..errors import NotFoundError

_POINTS_A_DECADE = 4
_LEAST_COMPARISONS = 10
"""The tail ends where fewer comparisons than this lie above: what is rarer is not measured."""

Vectors = npt.NDArray[np.float32]


def measure_strangers(
    embeddings: Vectors, pids: Sequence[str], sources: Sequence[str] | None = None
) -> Calibration:
    """Measure the tail of strangers' scores.

    Args:
        embeddings: float32[n, d] unit rows.
        pids: n identities, of people neither trained nor tested on.
        sources: n data sets' names; people of different ones are not compared, since cameras of
            another place make it too easy to tell them apart.

    Raises:
        NotFoundError: fewer than two people in each source.
    """
    names = np.asarray(pids)
    groups = np.asarray(sources) if sources is not None else np.zeros(len(names), dtype=np.int64)
    scores = np.concatenate(
        [_strangers(embeddings[groups == g], names[groups == g]) for g in np.unique(groups)]
    )
    if len(scores) < 2 * _LEAST_COMPARISONS:
        raise NotFoundError("too few people to calibrate with; it takes some dozens")
    return Calibration(tail=_tail(np.sort(scores)[::-1]), people=len(set(names.tolist())))


def _strangers(embeddings: Vectors, names: npt.NDArray[np.str_]) -> Vectors:
    """Best score of every query with every person that it doesn't show."""
    people, owner = np.unique(names, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(people)))
    best = np.maximum.reduceat(embeddings @ embeddings[order].T, starts, axis=1)
    stranger = owner[:, None] != np.arange(len(people))
    found: Vectors = best[stranger]
    return found


def _tail(falling: Vectors) -> tuple[tuple[float, float], ...]:
    """Read scores off at probabilities evenly spaced in their logarithm, from a half downwards."""
    last = _LEAST_COMPARISONS / len(falling)
    steps = max(2, round(np.log10(0.5 / last) * _POINTS_A_DECADE) + 1)
    points = []
    for chance in np.geomspace(0.5, last, steps):
        above = round(float(chance) * len(falling))
        points.append((above / len(falling), float(falling[above - 1])))
    return tuple(dict(points).items())

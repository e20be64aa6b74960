"""Rules that turn a query's scores into one score a person: what `unknown.py` compares."""

import numpy as np
import numpy.typing as npt
from openset import COHORT, Draw, Floats, Rule

NEIGHBOURS = 10
"""The people next to the best one that margins are taken to."""


def best_few(drawn: Draw, few: int) -> npt.NDArray[np.floating]:
    """The mean of the best few sightings."""
    falling = -np.sort(-np.nan_to_num(drawn.scores, nan=-9.0), axis=2)[:, :, :few]
    there = falling > -5
    return np.asarray((falling * there).sum(axis=2) / there.sum(axis=2))


def trimmed(drawn: Draw) -> npt.NDArray[np.floating]:
    """The mean of the better 60 % of sightings."""
    falling = -np.sort(-np.nan_to_num(drawn.scores, nan=-9.0), axis=2)
    kept = np.maximum(1, np.ceil(0.6 * drawn.counts)).astype(int)
    summed = np.cumsum(np.where(falling > -5, falling, 0), axis=2)
    column = np.broadcast_to(kept[np.newaxis, :, np.newaxis] - 1, (*summed.shape[:2], 1))
    return np.asarray(np.take_along_axis(summed, column, 2)[..., 0] / kept)


def softmax(drawn: Draw, first: int = 16, sharpness: float = 20.0) -> npt.NDArray[np.floating]:
    """The log of a softmax over the first 16 people."""
    scaled = sharpness * drawn.best
    top = _top(scaled, first)
    return np.asarray(scaled - np.log(np.exp(top - top.max(1, keepdims=True)).sum(1))[:, None]
                      - top.max(1, keepdims=True))  # fmt: skip


def adaptive_norm(drawn: Draw, nearest: int) -> npt.NDArray[np.floating]:
    """Adaptive symmetric score normalisation by the nearest of the cohort."""
    near, back = _top(drawn.cohort, nearest), _top(drawn.backward, nearest)
    one = (drawn.best - near.mean(1)[:, None]) / near.std(1)[:, None]
    two = (drawn.best - back.mean(1)) / back.std(1)
    return np.asarray((one + two) / 2)


def symmetric_mean(drawn: Draw) -> npt.NDArray[np.floating]:
    """Half the means of the ten nearest of the cohort, of query and person, taken off."""
    near, back = _top(drawn.cohort, NEIGHBOURS), _top(drawn.backward, NEIGHBOURS)
    return np.asarray(drawn.best - (near.mean(1)[:, None] + back.mean(1)) / 4)


def margin(drawn: Draw, neighbours: int, *, cohort: bool) -> npt.NDArray[np.floating]:
    """Half the mean of the next best people (of the cohort, too) taken off the best one's score."""
    best = drawn.best
    return np.asarray(best - 0.5 * neighbour_mean(drawn, neighbours, cohort=cohort)[:, None])


def neighbour_mean(drawn: Draw, neighbours: int, *, cohort: bool) -> Floats:
    """The mean of the people next to the best one, float64[q]."""
    rest = drawn.best.copy()
    rest[np.arange(len(rest)), rest.argmax(axis=1)] = -9
    if cohort:
        rest = np.concatenate([rest, drawn.cohort], axis=1)
    near = _top(rest, min(neighbours, rest.shape[1] - 1) or 1)
    return np.asarray(np.where(near > -5, near, 0).mean(axis=1), dtype=np.float64)


def _top(scores: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.floating]:
    count = min(count, scores.shape[1])
    return np.asarray(np.partition(scores, -count, axis=1)[:, -count:])


RULES: dict[str, Rule] = {
    "best sighting": lambda d: d.best,
    "best sighting - 0.04 log sightings": lambda d: d.best - 0.04 * np.log(d.counts),
    "centroid": lambda d: d.centroids,
    "(best sighting + centroid) / 2": lambda d: (d.best + d.centroids) / 2,
    "mean of the best 2": lambda d: best_few(d, 2),
    "mean of the best 3": lambda d: best_few(d, 3),
    "mean of the best 5": lambda d: best_few(d, 5),
    "trimmed mean (best 60 %)": trimmed,
    "softmax over the first 16": softmax,
    "adaptive S-norm, nearest 10 of a cohort": lambda d: adaptive_norm(d, 10),
    "adaptive S-norm, nearest 50": lambda d: adaptive_norm(d, 50),
    "S-norm, all of the cohort": lambda d: adaptive_norm(d, COHORT),
    "S-norm, nearest 10, means only": symmetric_mean,
    "margin to the runner-up": lambda d: margin(d, 1, cohort=False),
    "margin to the runner-up, cohort too": lambda d: margin(d, 1, cohort=True),
    "margin to the next 10": lambda d: margin(d, NEIGHBOURS, cohort=False),
    "margin to the next 10, cohort too": lambda d: margin(d, NEIGHBOURS, cohort=True),
}

"""The tail of strangers' scores: how seldom a score is that high, beyond what was seen too.

Above their 98th percentile the scores are taken to be of a generalised Pareto distribution, as
excesses over a high threshold of nearly any distribution are (Pickands 1975), fitted by
probability-weighted moments (Hosking & Wallis 1987) and ending at 1 at the latest, where cosines
do. A few people decide its far end; so it is fitted to many bootstrap samples of the people, and
the tails are averaged: the chance that one should expect, not knowing who comes.
"""

from contextlib import suppress

import numpy as np
import numpy.typing as npt

from ..errors import CalibrationError

Values = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_ABOVE = 0.02
"""The share of scores that the distribution is fitted to."""

_SAMPLES = 200
"""Of the people; with 30 the threshold of a hundred people still wavers by 0.02."""

_LEAST_ABOVE = 10
"""Scores that a sample is fitted to."""

_TOO_FEW = "too few comparisons of different people to calibrate with"

CHANCES = np.concatenate(([0.9, 0.7], np.geomspace(0.5, 1e-8, 40)))
"""At which the tail is read off."""


def fit_tail(
    scores: Values, probes: Rows, enrolled: Rows, *, seed: int = 0
) -> tuple[tuple[float, float], ...]:
    """Return (p, t) pairs: how high t a stranger's score is with probability p at least.

    Args:
        scores: float64[n], each of a probe with someone it doesn't show.
        probes: int64[n], who asked, numbered from 0.
        enrolled: int64[n], with whom, numbered alike.
        seed: of the samples.

    Raises:
        CalibrationError: the scores are too few, or all alike.
    """
    order = np.argsort(scores)
    scores, probes, enrolled = scores[order], probes[order], enrolled[order]
    random = np.random.default_rng(seed)
    everyone = int(max(probes.max(), enrolled.max())) + 1
    present = np.unique(np.concatenate((probes, enrolled)))
    at = np.linspace(scores[0], scores[-1] + (scores[-1] - scores[0]), 2000)
    _chances(scores, np.ones(len(scores)), at)  # tells if there is too little to sample from
    chances, used = np.zeros(len(at)), 0
    for _ in range(_SAMPLES):
        drawn = np.bincount(random.choice(present, len(present)), minlength=everyone)
        weights = (drawn[probes] * drawn[enrolled]).astype(np.float64)
        with suppress(CalibrationError):  # by chance a sample may have next to no tail
            chances += _chances(scores, weights, at)
            used += 1
    if 2 * used < _SAMPLES:
        raise CalibrationError(_TOO_FEW)
    return _read_off(at, chances / used)


def fit_pareto(excesses: Values, weights: Values, *, most: float) -> tuple[float, float]:
    """Fit a generalised Pareto distribution by probability-weighted moments.

    Args:
        excesses: float64[n], above 0 and ascending.
        weights: float64[n], from 0.
        most: that an excess can come to.

    Returns:
        Shape and scale: the chance to exceed y is (1 + shape y / scale)^(-1 / shape). Hosking &
        Wallis 1987, whose k is -shape: with a0 the mean and a1 the mean of y (1 - F(y)),
        k = a0 / (a0 - 2 a1) - 2 and scale = 2 a0 a1 / (a0 - 2 a1). A distribution that would go on
        past ``most`` is fitted by its mean alone, scale / (1 - shape), and ends there, at
        -scale / shape.
    """
    shares = weights / weights.sum()
    below = np.cumsum(shares) - shares / 2
    a0 = float(shares @ excesses)
    a1 = float((shares * (1 - below)) @ excesses)
    shape, scale = 2 - a0 / (a0 - 2 * a1), 2 * a0 * a1 / (a0 - 2 * a1)
    if shape < 0 and -scale / shape <= most:
        return shape, scale
    scale = a0 / (1 - a0 / most)
    return -scale / most, scale


def _chances(scores: Values, weights: Values, at: Values) -> Values:
    """The share of weight above each point: as counted, and in the tail as fitted."""
    summed = np.concatenate(([0.0], np.cumsum(weights)))
    counted: Values = 1 - summed[np.searchsorted(scores, at)] / summed[-1]
    begin = scores[np.searchsorted(summed[1:], (1 - _ABOVE) * summed[-1])]
    above = (scores > begin) & (weights > 0)
    if above.sum() < _LEAST_ABOVE:
        raise CalibrationError(_TOO_FEW)
    excesses = scores[above] - begin
    if begin >= 1 or excesses[-1] <= 0 or np.ptp(excesses) == 0:
        raise CalibrationError("strangers' scores are all alike; nothing can be told from them")
    shape, scale = fit_pareto(excesses, weights[above], most=1 - begin)
    fitted = weights[above].sum() / summed[-1] * _pareto(np.maximum(at - begin, 0), shape, scale)
    return np.where(at > begin, fitted, counted)


def _pareto(excesses: Values, shape: float, scale: float) -> Values:
    """The chance to exceed each, of a shape below 0: none past the end."""
    base = np.maximum(1 + shape * excesses / scale, 0)
    return np.asarray(base ** (-1 / shape))


def _read_off(at: Values, chances: Values) -> tuple[tuple[float, float], ...]:
    """Invert the curve at `CHANCES`, leaving out what doesn't rise."""
    logs = -np.log(np.maximum(np.minimum.accumulate(chances), 1e-300))
    points: list[tuple[float, float]] = []
    for chance in CHANCES.tolist():
        score = float(np.interp(-np.log(chance), logs, at))
        if not points or score > points[-1][1] + 1e-9:
            points.append((chance, score))
    return tuple(points)

"""The tail of strangers' scores: what is counted, what is fitted, and that it ends at 1."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.calibration.tail import CHANCES, fit_pareto, fit_tail
from reid_gallery.gallery.errors import CalibrationError


def test_golden_moments():
    # excesses 1, 2, 3 of equal weight: F = 1/6, 1/2, 5/6; a0 = 2,
    # a1 = (5/6 + 2/2 + 3/6) / 3 = 7/9; a0 - 2 a1 = 4/9; shape = 2 - 4.5 = -2.5, scale = 7
    shape, scale = fit_pareto(np.array([1.0, 2.0, 3.0]), np.ones(3), most=3)
    assert (shape, scale) == pytest.approx((-2.5, 7.0))


def test_a_distribution_that_would_not_end_in_time_is_made_to():
    random = np.random.default_rng(0)
    excesses = np.sort(random.exponential(0.1, 5000))
    excesses = excesses[excesses < 0.6]
    shape, scale = fit_pareto(excesses, np.ones(len(excesses)), most=0.6)
    assert -scale / shape == pytest.approx(0.6)
    assert scale / (1 - shape) == pytest.approx(excesses.mean())


def test_known_parameters_are_found():
    random = np.random.default_rng(1)
    chance = random.uniform(size=200_000)
    excesses = np.sort(0.1 / -0.3 * (chance**0.3 - 1))  # shape -0.3, scale 0.1
    assert fit_pareto(excesses, np.ones(len(excesses)), most=2) == pytest.approx((-0.3, 0.1), 0.03)


def test_weights_are_as_repetitions():
    excesses = np.array([0.1, 0.2, 0.4, 0.5])
    repeated = np.repeat(excesses, [3, 1, 2, 4])
    once = fit_pareto(excesses, np.array([3.0, 1.0, 2.0, 4.0]) * 1000, most=9)
    # mid-ranks within a block of equal values: their mean is the block's own
    assert once == pytest.approx(fit_pareto(repeated, np.ones(10), most=9), rel=1e-9)


def comparisons(people=60, seed=0, spread=0.15):
    random = np.random.default_rng(seed)
    probes, enrolled = np.nonzero(~np.eye(people, dtype=bool))
    scores = np.clip(random.normal(0.1, spread, len(probes)), -1, 1)
    return scores, probes.astype(np.int64), enrolled.astype(np.int64)


def test_the_body_is_what_was_counted():
    scores, probes, enrolled = comparisons(people=150)
    tail = dict(fit_tail(scores, probes, enrolled))
    for chance in (0.9, 0.5):
        assert tail[chance] == pytest.approx(np.quantile(scores, 1 - chance), abs=0.01)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6), st.floats(0.02, 0.2))
@example(568641, 0.125)  # one sample of its 200 has too few scores in the tail
def test_a_tail_rises_and_never_passes_one(seed, spread):
    tail = fit_tail(*comparisons(seed=seed, spread=spread), seed=seed)
    chances, scores = np.array(tail).T
    assert (np.diff(chances) < 0).all()
    assert (np.diff(scores) > 0).all()
    assert scores[-1] <= 1 + 1e-3
    assert set(chances) <= set(CHANCES)


def test_scores_that_are_all_alike_are_told():
    _, probes, enrolled = comparisons()
    with pytest.raises(CalibrationError, match=r"alike|too few"):
        fit_tail(np.full(len(probes), 0.5), probes, enrolled)

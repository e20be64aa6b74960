"""Chances of mistakes: the share is found, and the chances mean what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.health.mixture import fit_chances, fit_logistic, predict_logistic


def draw(share, *, seed=0, count=4000):
    random = np.random.default_rng(seed)
    wrong = random.random(count) < share
    observed = random.normal(np.where(wrong, -1.5, 1.5)[:, None], 1.0, (count, 1))
    return observed, wrong, random.normal(-1.5, 1.0, (count, 1))


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_the_share_of_mistakes_is_found(share):
    observed, wrong, simulated = draw(share)
    assert fit_chances(observed, simulated).share == pytest.approx(wrong.mean(), rel=0.3)


def test_chances_mean_what_they_say():
    observed, wrong, simulated = draw(0.1, count=20_000)
    chance = fit_chances(observed, simulated)(observed)
    for low, high in ((0.05, 0.3), (0.3, 0.7), (0.7, 0.95)):
        among = (chance >= low) & (chance < high)
        assert wrong[among].mean() == pytest.approx(chance[among].mean(), abs=0.1)


def test_nothing_wrong_means_no_suspicion():
    observed, _, simulated = draw(0.0)
    assert (fit_chances(observed, simulated)(observed) > 0.5).mean() < 0.002


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.floats(-3, 3), st.floats(0, 2))
def test_any_numbers_give_chances(observed, simulated, shift, scale):
    random = np.random.default_rng(observed * 10 + simulated)
    right = random.normal(size=(observed, 2)) * scale
    chances = fit_chances(right, random.normal(size=(simulated, 2)) * scale + shift)
    assert 0 <= chances.share <= 1
    assert ((chances(right) >= 0) & (chances(right) <= 1)).all()


def test_the_logistic_regression_finds_the_weights_it_was_drawn_with():
    random = np.random.default_rng(1)
    features = random.normal(size=(20_000, 2))
    true = np.array([1.0, -2.0, 0.5])
    truths = random.random(20_000) < predict_logistic(features, true)
    found = fit_logistic(features, truths, np.ones(20_000))
    np.testing.assert_allclose(found, true, atol=0.1)


def test_case_weights_count_as_repetitions():
    features = np.array([[0.0], [1.0], [2.0]])
    truths = np.array([False, True, True])
    repeated = np.array([0, 0, 0, 1, 2, 2])
    once = fit_logistic(features, truths, np.array([3.0, 1.0, 2.0]))
    often = fit_logistic(features[repeated], truths[repeated], np.ones(6))
    np.testing.assert_allclose(once, often, atol=1e-5)

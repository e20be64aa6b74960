import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.errors import EmbeddingError
from reid_gallery.gallery.evaluation.intervals import bootstrap_interval


def test_golden_values_of_two_people() -> None:
    # A has one query (1), B one (0). Draws AA, AB, BA, BB have means 1, 1/2, 1/2, 0 with
    # probabilities 1/4, 1/2, 1/4: the middle 95 % are [0, 1], the middle 40 % are [1/2, 1/2].
    values, pids = np.array([1.0, 0.0]), ["A", "B"]
    assert bootstrap_interval(values, pids) == (0.0, 1.0)
    assert bootstrap_interval(values, pids, level=0.4) == (0.5, 0.5)


def test_people_weigh_by_their_queries() -> None:
    # A has three queries (1), B one (0): the draw of both has mean 3/4.
    assert bootstrap_interval(np.array([1, 1, 1, 0]), list("AAAB"), level=0.4) == (0.75, 0.75)


def test_many_pictures_of_one_person_make_nothing_surer() -> None:
    generator = np.random.default_rng(3)
    values, pids = generator.random(40), np.arange(40)
    once = bootstrap_interval(values, pids)
    often = bootstrap_interval(np.repeat(values, 25), np.repeat(pids, 25))
    assert often == pytest.approx(once)


def test_the_normal_interval_is_met() -> None:
    # Of 400 people with one query each, the mean's standard error is sd / 20.
    values = np.random.default_rng(11).random(400)
    low, high = bootstrap_interval(values, np.arange(400), resamples=4000)
    reach = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - reach, abs=0.1 * reach)
    assert high == pytest.approx(values.mean() + reach, abs=0.1 * reach)


def test_the_seed_decides() -> None:
    values, pids = np.random.default_rng(0).random(30), np.arange(30)
    assert bootstrap_interval(values, pids, seed=4) == bootstrap_interval(values, pids, seed=4)
    assert bootstrap_interval(values, pids, seed=4) != bootstrap_interval(values, pids, seed=5)


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from("ABC")), min_size=1, max_size=12))
def test_ends_are_ordered_and_inside_the_values(rows: list[tuple[float, str]]) -> None:
    values, pids = np.array([value for value, _ in rows]), [pid for _, pid in rows]
    low, high = bootstrap_interval(values, pids, resamples=50)
    if len(set(pids)) == 1:
        assert math.isnan(low)
        assert math.isnan(high)
    else:
        assert values.min() - 1e-12 <= low <= high <= values.max() + 1e-12


@pytest.mark.parametrize(("values", "pids"), [([], []), ([1.0], ["A", "B"])])
def test_lengths_must_match(values: list[float], pids: list[str]) -> None:
    with pytest.raises(EmbeddingError, match="one pid a value"):
        bootstrap_interval(np.array(values), pids)

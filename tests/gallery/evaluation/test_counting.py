import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.evaluation.counting import AheadCounter, count_by_looking_up

Scores = npt.NDArray[np.float32]

SCORES = st.sampled_from([-1.0, -0.5, -0.0, 0.0, 1e-30, 0.25, 0.25000003, 1.0])
ROWS = st.lists(st.one_of(SCORES, st.just(-np.inf)), min_size=1, max_size=12)


def naive(row: Scores, score: np.float32, cut: int) -> int:
    before = sum(item >= score for item in row[:cut])
    return int(before + sum(item > score for item in row[cut:]))


@given(row=ROWS, own=st.lists(st.tuples(SCORES, st.integers(0, 12)), min_size=1, max_size=90))
def test_both_ways_count_what_is_ahead(row: list[float], own: list[tuple[float, int]]) -> None:
    items = np.array(row, dtype=np.float32)
    scores = np.array([score for score, _ in own], dtype=np.float32)
    cuts = np.sort(np.minimum([cut for _, cut in own], len(row)))
    expected = [naive(items, *pair) for pair in zip(scores, cuts.tolist(), strict=True)]
    counter = AheadCounter(12)
    assert counter.count_by_comparing(items, scores, cuts).tolist() == expected
    assert count_by_looking_up(items, scores, cuts).tolist() == expected
    assert counter.count(items, scores, cuts).tolist() == expected


def test_finding_what_is_ahead() -> None:
    row = np.array([0.5, 0.2, 0.5, 0.9, -np.inf], dtype=np.float32)
    ahead = AheadCounter(5).find(row, np.array([0.5], dtype=np.float32), 1)
    assert ahead.tolist() == [0, 3]  # the .5 before the cut, not the one behind it


@pytest.mark.parametrize("relevant", [128, 129, 400])
def test_many_relevant_items_are_counted_alike(relevant: int) -> None:
    generator = np.random.default_rng(relevant)
    row = generator.integers(-20, 20, 500).astype(np.float32)
    scores = generator.integers(-20, 20, relevant).astype(np.float32)
    cuts = np.sort(generator.integers(0, 501, relevant))
    expected = [naive(row, *pair) for pair in zip(scores, cuts.tolist(), strict=True)]
    assert AheadCounter(500).count(row, scores, cuts).tolist() == expected

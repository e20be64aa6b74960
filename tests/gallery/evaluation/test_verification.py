import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.errors import EmbeddingError, NotFoundError
from reid_gallery.gallery.evaluation.intervals import Interval
from reid_gallery.gallery.evaluation.pairs import (
    Pairs,
    _draw_apart,
    draw_coin_pairs,
    draw_honest_pairs,
)
from reid_gallery.gallery.evaluation.roc import RocMaker
from reid_gallery.gallery.evaluation.trials import Trial
from reid_gallery.gallery.evaluation.verification import (
    FIGURES,
    VerificationResult,
    evaluate_pairs,
    verify_trial,
)

Array = npt.NDArray[np.float32]

# Falling scores:      .9    .8    .7    .6    .5    .4    .3    .2
SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], dtype=np.float32)
SAME = np.array([True, True, False, True, True, False, False, False])


def result(
    scores: Array = SCORES,
    same: npt.NDArray[np.bool_] = SAME,
    half: list[int] | None = None,
    threshold: float | None = 0.45,
) -> VerificationResult:
    """One person a positive pair, two of a negative; nobody is in two pairs."""
    people = np.arange(2 * len(scores)).reshape(2, -1)
    people[1, same] = people[0, same]
    halves = np.array(half or [0] * len(scores))
    return VerificationResult("coin", scores, same, people, halves, threshold)


def test_golden_values_of_the_curve() -> None:
    roc = RocMaker(SCORES, SAME).make()
    assert roc.tar.tolist() == [0, 0.25, 0.5, 0.5, 0.75, 1, 1, 1, 1]
    assert roc.far.tolist() == [0, 0, 0, 0.25, 0.25, 0.25, 0.5, 0.75, 1]
    # FAR .25 and FRR .25 meet at the threshold between .6 and .5.
    assert roc.eer == 0.25
    assert roc.tar_at(0.0) == 0.5
    assert roc.tar_at(0.24) == 0.5
    assert roc.tar_at(0.25) == 1.0
    # Between .5 and .4: all four positives and three of the negatives are right.
    assert roc.accuracy.max() == 7 / 8
    assert roc.best_threshold == pytest.approx(0.45)


def test_equal_scores_are_accepted_together() -> None:
    scores = np.full(4, 0.5, dtype=np.float32)
    roc = RocMaker(scores, np.array([True, False, True, False])).make()
    assert (roc.far.tolist(), roc.tar.tolist()) == ([0, 1], [0, 1])
    assert roc.eer == 0.5


def test_weights_count_pairs_several_times() -> None:
    weights = np.array([2, 1, 1, 0, 1, 3, 1, 1], dtype=np.float64)
    weighted = RocMaker(SCORES, SAME).make(weights)
    repeated = RocMaker(
        np.repeat(SCORES, weights.astype(int)), np.repeat(SAME, weights.astype(int))
    )
    plain = repeated.make()
    assert weighted.eer == plain.eer
    assert weighted.tar_at(0.2) == plain.tar_at(0.2)
    assert weighted.accuracy.max() == plain.accuracy.max()


@given(
    st.lists(
        st.tuples(st.sampled_from([-0.5, 0.0, 0.25, 0.5, 1.0]), st.booleans()),
        min_size=2,
        max_size=20,
    ).filter(lambda rows: len({same for _, same in rows}) == 2)
)
def test_the_curve_is_what_counting_gives(rows: list[tuple[float, bool]]) -> None:
    scores = np.array([score for score, _ in rows], dtype=np.float32)
    same = np.array([same for _, same in rows])
    roc = RocMaker(scores, same).make()
    for threshold, far, tar, accuracy in zip(
        roc.thresholds, roc.far, roc.tar, roc.accuracy, strict=True
    ):
        accepted = scores >= threshold
        assert far == pytest.approx(np.mean(accepted[~same]))
        assert tar == pytest.approx(np.mean(accepted[same]))
        assert accuracy == pytest.approx(np.mean(accepted == same))
    for target in (0.0, 0.1, 0.5):
        passing = [np.mean(scores[same] >= t) for t in roc.thresholds
                   if np.mean(scores[~same] >= t) <= target]  # fmt: skip
        assert roc.tar_at(target) == pytest.approx(max(passing))


def test_golden_figures_at_a_fixed_threshold() -> None:
    figures = result().figures()
    assert figures["accuracy"] == 7 / 8
    assert figures["eer"] == 0.25
    assert math.isnan(figures["tar_at_far_1e-2"])  # four pairs of two people can't tell
    assert result().thresholds == (0.45,)


def test_a_threshold_is_learned_from_the_other_half() -> None:
    # Half 0 is parted at .5, half 1 at .3: each judges the other wrongly in one pair of four.
    scores = np.array([0.7, 0.6, 0.4, 0.2, 0.55, 0.38, 0.22, 0.1], dtype=np.float32)
    same = np.array([True, True, False, False, True, True, False, False])
    found = result(scores, same, [0] * 4 + [1] * 4, threshold=None)
    assert found.thresholds == pytest.approx((0.3, 0.5))
    assert found.figures()["accuracy"] == 6 / 8


def test_so_few_people_that_all_are_in_every_resample_have_no_interval() -> None:
    people = [f"p{n // 3}" for n in range(12)]
    rows = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = evaluate_pairs(
        rows, people, draw_honest_pairs(people, list(map(str, range(12)))), name="cross-view"
    )
    assert math.isnan(found.intervals(resamples=200)["accuracy"].low)


def test_intervals_hold_the_figures_and_are_seeded() -> None:
    generator = np.random.default_rng(0)
    same = np.arange(400) % 2 == 0
    scores = (0.3 * same + 0.2 * generator.normal(size=400)).astype(np.float32)
    found = result(scores, same)
    intervals, figures = found.intervals(resamples=200), found.figures()
    for name in ("accuracy", "eer", "tar_at_far_1e-2"):
        assert intervals[name].low < figures[name] < intervals[name].high
    assert str(intervals) == str(found.intervals(resamples=200))  # NaN isn't equal to itself


def test_draws_without_one_kind_of_pair_tell_nothing() -> None:
    # Of two people, every draw but that of both, once each, lacks the pair of two.
    people = np.array([[0, 1, 0], [0, 1, 1]])
    scores, same = np.array([0.9, 0.8, 0.1], np.float32), np.array([True, True, False])
    found = VerificationResult("coin", scores, same, people, np.zeros(3, int), 0.4)
    assert found.intervals(resamples=50)["eer"] == (0.0, 0.0)
    assert math.isnan(found.intervals(resamples=0)["eer"].low)


def test_pairs_of_few_people_are_less_sure_than_pairs_seem() -> None:
    generator = np.random.default_rng(1)
    skill = generator.normal(size=8)
    owners = generator.integers(8, size=600)
    scores = (0.4 + 0.3 * skill[owners]).astype(np.float32)
    same = np.ones(600, dtype=bool)
    same[::2] = False
    people = np.stack([owners, np.where(same, owners, (owners + 1) % 8)])
    clustered = VerificationResult("coin", scores, same, people, np.zeros(600, int), 0.4)
    apart = result(scores, same, threshold=0.4)
    low, high = clustered.intervals(resamples=200)["accuracy"]
    narrow = apart.intervals(resamples=200)["accuracy"]
    assert high - low > 2 * (narrow.high - narrow.low)


@pytest.mark.parametrize("threshold", [0.4, None])
def test_a_resample_has_the_shares_of_both_kinds_that_were_drawn(threshold: float | None) -> None:
    # Who takes all pairs for one person, or none, is right in half of them, whoever is drawn.
    people = np.array([[0, 1, 2, 3, 4, 5] * 2, [0, 1, 2, 3, 4, 5, 1, 2, 0, 4, 5, 3]])
    scores, halves = np.full(12, 0.9, np.float32), np.tile([0, 0, 0, 1, 1, 1], 2)
    found = VerificationResult("mine", scores, np.arange(12) < 6, people, halves, threshold)
    assert found.intervals(resamples=200)["accuracy"] == pytest.approx((0.5, 0.5))


def test_a_figure_without_an_interval_stands_alone() -> None:
    unsure = {name: Interval(math.nan, math.nan) for name in FIGURES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VerificationResult, "intervals", lambda _: unsure)
        assert "  EER                      25.0%\n" in str(result())


PIDS = [f"p{n // 6}" for n in range(120)]
VIEWS = [f"camera {n % 3}" for n in range(120)]


def test_the_coin_takes_any_pictures() -> None:
    pairs = draw_coin_pairs(PIDS, nobody={"p0"}, count=800, seed=3)
    pids = np.array(PIDS)
    assert np.array_equal(pids[pairs.left] == pids[pairs.right], pairs.same)
    assert 0.4 < pairs.same.mean() < 0.6
    assert "p0" not in pids[pairs.left]
    assert (pairs.left != pairs.right).all()
    again = draw_coin_pairs(PIDS, nobody={"p0"}, count=800, seed=3)
    assert np.array_equal(pairs.left, again.left)


def test_a_person_of_many_pictures_and_a_rare_view_has_pairs() -> None:
    often = ["c1"] * 4999 + ["c2"]
    pids, views = ["p0"] * 5000, list(often)
    for person in range(1, 4):
        pids += [f"p{person}"] * 2
        views += ["c1", "c2"]
    for seed in range(5):
        pairs = draw_honest_pairs(pids, views, seed=seed)
        mine = pairs.same & (pairs.left < 5000)
        assert mine.sum() == 20
        assert (np.maximum(pairs.left, pairs.right)[mine] == 4999).all()


def test_pairs_of_many_pictures_are_as_likely_each() -> None:
    views = np.array(["a"] * 150 + ["b"] * 100 + ["c"] * 50)
    left, right = _draw_apart(views, 200_000, np.random.default_rng(0))
    assert (views[left] != views[right]).all()
    drawn = np.zeros((300, 300), int)
    np.add.at(drawn, (np.minimum(left, right), np.maximum(left, right)), 1)
    possible = np.triu(views[:, None] != views)
    assert drawn[~possible].sum() == 0
    expected = 200_000 / possible.sum()
    for one, other in (("a", "b"), ("a", "c"), ("b", "c")):
        block = drawn[np.ix_(views == one, views == other)]
        assert block.mean() == pytest.approx(expected, rel=0.03)


def test_honest_pairs_cross_views_and_stay_in_their_half() -> None:
    pairs = draw_honest_pairs(PIDS, VIEWS, nobody={"p0"}, most=5)
    pids, views = np.array(PIDS), np.array(VIEWS)
    assert np.array_equal(pids[pairs.left] == pids[pairs.right], pairs.same)
    assert (views[pairs.left] != views[pairs.right]).all()
    assert np.count_nonzero(pairs.same) == np.count_nonzero(~pairs.same) == 19 * 5
    halves = [set(pids[pairs.left[pairs.half == n]]) | set(pids[pairs.right[pairs.half == n]])
              for n in (0, 1)]  # fmt: skip
    assert not halves[0] & halves[1]
    assert len(halves[0] | halves[1]) == 19


def test_a_person_of_very_many_pictures_is_drawn_from() -> None:
    pids = ["crowd"] * 5000 + [f"p{n // 2}" for n in range(20)]
    views = [f"picture {n}" for n in range(len(pids))]
    pairs = draw_honest_pairs(pids, views)
    positive = pairs.left[pairs.same], pairs.right[pairs.same]
    assert np.count_nonzero(positive[0] < 5000) == 20
    assert len(set(zip(*positive, strict=True))) == len(positive[0])


def test_negatives_of_one_camera_are_better_than_none() -> None:
    views = ["camera a"] * 100 + [f"picture {n}" for n in range(20)]
    pids = ["a"] * 50 + ["b"] * 50 + [f"p{n % 5}" for n in range(20)]
    pairs = draw_honest_pairs(pids, views)
    assert np.count_nonzero(~pairs.same) == np.count_nonzero(pairs.same)


def test_a_trial_is_verified_both_ways() -> None:
    rows = np.eye(20, dtype=np.float32)[[int(pid[1:]) for pid in PIDS]]
    everything = np.arange(120)
    trial = Trial(
        "all-to-all", "", tuple(PIDS), tuple(VIEWS), (None,) * 120, ((everything, everything),)
    )
    coin, honest = verify_trial(trial, rows)
    assert coin.figures()["accuracy"] == honest.figures()["accuracy"] == 1.0
    assert len(coin.scores) == 3000
    assert "threshold 0.400 (fixed)" in str(coin)
    assert "cross-view" in str(honest)


def test_intervals_of_six_people_hold_the_figures() -> None:
    # All look alike, so that nearly every pair is taken for one person.
    rows = 1 + 0.8 * np.random.default_rng(0).normal(size=(36, 16))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    everything = np.arange(36)
    trial = Trial(
        "six", "", tuple(PIDS[:36]), tuple(VIEWS[:36]), (None,) * 36, ((everything, everything),)
    )
    for found in verify_trial(trial, rows.astype(np.float32)):
        intervals, figures = found.intervals(resamples=200), found.figures()
        for name in ("accuracy", "eer"):
            assert intervals[name].low <= figures[name] <= intervals[name].high, found


@pytest.mark.parametrize(
    ("pids", "says"),
    [(["a", "b", "c"], "one of them with two pictures"), (["a", "a"], "two people at least")],
)
def test_too_few_people_for_the_coin(pids: list[str], says: str) -> None:
    with pytest.raises(NotFoundError, match=says):
        draw_coin_pairs(pids)


def test_any_pairs_may_be_judged_by_a_fixed_threshold() -> None:
    rows = np.eye(20, dtype=np.float32)[[int(pid[1:]) for pid in PIDS]]
    pairs = draw_honest_pairs(PIDS, VIEWS)
    found = evaluate_pairs(rows, PIDS, pairs, name="mine", threshold=0.5)
    assert found.figures()["accuracy"] == 1.0
    assert "pairs as they were given" in found.denominators()


def test_without_a_threshold_pairs_are_of_two_halves() -> None:
    rows = np.eye(20, dtype=np.float32)[[int(pid[1:]) for pid in PIDS]]
    pairs = draw_coin_pairs(PIDS)
    with pytest.raises(NotFoundError, match="all pairs are of one half"):
        evaluate_pairs(rows, PIDS, pairs, name="mine")
    alike = replace(pairs, same=np.full(len(pairs.same), True))
    with pytest.raises(NotFoundError, match="one kind is missing"):
        evaluate_pairs(rows, PIDS, alike, name="mine", threshold=0.5)


def test_too_few_people_in_two_views() -> None:
    with pytest.raises(NotFoundError, match="3 people were seen by two cameras"):
        draw_honest_pairs(list("aabbccdd"), ["1", "2"] * 3 + ["1", "1"])
    with pytest.raises(NotFoundError, match="1 person was seen by two cameras"):
        draw_honest_pairs(list("aabbccdd"), ["1", "2"] + ["1"] * 6)


def test_wrong_embeddings_are_refused() -> None:
    pair = Pairs(np.array([0]), np.array([1]), np.array([True]), np.array([0]))
    with pytest.raises(EmbeddingError, match="2 embeddings but 1 pids"):
        evaluate_pairs(np.eye(2), ["a"], pair, name="coin")
    with pytest.raises(EmbeddingError, match="aren't unit vectors"):
        evaluate_pairs(np.full((2, 2), np.nan), ["a", "a"], pair, name="coin")

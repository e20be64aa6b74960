from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.train.balancing import draw_pictures, small_people

pictures = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([None, 1, 2])), min_size=1, max_size=40
)
counts, groups, seeds = st.integers(0, 90), st.integers(1, 6), st.integers(0, 9)


def draw(views, count, *, group=1, seed=0, mix=True):
    random = np.random.default_rng(seed)
    positions = range(len(views))
    return draw_pictures(positions, views if mix else None, count, group=group, random=random)


@given(views=pictures, count=counts, group=groups, seed=seeds, mix=st.booleans())
def test_every_picture_is_drawn_as_often_as_any_other(views, count, group, seed, mix):
    drawn = draw(views, count, group=group, seed=seed, mix=mix)
    times = Counter(drawn)
    assert len(drawn) == count
    assert {times[position] for position in range(len(views))} <= {
        count // len(views),
        -(-count // len(views)),
    }
    assert drawn == draw(views, count, group=group, seed=seed, mix=mix)


@given(views=pictures, count=counts, group=groups, seed=seeds, mix=st.booleans())
def test_no_group_shows_a_picture_twice_if_there_are_enough(views, count, group, seed, mix):
    drawn = draw(views, count, group=group, seed=seed, mix=mix)
    if len(views) >= group:
        for start in range(0, count, group):
            mine = drawn[start : start + group]
            assert len(set(mine)) == len(mine)


@given(views=pictures, count=counts, seed=seeds)
def test_of_many_pictures_those_that_cover_cameras_and_tracklets(views, count, seed):
    """The naive rule: give one to each in turn who has some left; so no one has two more."""
    count = min(count, len(views))
    drawn = [views[position] for position in draw(views, count, seed=seed)]
    _check_even(Counter(c for c, _ in drawn), Counter(c for c, _ in views))
    for camera in {camera for camera, _ in drawn}:
        mine, all_of_it = ([v for v in some if v[0] == camera] for some in (drawn, views))
        _check_even(Counter(mine), Counter(all_of_it))


def _check_even(drawn: Counter, there: Counter) -> None:
    most = max(drawn.values(), default=0)
    for key, available in there.items():
        assert drawn[key] >= min(available, most - 1)


def test_one_group_has_a_picture_of_every_camera():
    views = [("abcd"[n % 4], None) for n in range(12)]
    drawn = draw(views, 12)
    assert all({views[p][0] for p in drawn[n : n + 4]} == set("abcd") for n in (0, 4, 8))


@given(cameras=st.integers(1, 8), each=st.integers(1, 6), group=groups, seed=seeds)
def test_groups_are_of_different_cameras_as_long_as_there_are_enough(cameras, each, group, seed):
    views = [(n % cameras, None) for n in range(cameras * each)]
    drawn = [views[p][0] for p in draw(views, len(views), group=group, seed=seed)]
    for start in range(0, len(drawn) - group + 1, group):
        assert len(set(drawn[start : start + group])) == min(group, cameras)


def test_small_people_by_hand():
    people = [
        pid for pid, count in zip("abcde", (1, 2, 3, 4, 10), strict=True) for _ in range(count)
    ]
    assert small_people(people, 0.0) == set()
    assert small_people(people, 0.25) == {"a"}  # the quantile is 2
    assert small_people(people, 0.3) == {"a", "b"}  # 2.2
    assert small_people(people, 0.99) == {"a", "b", "c", "d"}
    assert small_people(["a", "b"] * 4, 0.9) == set()
    assert small_people([], 0.5) == set()


@given(people=st.lists(st.sampled_from("abcdefgh"), max_size=60), quantile=st.floats(0, 0.99))
def test_never_more_than_the_quantile_is_small(people, quantile):
    small = small_people(people, quantile)
    counts = Counter(people)
    assert len(small) <= quantile * len(counts) + 1
    if small:
        assert max(counts[p] for p in small) < min(counts[p] for p in counts.keys() - small)

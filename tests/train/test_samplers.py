from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.errors import TrainingError
from reid_gallery.train.samplers import plan_epoch, shard

crowds = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(["a", "b", "c", None])), min_size=1, max_size=80
)
few, seeds = st.integers(1, 5), st.integers(0, 9)


def plan(labels, cameras, *, seed=0, epoch=0, **options):
    views = None if cameras is None else [(camera, None) for camera in cameras]
    return plan_epoch(labels, views, seed=seed, epoch=epoch, **options)


@settings(deadline=None)
@given(crowd=crowds, people=few, per_person=few, seed=seeds, mix=st.booleans())
def test_every_batch_is_p_people_with_k_pictures_each(crowd, people, per_person, seed, mix):
    labels, cameras = zip(*crowd, strict=True)
    options = {"people": people, "per_person": per_person, "seed": seed}
    for batch in plan(labels, cameras if mix else None, **options):
        assert len(batch) == people * per_person
        shown = [labels[position] for position in batch]
        assert set(Counter(shown).values()) == {per_person}
        starts = range(0, len(shown), per_person)
        assert all(len(set(shown[start : start + per_person])) == 1 for start in starts)


@settings(deadline=None)
@given(crowd=crowds, people=few, per_person=few, seed=seeds)
def test_every_picture_is_used_about_once(crowd, people, per_person, seed):
    """No more often than its person's groups, and left out only for want of other people."""
    labels, cameras = zip(*crowd, strict=True)
    batches = plan(labels, cameras, people=people, per_person=per_person, seed=seed)
    used = Counter(position for batch in batches for position in batch)
    pictures = Counter(labels)
    for label, count in pictures.items():
        mine = [used[position] for position, other in enumerate(labels) if other == label]
        assert sum(mine) <= -(-count // per_person) * per_person
        if count % per_person == 0:
            assert max(mine) <= 1
    left = {label for position, label in enumerate(labels) if position not in used}
    assert len(left) < people


@settings(deadline=None)
@given(crowd=crowds, seed=seeds, epoch=seeds, balance_to=st.sampled_from([0, 7]))
def test_the_same_seed_gives_the_same_plan(crowd, seed, epoch, balance_to):
    labels, cameras = zip(*crowd, strict=True)
    options = {"people": 2, "per_person": 2, "balance_to": balance_to}
    plans = [plan(labels, cameras, seed=seed, epoch=epoch, **options) for _ in range(2)]
    assert plans[0] == plans[1]


def test_other_seeds_and_epochs_give_other_plans():
    labels = [n // 6 for n in range(60)]
    plans = [
        plan(labels, [None] * 60, people=4, per_person=3, seed=seed, epoch=epoch)
        for seed in range(2)
        for epoch in range(3)
    ]
    assert all(a != b for n, a in enumerate(plans) for b in plans[:n])


def test_a_persons_group_mixes_its_cameras_unless_it_is_told_not_to():
    labels = [n // 12 for n in range(96)]
    cameras = ["abcd"[n % 4] for n in range(96)]
    batches = plan(labels, cameras, people=4, per_person=4)
    assert batches
    assert all(_is_mixed(batch, cameras) for batch in batches)
    batches = plan(labels, None, people=4, per_person=4)
    assert not all(_is_mixed(batch, cameras) for batch in batches)


def _is_mixed(batch: list[int], cameras: list[str]) -> bool:
    groups = [batch[start : start + 4] for start in range(0, len(batch), 4)]
    return all({cameras[position] for position in group} == set("abcd") for group in groups)


def test_a_person_with_few_pictures_is_shown_repeatedly():
    batches = plan([0, 1, 1, 1, 1], [None] * 5, people=2, per_person=4)
    assert len(batches) == 1
    assert Counter(batches[0])[0] == 4


def test_too_few_people_fill_no_batch():
    assert plan([0, 0, 1, 1], [None] * 4, people=3, per_person=2) == []


# -- balanced --------------------------------------------------------------------------------------


@settings(deadline=None)
@given(crowd=crowds, balance_to=st.integers(1, 30), seed=seeds)
def test_a_balanced_epoch_sees_as_many_pictures_of_everyone(crowd, balance_to, seed):
    labels, cameras = zip(*crowd, strict=True)
    batches = plan(labels, cameras, people=1, per_person=3, seed=seed, balance_to=balance_to)
    used = Counter(position for batch in batches for position in batch)
    drawn = -(-balance_to // 3) * 3
    for label, count in Counter(labels).items():
        mine = [used[position] for position, other in enumerate(labels) if other == label]
        assert sum(mine) == drawn
        assert set(mine) <= {drawn // count, -(-drawn // count)}


def test_other_epochs_draw_other_pictures_of_those_who_have_many():
    labels = [n // 50 for n in range(200)]
    used = [
        {p for b in plan(labels, None, people=2, per_person=4, epoch=e, balance_to=8) for p in b}
        for e in range(12)
    ]
    assert all(len(epoch) <= 32 for epoch in used)
    assert len(set.union(*used)) > 150


# -- several processes -----------------------------------------------------------------------------


@given(per_process=st.integers(1, 9), world_size=st.integers(1, 8))
def test_the_parts_of_all_processes_are_the_batch(per_process, world_size):
    batch = list(range(per_process * world_size))
    parts = [shard(batch, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert [item for part in parts for item in part] == batch
    assert {len(part) for part in parts} == {per_process}


def test_a_batch_that_cannot_be_shared_evenly():
    with pytest.raises(TrainingError, match="batch of 96 pictures can't be shared evenly by 5"):
        shard(range(96), rank=0, world_size=5)

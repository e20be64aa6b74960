from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.train.samplers import plan_epoch

crowds = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(["a", "b", "c", None])), min_size=1, max_size=80
)


def plan(labels, cameras, *, people, per_person, seed=0, epoch=0):
    return plan_epoch(labels, cameras, people=people, per_person=per_person, seed=seed, epoch=epoch)


@settings(deadline=None)
@given(crowd=crowds, people=st.integers(1, 5), per_person=st.integers(1, 5), seed=st.integers(0, 9))
def test_every_batch_is_p_people_with_k_pictures_each(crowd, people, per_person, seed):
    labels, cameras = zip(*crowd, strict=True)
    for batch in plan(labels, cameras, people=people, per_person=per_person, seed=seed):
        assert len(batch) == people * per_person
        shown = [labels[position] for position in batch]
        assert set(Counter(shown).values()) == {per_person}
        starts = range(0, len(shown), per_person)
        assert all(len(set(shown[start : start + per_person])) == 1 for start in starts)


@settings(deadline=None)
@given(crowd=crowds, people=st.integers(1, 5), per_person=st.integers(1, 5), seed=st.integers(0, 9))
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
@given(crowd=crowds, seed=st.integers(0, 9), epoch=st.integers(0, 9))
def test_the_same_seed_gives_the_same_plan(crowd, seed, epoch):
    labels, cameras = zip(*crowd, strict=True)
    plans = [
        plan(labels, cameras, people=2, per_person=2, seed=seed, epoch=epoch) for _ in range(2)
    ]
    assert plans[0] == plans[1]


def test_other_seeds_and_epochs_give_other_plans():
    labels = [n // 6 for n in range(60)]
    plans = [
        plan(labels, [None] * 60, people=4, per_person=3, seed=seed, epoch=epoch)
        for seed in range(2)
        for epoch in range(3)
    ]
    assert all(a != b for n, a in enumerate(plans) for b in plans[:n])


def test_a_persons_group_mixes_its_cameras():
    labels = [n // 12 for n in range(96)]
    cameras = ["abcd"[n % 4] for n in range(96)]
    batches = plan(labels, cameras, people=4, per_person=4)
    assert batches
    for batch in batches:
        for start in range(0, len(batch), 4):
            assert {cameras[position] for position in batch[start : start + 4]} == set("abcd")


def test_a_person_with_few_pictures_is_shown_repeatedly():
    batches = plan([0, 1, 1, 1, 1], [None] * 5, people=2, per_person=4)
    assert len(batches) == 1
    assert Counter(batches[0])[0] == 4


def test_too_few_people_fill_no_batch():
    assert plan([0, 0, 1, 1], [None] * 4, people=3, per_person=2) == []

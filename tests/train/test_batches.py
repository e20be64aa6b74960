import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.errors import TrainingError
from reid_gallery.gallery.pictures.fit import fit
from reid_gallery.train.batches import add_unlabelled, load_batches, plan_batches
from reid_gallery.train.config import DataConfig, Phase, TrainConfig
from reid_gallery.train.datasets import CropCache

PHASE = Phase(epochs=2, height=64, width=32)


def config_of(**data) -> TrainConfig:
    settings = {"people_per_batch": 4, "pictures_per_person": 3, "workers": 0, **data}
    last = Phase(epochs=1, height=256, width=128)
    return TrainConfig(seed=3, data=DataConfig(**settings), phases=(PHASE, last))


@pytest.fixture(scope="module")
def crops(people):
    return CropCache(sorted(people.rglob("*.jpg")), limit_mib=16)


LABELS = [n // 6 for n in range(60)]
CAMERAS = [f"c{n % 2}" for n in range(60)]


def batches_of(crops, config, **options):
    plan = plan_batches(LABELS, CAMERAS, config, epoch=1)
    options = {"epoch": 1, "first": 0, **options}
    return list(load_batches(crops, plan, config, PHASE, **options))


@pytest.mark.parametrize("workers", [0, 1])
def test_the_processes_parts_of_a_step_are_the_batch_of_one_process(crops, workers):
    config = config_of(workers=workers)
    whole = batches_of(crops, config)
    parts = [batches_of(crops, config, rank=rank, world_size=2) for rank in range(2)]
    assert len(whole) == len(parts[0]) == len(parts[1]) > 1
    for batch, *shares in zip(whole, *parts, strict=True):
        for at in (0, 1):  # pictures, positions
            assert torch.equal(batch[at], torch.cat([share[at] for share in shares]))
    assert whole[0][0].shape == (12, 64, 32, 3)
    assert whole[0][0].dtype == torch.uint8


def test_a_resumed_epoch_sees_the_batches_that_were_left(crops):
    config = config_of()
    whole, rest = batches_of(crops, config), batches_of(crops, config, first=2)
    assert len(rest) == len(whole) - 2
    assert all(torch.equal(a, b) for a, b in zip(whole[2][0], rest[0][0], strict=True))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_is_gone_is_told_in_a_line(people, tmp_path, workers):
    shutil.copytree(people, tmp_path / "people")
    crops = CropCache(sorted((tmp_path / "people").rglob("*.jpg")), limit_mib=0)
    crops.paths[0].unlink()
    with pytest.raises(TrainingError, match=r"^\S+0\.jpg: no such file; bring it back, then go on"):
        batches_of(crops, config_of(workers=workers))


def test_the_configuration_balances_and_mixes():
    plan = plan_batches(LABELS, CAMERAS, config_of(balance_to=12), epoch=0)
    assert len(plan) == 10  # 10 people x 12 / (4 x 3)
    mixed, plain = (
        plan_batches(LABELS, CAMERAS, config_of(mix_cameras=mix), epoch=0) for mix in (True, False)
    )
    assert mixed != plain


def test_fewer_people_than_a_batch_has_make_a_smaller_one():
    plan = plan_batches([0, 0, 1], [None] * 3, config_of(), epoch=0)
    assert [len(batch) for batch in plan] == [6]


def test_uneven_shares_are_told(crops):
    with pytest.raises(TrainingError, match="a multiple of their number"):
        batches_of(crops, config_of(), rank=0, world_size=5)


@given(
    count=st.integers(1, 50),
    batches=st.integers(1, 8),
    per_batch=st.integers(1, 20),
    together=st.integers(2, 5),
)
def test_every_picture_without_a_label_comes_before_any_comes_again(
    count, batches, per_batch, together
):
    config = config_of(unlabelled_per_batch=per_batch, pictures_per_person=together)
    others = range(100, 100 + count)
    epochs, begun_at = [], 0
    for length in (batches, batches + 1, max(1, batches - 1), batches):  # they needn't be as long
        plan = [[0, 1]] * length
        epochs.append(add_unlabelled(plan, others, config, begun_at=begun_at))
        begun_at += length
    drawn = [batch[2:] for plan in epochs for batch in plan]
    assert all(batch[:2] == [0, 1] for plan in epochs for batch in plan)
    assert all(1 <= len(batch) <= per_batch for batch in drawn)
    assert len({len(batch) for batch in drawn}) == 1
    if count % together == per_batch % together == 0:
        first_round = [position for batch in drawn for position in batch][:count]
        assert len(set(first_round)) == len(first_round)
        assert all(len(batch) == per_batch for batch in drawn)
        starts = {position - 100 for batch in drawn for position in batch[::together]}
        assert all(start % together == 0 for start in starts)  # neighbours stay together


def test_only_pictures_with_labels_are_changed(crops):
    config = config_of(unlabelled_per_batch=30)
    plan = add_unlabelled([[0, 1, 2]], range(30, 60), config, begun_at=0)
    [(pictures, positions)] = load_batches(
        crops, plan, config, PHASE, epoch=0, first=0, labelled=30
    )
    unchanged = [
        torch.equal(picture, torch.from_numpy(fit(crops[int(position)], height=64, width=32)))
        for picture, position in zip(pictures, positions, strict=True)
    ]
    assert unchanged == [position >= 30 for position in positions]
    assert len(unchanged) == 3 + 30

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.pictures.fit import fit
from reid_gallery.train.augment import Augmentation
from reid_gallery.train.config import AugmentConfig

CROP = np.random.default_rng(0).integers(0, 256, (90, 41, 3), dtype=np.uint8)
SHARED = Augmentation(height=64, width=32)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**40), earlier=st.lists(st.integers(0, 99), max_size=3))
def test_the_same_seed_gives_the_same_picture_whatever_came_before(seed, earlier):
    for other in earlier:
        SHARED(CROP, other)
    before = CROP.copy()
    picture = SHARED(CROP, seed)
    np.testing.assert_array_equal(picture, Augmentation(height=64, width=32)(CROP, seed))
    np.testing.assert_array_equal(CROP, before)
    assert picture.shape == (64, 32, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous


def test_each_change_is_drawn_by_itself():
    """Given one seed, all of them would make the same first draw and keep to the same pictures."""
    plain = fit(CROP, height=64, width=32)
    pictures = [SHARED(CROP, seed) for seed in range(300)]
    unchanged = sum(np.array_equal(picture, plain) for picture in pictures)
    mirrored = sum(np.array_equal(picture, plain[:, ::-1]) for picture in pictures)
    assert unchanged < 15  # 0.8 % is expected, and as many only mirrored
    assert mirrored > 0
    assert len({picture.tobytes() for picture in pictures}) > 280


def test_global_random_state_is_neither_used_nor_moved():
    np.random.seed(1)  # noqa: NPY002
    first = SHARED(CROP, 3)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(SHARED(CROP, 3), first)


@pytest.mark.parametrize("size", [(256, 128), (128, 64), (32, 32)])
def test_the_size_is_the_one_asked_for(size):
    height, width = size
    assert Augmentation(height=height, width=width)(CROP, 0).shape == (height, width, 3)


def test_on_average_it_is_still_the_same_picture():
    plain = np.full((64, 32, 3), (200, 60, 60), np.uint8)
    mean = np.mean([SHARED(plain, seed).mean((0, 1)) for seed in range(60)], axis=0)
    assert mean[0] > mean[1] + 50
    assert mean[0] > mean[2] + 50


NOTHING = dict.fromkeys(vars(AugmentConfig()), 0.0)


def test_with_every_probability_zero_it_is_fit_alone():
    augmentation = Augmentation(AugmentConfig(**NOTHING), height=64, width=32)
    for seed in range(5):
        np.testing.assert_array_equal(augmentation(CROP, seed), fit(CROP, height=64, width=32))


@pytest.mark.parametrize("change", NOTHING)
def test_each_probability_is_of_its_own_change(change):
    augmentation = Augmentation(AugmentConfig(**{**NOTHING, change: 1.0}), height=64, width=32)
    plain = fit(CROP, height=64, width=32)
    pictures = [augmentation(CROP, seed) for seed in range(5)]
    assert all((picture != plain).any() for picture in pictures)
    if change == "flip":
        np.testing.assert_array_equal(pictures[0], plain[:, ::-1])
    if change == "grey":
        assert all((picture == picture[..., :1]).all() for picture in pictures)
    if change == "erasing":
        covered = (pictures[0] == (124, 116, 104)).all(2).mean()
        assert 0.01 < covered < 0.35

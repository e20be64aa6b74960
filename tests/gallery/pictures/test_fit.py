"""The one preprocessing, against a naive computation of its geometry."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from reid_gallery.gallery.pictures.fit import HEIGHT, WIDTH, fit

MARGIN = (124, 116, 104)
"""ImageNet's mean colour, 255 * (0.485, 0.456, 0.406), rounded."""

sides = st.integers(8, 700) | st.sampled_from([8, 127, 128, 129, 255, 256, 257, 4000])


def white(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 255, np.uint8)


def covered(fitted: np.ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of what isn't margin; bottom and right are outside."""
    inside = (fitted != np.array(MARGIN, np.uint8)).any(axis=2)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


@settings(max_examples=150, deadline=None)
@given(height=sides, width=sides)
@example(8, 8)
@example(8, 4000)
@example(4000, 8)
@example(256, 128)
@example(128, 64)
def test_aspect_is_kept_centred_and_one_side_is_full(height, width):
    fitted = fit(white(height, width))
    assert fitted.shape == (HEIGHT, WIDTH, 3)
    assert fitted.dtype == np.uint8
    top, bottom, left, right = covered(fitted)
    assert (fitted[top:bottom, left:right] == 255).all()  # a rectangle, with nothing else in it
    scale = min(Fraction(HEIGHT, height), Fraction(WIDTH, width))
    assert abs((bottom - top) - height * scale) <= max(Fraction(1, 2), 1 - height * scale)
    assert abs((right - left) - width * scale) <= max(Fraction(1, 2), 1 - width * scale)
    assert (bottom - top == HEIGHT) or (right - left == WIDTH)
    assert HEIGHT - bottom - top in {0, 1}
    assert WIDTH - right - left in {0, 1}


@settings(max_examples=50, deadline=None)
@given(height=st.integers(8, 300), width=st.integers(8, 300), seed=st.integers(0, 99))
def test_the_argument_is_not_changed_and_the_result_is_its_own(height, width, seed):
    crop = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    before = crop.copy()
    fitted = fit(crop)
    fitted[:] = 0
    assert np.array_equal(crop, before)


@settings(max_examples=50, deadline=None)
@given(height=st.integers(8, 600), width=st.integers(8, 300), seed=st.integers(0, 99))
def test_fitting_twice_is_fitting_once(height, width, seed):
    crop = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    once = fit(crop)
    assert np.array_equal(fit(once), once)


def test_what_has_the_size_already_stays_bit_for_bit():
    crop = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    fitted = fit(crop)
    assert np.array_equal(fitted, crop)
    assert fitted is not crop
    assert not np.shares_memory(fitted, crop)


def test_the_inside_is_a_bilinear_resize():
    crop = np.random.default_rng(0).integers(0, 256, (100, 40, 3)).astype(np.uint8)
    fitted = fit(crop)
    resized = Image.fromarray(crop).resize((102, 256), Image.Resampling.BILINEAR)
    assert np.array_equal(fitted[:, 13:115], np.asarray(resized))


def test_the_margin_has_the_mean_colour_on_both_sides():
    fitted = fit(white(256, 64))
    assert (fitted[:, :32] == MARGIN).all()
    assert (fitted[:, 96:] == MARGIN).all()
    assert (fitted[:, 32:96] == 255).all()


def test_colours_and_places_are_kept():
    crop = np.zeros((64, 32, 3), np.uint8)
    crop[:32, :16], crop[:32, 16:], crop[32:, :16] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    fitted = fit(crop)
    assert fitted[10, 10].tolist() == [250, 0, 0]
    assert fitted[10, 118].tolist() == [0, 250, 0]
    assert fitted[246, 10].tolist() == [0, 0, 250]
    assert fitted[246, 118].tolist() == [0, 0, 0]


@pytest.mark.parametrize("view", ["reversed", "transposed", "read_only"])
def test_views_are_read_as_they_look(view):
    crop = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
    views = {
        "reversed": crop[::-1],
        "transposed": crop.transpose(1, 0, 2),
        "read_only": crop.copy(),
    }
    views["read_only"].flags.writeable = False
    assert np.array_equal(fit(views[view]), fit(views[view].copy()))


def test_another_size():
    fitted = fit(white(10, 10), height=128, width=64)
    assert fitted.shape == (128, 64, 3)
    assert covered(fitted) == (32, 96, 0, 64)

"""Tiles: every picture of one size, aspect kept; what is gone says so."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reid_gallery.gallery.reports.tiles import TILE_HEIGHT, TILE_WIDTH, draw_mosaic, draw_tile

RED = (250, 0, 0)


def red(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), RED, np.uint8)


def red_part(tile: Image.Image) -> tuple[int, int, int, int]:
    inside = (np.asarray(tile) == RED).all(axis=2)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


@settings(max_examples=60, deadline=None)
@given(height=st.integers(8, 500), width=st.integers(8, 500))
def test_aspect_is_kept_and_the_picture_is_centred(height, width):
    top, bottom, left, right = red_part(draw_tile(red(height, width)))
    scale = min(TILE_HEIGHT / height, TILE_WIDTH / width)
    assert abs(bottom - top - height * scale) <= 0.5 + 1e-9
    assert abs(right - left - width * scale) <= 0.5 + 1e-9
    assert abs(top - (TILE_HEIGHT - bottom)) <= 1
    assert abs(left - (TILE_WIDTH - right)) <= 1


def test_a_file_is_read_and_the_array_is_not_changed(tmp_path):
    crop = np.random.default_rng(0).integers(0, 256, (64, 32, 3)).astype(np.uint8)
    before = crop.copy()
    Image.fromarray(crop).save(tmp_path / "a.png")
    assert draw_tile(tmp_path / "a.png") == draw_tile(crop)
    assert np.array_equal(crop, before)


def test_missing_and_unreadable_pictures_say_so_differently(tmp_path):
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    none, gone = draw_tile(None), draw_tile(tmp_path / "gone.jpg")
    unreadable = draw_tile(tmp_path / "text.jpg")
    assert none == gone
    assert unreadable != gone
    for tile in (none, unreadable):
        assert tile.size == (TILE_WIDTH, TILE_HEIGHT)
        assert len(tile.getcolors(100_000)) > 10  # a sign and words, not a blank


@pytest.mark.parametrize(("number", "shown"), [(1, 1), (2, 2), (4, 4), (5, 5), (9, 9), (30, 9)])
def test_a_mosaic_shows_each_picture_or_nine_from_first_to_last(number, shown):
    crops = [np.full((64, 32, 3), (250, 7 * at, 10), np.uint8) for at in range(number)]
    mosaic = np.asarray(draw_mosaic(crops))
    assert mosaic.shape == (TILE_HEIGHT, TILE_WIDTH, 3)
    found = {int(g) for r, g, b in mosaic.reshape(-1, 3) if (r, b) == (250, 10)}
    assert len(found) == shown
    assert {0, 7 * (number - 1)} <= found


def test_the_order_in_a_mosaic_is_that_of_reading():
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)]
    mosaic = draw_mosaic([np.full((64, 32, 3), colour, np.uint8) for colour in colours])
    places = [(28, 56), (84, 56), (28, 168), (84, 168)]
    assert [mosaic.getpixel(place) for place in places] == colours


def test_a_mosaic_with_a_missing_picture(tmp_path):
    mosaic = draw_mosaic([red(64, 32), Path(tmp_path / "gone.jpg")])
    assert mosaic.getpixel((28, 112)) == RED

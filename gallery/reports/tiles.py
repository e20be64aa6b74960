"""Pictures of any size and number as tiles of one size."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..errors import PictureError
from ..pictures.read import Crop, read_crop
from .canvas import Box, Canvas, Colour

TILE_WIDTH, TILE_HEIGHT = 112, 224
"""Pixels; the shape of an upright person's crop."""

MAX_IN_MOSAIC = 9

Picture = Crop | Path | None
"""A crop, its file, or None where it is gone."""

_GROUND: Colour = (222, 227, 233)
_PALE: Colour = (164, 172, 182)
_MUTED: Colour = (98, 106, 117)


def draw_tile(picture: Picture, width: int = TILE_WIDTH, height: int = TILE_HEIGHT) -> Image.Image:
    """Fit a picture into a tile, aspect kept; one that can't be had becomes a tile that says so."""
    if picture is None:
        return _missing("picture missing", width, height)
    try:
        crop = read_crop(picture) if isinstance(picture, Path) else picture
    except PictureError:
        gone = isinstance(picture, Path) and not os.path.exists(picture)  # noqa: PTH110
        return _missing("picture missing" if gone else "picture unreadable", width, height)
    return _letterbox(Image.fromarray(crop), width, height)


def draw_mosaic(pictures: Sequence[Crop | Path]) -> Image.Image:
    """Draw several pictures as one tile, in order; of many, some evenly picked."""
    if len(pictures) == 1:
        return draw_tile(pictures[0])
    shown = _pick(pictures, MAX_IN_MOSAIC)
    side = math.isqrt(len(shown) - 1) + 1
    gap = 3
    width = (TILE_WIDTH - gap * (side - 1)) // side
    height = (TILE_HEIGHT - gap * (side - 1)) // side
    rows = -(-len(shown) // side)
    mosaic = Image.new("RGB", (TILE_WIDTH, TILE_HEIGHT), _GROUND)
    above = (TILE_HEIGHT - rows * height - (rows - 1) * gap) // 2
    for at, picture in enumerate(shown):
        row, column = divmod(at, side)
        place = (column * (width + gap), above + row * (height + gap))
        mosaic.paste(draw_tile(picture, width, height), place)
    return mosaic


def _pick(pictures: Sequence[Crop | Path], most: int) -> list[Crop | Path]:
    if len(pictures) <= most:
        return list(pictures)
    last = len(pictures) - 1
    return [pictures[round(at * last / (most - 1))] for at in range(most)]


def _letterbox(picture: Image.Image, width: int, height: int) -> Image.Image:
    scale = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    tile = Image.new("RGB", (width, height), _GROUND)
    resized = picture.resize(size, Image.Resampling.LANCZOS)
    tile.paste(resized, ((width - size[0]) // 2, (height - size[1]) // 2))
    return tile


def _missing(words: str, width: int, height: int) -> Image.Image:
    """A tile with a crossed-out frame and, where there is room, words."""
    canvas = Canvas(width, height, _GROUND)
    side = min(width, height) * 2 // 5
    box = Box((width - side) // 2, height // 2 - side, side, side)
    canvas.frame(box, _PALE, width=2, radius=4)
    canvas.line([(box.left, box.bottom), (box.right, box.top)], _PALE, 2)
    if width >= TILE_WIDTH:
        for line, word in enumerate(words.split()):
            baseline = height // 2 + 26 + 17 * line
            canvas.text(width // 2, baseline, word, size=13, colour=_MUTED, align="centre")
    return canvas.picture

"""Ground and wall textures, drawn once for each scene."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .camera import Ground, Scene, Wall
from .colours import COLOURS, shade
from .noise import Floats, rough_noise, stream
from .person import Colour

PIXELS_PER_M = 64
_TILE = 256  # 4 m of ground, repeated
_WALL_SIZE = (1024, 256)  # 16 m of wall, repeated, 4 m high

_Pen = ImageDraw.ImageDraw


@lru_cache(maxsize=64)
def ground_texture(scene: Scene) -> Floats:
    """Linear albedo, float32[256, 256, 3], of 4 m x 4 m that repeat; not to be changed."""
    rng = stream(21, scene.seed)
    picture = Image.new("RGB", (_TILE, _TILE), scene.ground_colour)
    pen = ImageDraw.Draw(picture)
    if scene.ground in (Ground.PAVING, Ground.LINO):
        _draw_slabs(pen, rng, scene.ground_colour, size=32 if scene.ground is Ground.PAVING else 64)
    if scene.ground is Ground.BRICKS:
        _draw_bricks(pen, rng, scene.ground_colour, size=(_TILE, _TILE), brick=(16, 8))
    if scene.ground is Ground.CONCRETE:
        pen.line((0, 0, 0, _TILE), fill=_darker(scene.ground_colour, 0.7), width=2)
    grain = 0.18 if scene.ground is Ground.GRASS else 0.1
    return _finished(picture, rng, grain=grain)


@lru_cache(maxsize=64)
def wall_texture(scene: Scene) -> Floats:
    """Linear albedo, float32[256, 1024, 3], of 16 m x 4 m, top row first; not to be changed."""
    rng = stream(22, scene.seed)
    picture = Image.new("RGB", _WALL_SIZE, scene.wall_colour)
    painters: dict[Wall, Callable[[_Pen, np.random.Generator, Colour], None]] = {
        Wall.BRICKS: _paint_bricks,
        Wall.PLASTER: _paint_plaster,
        Wall.SHOPFRONT: _paint_shopfront,
        Wall.HEDGE: _paint_hedge,
        Wall.CARS: _paint_cars,
        Wall.CORRIDOR: _paint_corridor,
        Wall.RAILING: _paint_railing,
    }
    pen = ImageDraw.Draw(picture)
    painters[scene.wall](pen, rng, scene.wall_colour)
    _paint_passers_by(pen, rng)
    grain = 0.2 if scene.wall is Wall.HEDGE else 0.08
    return _finished(picture.filter(ImageFilter.GaussianBlur(1.0)), rng, grain=grain)


def _finished(picture: Image.Image, rng: np.random.Generator, *, grain: float) -> Floats:
    """Add stains and grain, and make it linear."""
    colour = np.asarray(picture, dtype=np.float32) / 255
    height, width, _ = colour.shape
    rough = rough_noise(rng, size=_TILE, cells=8, octaves=5)
    rough = np.tile(rough, (1, width // _TILE))[:height]
    texture = np.clip(colour * (1 + grain * rough[..., None]), 0, 1) ** 2
    texture.flags.writeable = False
    return texture


def _darker(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, round(value * factor)) for value in colour)
    return red, green, blue


def _draw_slabs(pen: _Pen, rng: np.random.Generator, colour: Colour, *, size: int) -> None:
    for left in range(0, _TILE, size):
        for top in range(0, _TILE, size):
            fill = _darker(colour, float(rng.uniform(0.9, 1.08)))
            pen.rectangle((left, top, left + size - 2, top + size - 2), fill=fill)
            pen.line((left, top + size - 1, left + size, top + size - 1), _darker(colour, 0.7))
            pen.line((left + size - 1, top, left + size - 1, top + size), _darker(colour, 0.7))


def _draw_bricks(
    pen: _Pen,
    rng: np.random.Generator,
    colour: Colour,
    *,
    size: tuple[int, int],
    brick: tuple[int, int],
) -> None:
    width, height = brick
    pen.rectangle((0, 0, *size), fill=_darker(colour, 1.25))
    for row in range(size[1] // height):
        for left in range(-width, size[0], width):
            start, top = left + (row % 2) * width // 2, row * height
            fill = _darker(colour, float(rng.uniform(0.82, 1.1)))
            pen.rectangle((start, top, start + width - 2, top + height - 2), fill=fill)


def _paint_bricks(pen: _Pen, rng: np.random.Generator, colour: Colour) -> None:
    _draw_bricks(pen, rng, colour, size=_WALL_SIZE, brick=(16, 6))
    for left in range(60, _WALL_SIZE[0], 256):
        window = (left, 70, left + 90, 170)
        pen.rectangle(window, fill=(48, 54, 62), outline=(210, 206, 196), width=5)


def _paint_plaster(pen: _Pen, rng: np.random.Generator, colour: Colour) -> None:
    pen.rectangle((0, 200, _WALL_SIZE[0], 256), fill=_darker(colour, 0.8))
    for left in range(int(rng.integers(40, 120)), _WALL_SIZE[0], 220):
        board = shade(rng, COLOURS["blue"], spread=3)
        pen.rectangle((left, 90, left + 70, 160), fill=board, outline=(60, 60, 60), width=3)


def _paint_shopfront(pen: _Pen, rng: np.random.Generator, colour: Colour) -> None:
    for left in range(0, _WALL_SIZE[0], 128):
        glow = _darker(colour, float(rng.uniform(0.8, 1.9)))
        pen.rectangle((left + 6, 40, left + 122, 244), fill=glow)
        slope = int(rng.integers(20, 80))
        pen.polygon(
            [(left + 20, 40), (left + 50, 40), (left + 50 + slope, 244), (left + 20 + slope, 244)],
            fill=_darker(glow, 1.35),
        )
        pen.rectangle((left, 0, left + 5, 256), fill=(120, 120, 122))
    pen.rectangle((0, 0, _WALL_SIZE[0], 38), fill=shade(rng, COLOURS["wine"], spread=3))


def _paint_hedge(pen: _Pen, rng: np.random.Generator, colour: Colour) -> None:
    for _ in range(420):
        x, y = int(rng.integers(0, _WALL_SIZE[0])), int(rng.integers(0, 256))
        reach = int(rng.integers(6, 22))
        fill = _darker(colour, float(rng.uniform(0.5, 1.45)))
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=fill)
    for left in range(int(rng.integers(30, 200)), _WALL_SIZE[0], 310):
        pen.rectangle((left, 0, left + 20, 256), fill=(72, 60, 50))


def _paint_cars(pen: _Pen, rng: np.random.Generator, colour: Colour) -> None:
    pen.rectangle((0, 0, _WALL_SIZE[0], 150), fill=_darker(colour, 1.3))
    left = int(rng.integers(-100, 0))
    while left < _WALL_SIZE[0]:
        body = shade(rng, list(COLOURS.values())[int(rng.integers(len(COLOURS)))])
        pen.polygon(
            [(left + 60, 162), (left + 90, 134), (left + 190, 134), (left + 230, 162)],
            fill=(40, 46, 54),
        )
        pen.rounded_rectangle((left, 160, left + 270, 232), radius=22, fill=body)
        pen.line((left + 10, 184, left + 260, 184), fill=_darker(body, 1.3), width=3)
        for wheel in (left + 58, left + 212):
            pen.ellipse((wheel - 22, 206, wheel + 22, 250), fill=(22, 22, 24))
            pen.ellipse((wheel - 10, 218, wheel + 10, 238), fill=(150, 150, 152))
        left += int(rng.integers(290, 360))


def _paint_corridor(pen: _Pen, rng: np.random.Generator, colour: Colour) -> None:
    pen.rectangle((0, 244, _WALL_SIZE[0], 256), fill=_darker(colour, 0.45))
    for left in range(int(rng.integers(20, 160)), _WALL_SIZE[0], 250):
        door = shade(rng, COLOURS["brown"], spread=2)
        pen.rectangle((left, 120, left + 64, 256), fill=door, outline=(92, 90, 88), width=4)
        pen.ellipse((left + 52, 190, left + 57, 195), fill=(190, 190, 180))
        pen.rectangle((left + 110, 130, left + 150, 170), fill=_darker(colour, 0.7))


def _paint_railing(pen: _Pen, rng: np.random.Generator, colour: Colour) -> None:
    pen.rectangle((0, 0, _WALL_SIZE[0], 90), fill=_darker(colour, 0.55))
    pen.rectangle((0, 90, _WALL_SIZE[0], 176), fill=_darker(colour, 1.2))
    for bar in (178, 196, 214):
        pen.line((0, bar, _WALL_SIZE[0], bar), fill=(176, 178, 180), width=4)
    for left in range(0, _WALL_SIZE[0], 64):
        pen.rectangle((left, 176, left + 4, 256), fill=(150, 152, 154))
    for left in range(10, _WALL_SIZE[0], int(rng.integers(50, 90))):
        pen.ellipse((left, 210, left + 42, 252), outline=(26, 26, 28), width=3)
        pen.line((left + 21, 231, left + 45, 205), fill=shade(rng, COLOURS["red"]), width=3)


def _paint_passers_by(pen: _Pen, rng: np.random.Generator) -> None:
    """A few people far behind, no more than blots."""
    names = list(COLOURS)
    for _ in range(int(rng.integers(1, 5))):
        left = int(rng.integers(0, _WALL_SIZE[0] - 40))
        upper, lower = (COLOURS[names[int(rng.integers(len(names)))]] for _ in range(2))
        pen.rectangle((left + 6, 200, left + 22, 256), fill=lower)
        pen.rounded_rectangle((left, 150, left + 28, 208), radius=9, fill=upper)
        pen.ellipse((left + 7, 132, left + 21, 152), fill=(120, 90, 74))

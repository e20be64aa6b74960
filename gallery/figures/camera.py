"""Where a figure is seen: light, lens, scene and viewpoint of one camera."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .colours import shade
from .noise import stream
from .person import Colour, check_colours

_STREAM = 2


class Ground(StrEnum):
    """What people walk on."""

    ASPHALT = "asphalt"
    PAVING = "paving"
    BRICKS = "bricks"
    GRASS = "grass"
    LINO = "lino"
    CONCRETE = "concrete"


class Wall(StrEnum):
    """What stands behind them."""

    BRICKS = "bricks"
    PLASTER = "plaster"
    SHOPFRONT = "shopfront"
    HEDGE = "hedge"
    CARS = "cars"
    CORRIDOR = "corridor"
    RAILING = "railing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The surroundings; ``seed`` fixes their texture and what stands in them."""

    ground: Ground
    wall: Wall
    ground_colour: Colour
    wall_colour: Colour
    wall_m: float
    seed: int

    def __post_init__(self) -> None:
        check_colours((self.ground_colour, self.wall_colour))
        if self.wall_m <= 0:
            raise ValueError(f"wall_m is {self.wall_m}; the wall stands behind the people, above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """One lamp or the sun, and the light from everywhere.

    Attributes:
        azimuth_deg: where the lamp stands: 0 behind the camera, 90 on its right, 180 against it.
        height_deg: above the horizon, 10 to 90.
        sun: strength of the lamp; shadows are as hard as it is strong.
        ambient: strength of the light from everywhere.
    """

    azimuth_deg: float
    height_deg: float
    sun: float
    ambient: float

    def __post_init__(self) -> None:
        if not 10 <= self.height_deg <= 90:
            raise ValueError(f"height_deg is {self.height_deg}; lamps stand 10 to 90 degrees high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Optics, sensor and encoder.

    Attributes:
        height_px: usual height of a crop; single ones differ with the distance.
        gains: factors on linear red, green and blue: white balance.
        exposure: factor on all of them.
        contrast: 1 leaves it as it is.
        saturation: 1 leaves it as it is, 0 is grey.
        haze: 0 to 1, how far black is lifted.
        blur: standard deviation, as a share of the crop's height.
        sharpen: strength of the halo that cheap cameras add.
        noise: standard deviation in 8-bit steps, at mid grey.
        jpeg_quality: 1 to 95.
    """

    height_px: int
    gains: tuple[float, float, float]
    exposure: float
    contrast: float
    saturation: float
    haze: float
    blur: float
    sharpen: float
    noise: float
    jpeg_quality: int

    def __post_init__(self) -> None:
        if not 64 <= self.height_px <= 400:
            raise ValueError(f"height_px is {self.height_px}; crops are drawn 64 to 400 px high")
        if not 1 <= self.jpeg_quality <= 95:
            raise ValueError(f"jpeg_quality is {self.jpeg_quality}; it is 1 to 95")


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One camera; `sample_camera` draws them.

    Attributes:
        light: as above.
        lens: as above.
        scene: as above.
        elevation_deg: how far it looks down.
        distance_m: how far away people pass.
        heading_deg: the way people take; half of them take it the other way.
        occlusion: share of the pictures in which something stands before the person.
    """

    light: Light
    lens: Lens
    scene: Scene
    elevation_deg: float
    distance_m: float
    heading_deg: float
    occlusion: float


_PLACES: tuple[tuple[Ground, Wall, Colour, Colour, tuple[float, float], bool], ...] = (
    (Ground.PAVING, Wall.RAILING, (128, 122, 118), (112, 116, 112), (1.5, 4.0), False),
    (Ground.LINO, Wall.CORRIDOR, (150, 144, 132), (196, 192, 180), (1.5, 5.0), True),
    (Ground.GRASS, Wall.HEDGE, (92, 112, 58), (58, 78, 42), (3.0, 8.0), False),
    (Ground.ASPHALT, Wall.CARS, (98, 98, 100), (88, 90, 96), (2.5, 5.0), False),
    (Ground.CONCRETE, Wall.SHOPFRONT, (148, 144, 138), (36, 40, 46), (0.8, 2.5), False),
    (Ground.BRICKS, Wall.BRICKS, (140, 104, 88), (134, 84, 66), (1.0, 4.0), False),
    (Ground.LINO, Wall.PLASTER, (118, 122, 124), (206, 202, 196), (1.0, 3.0), True),
    (Ground.ASPHALT, Wall.HEDGE, (110, 108, 104), (66, 84, 50), (1.5, 4.0), False),
)


def sample_camera(seed: int) -> Camera:
    """Draw a camera; each seed gives another, and neighbouring seeds another kind of place.

    Args:
        seed: 0 or more.
    """
    rng = stream(_STREAM, seed)
    ground, wall, ground_colour, wall_colour, away_m, indoors = _PLACES[seed % len(_PLACES)]
    scene = Scene(
        ground=ground,
        wall=wall,
        ground_colour=shade(rng, ground_colour),
        wall_colour=shade(rng, wall_colour),
        wall_m=float(rng.uniform(*away_m)),
        seed=int(rng.integers(2**31)),
    )
    return Camera(
        light=_draw_light(rng, indoors=indoors),
        lens=_draw_lens(rng, indoors=indoors),
        scene=scene,
        elevation_deg=float(rng.uniform(3, 24)),
        distance_m=float(rng.uniform(5, 14)),
        heading_deg=float(rng.uniform(-90, 90)),
        occlusion=float(rng.uniform(0.1, 0.4)),
    )


def _draw_light(rng: np.random.Generator, *, indoors: bool) -> Light:
    if indoors:
        return Light(
            azimuth_deg=float(rng.uniform(-180, 180)),
            height_deg=float(rng.uniform(60, 85)),
            sun=float(rng.uniform(0.2, 0.5)),
            ambient=float(rng.uniform(0.4, 0.75)),
        )
    sunny = bool(rng.random() < 0.5)
    return Light(
        azimuth_deg=float(rng.uniform(-180, 180)),
        height_deg=float(rng.uniform(25, 65)),
        sun=float(rng.uniform(0.8, 1.3) if sunny else rng.uniform(0.1, 0.3)),
        ambient=float(rng.uniform(0.25, 0.4) if sunny else rng.uniform(0.5, 0.85)),
    )


def _draw_lens(rng: np.random.Generator, *, indoors: bool) -> Lens:
    warmth = float(rng.normal(0.1 if indoors else -0.03, 0.12))
    tint = float(rng.normal(0, 0.05))
    return Lens(
        height_px=int(rng.integers(85, 270)),
        gains=(1 + warmth, 1 + tint, 1 - warmth),
        exposure=float(np.exp(rng.normal(0.2, 0.3))),
        contrast=float(rng.uniform(0.75, 1.3)),
        saturation=float(rng.uniform(0.4, 1.1)),
        haze=float(rng.uniform(0.0, 0.16)),
        blur=float(rng.uniform(0.001, 0.0095)),
        sharpen=float(rng.choice([0.0, 0.6, 1.2])),
        noise=float(rng.uniform(1.5, 7.0)),
        jpeg_quality=int(rng.integers(35, 90)),
    )

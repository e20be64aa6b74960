"""Changes of a picture that make a view of it: each may move it far from real ones.

All take and return float32[192, 96, 3] RGB, in [0, 1] where they come in.
"""

from collections.abc import Callable
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

HEIGHT, WIDTH = 192, 96
"""Of a view; the size that most of the data sets' pictures have, give or take."""
_SEAM = 0.04
"""How soft the line is between the parts of two pictures, as a share of the side."""

Random = np.random.Generator
Pixels = npt.NDArray[np.float32]


# -- of two pictures ---------------------------------------------------------------------------


def _ramp(length: int, middle: float) -> Pixels:
    """From 0 to 1 around a place in [0, 1], float32[length]."""
    places = (np.arange(length, dtype=np.float32) + 0.5) / length
    return np.clip((places - middle) / _SEAM + 0.5, 0, 1)


def _dress(pixels: Pixels, other: Pixels, random: Random) -> Pixels:
    """Above the waist one person, below it another; or one's head on the other."""
    waist = random.uniform(0.12, 0.22) if random.random() < 0.2 else random.uniform(0.42, 0.6)
    lower = _ramp(HEIGHT, waist)[:, None, None]
    return pixels * (1 - lower) + other * lower


def _put_elsewhere(pixels: Pixels, other: Pixels, random: Random) -> Pixels:
    """The middle of one picture between the sides of another."""
    left, right = random.uniform(0.05, 0.28, 2)
    sides = np.maximum(1 - _ramp(WIDTH, left), _ramp(WIDTH, 1 - right))[None, :, None]
    return cast(Pixels, pixels * (1 - sides) + other * sides)


def _cover(pixels: Pixels, other: Pixels, random: Random) -> Pixels:
    """A rectangle of another picture, as when somebody walks in front."""
    height, width = int(random.uniform(0.15, 0.5) * HEIGHT), int(random.uniform(0.25, 0.7) * WIDTH)
    top, left = random.integers(HEIGHT - height + 1), random.integers(WIDTH - width + 1)
    covered = pixels.copy()
    covered[top : top + height, left : left + width] = other[
        top : top + height, left : left + width
    ]
    return covered


# -- of one picture ----------------------------------------------------------------------------


def _move(pixels: Pixels, random: Random) -> Pixels:
    """Another box: moved, scaled, turned; outside, the edge is repeated or there is one colour."""
    scale_x, scale_y = random.uniform(0.78, 1.25, 2)
    angle, shear = np.deg2rad(random.uniform(-8, 8)), random.uniform(-0.08, 0.08)
    turn = np.array([[np.cos(angle), -np.sin(angle) + shear], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag([scale_x, scale_y])
    centre = np.array([WIDTH / 2, HEIGHT / 2])
    shift = random.uniform(-0.1, 0.1, 2) * (WIDTH, HEIGHT)
    offset = centre + shift - matrix @ centre
    border = cv2.BORDER_REPLICATE if random.random() < 0.8 else cv2.BORDER_CONSTANT
    moved = cv2.warpAffine(
        pixels,
        np.column_stack([matrix, offset]),
        (WIDTH, HEIGHT),
        flags=cv2.INTER_LINEAR,
        borderMode=border,
        borderValue=tuple(random.uniform(0, 1, 3)),
    )
    return cast(Pixels, moved)


def _recolour_garment(pixels: Pixels, random: Random) -> Pixels:
    """Another hue and brightness in a band of the height: a shirt, trousers, shoes."""
    top = random.choice([0.15, 0.48]) + random.uniform(-0.05, 0.05)
    bottom = top + random.uniform(0.25, 0.45)
    band = (_ramp(HEIGHT, top) * (1 - _ramp(HEIGHT, bottom)))[:, None, None]
    places = (np.arange(WIDTH, dtype=np.float32) + 0.5) / WIDTH
    band = band * np.exp(-(((places - 0.5) / random.uniform(0.25, 0.5)) ** 4))[None, :, None]
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + random.uniform(0, 360)) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] * random.uniform(0.3, 2.2) + random.uniform(0, 0.15), 0, 1)
    hsv[..., 2] = np.clip(hsv[..., 2], 0, 1) ** np.exp(random.uniform(-0.8, 0.8))
    changed = cv2.cvtColor(hsv.astype(np.float32), cv2.COLOR_HSV2RGB)
    return pixels * (1 - band) + changed * band


def _light(pixels: Pixels, random: Random) -> Pixels:
    """Exposure, gamma, contrast and how colourful it is."""
    pixels = np.clip(pixels * np.exp(random.uniform(-0.35, 0.35)), 0, 1)
    pixels = pixels ** np.exp(random.uniform(-0.4, 0.4))
    mean = pixels.mean()
    pixels = (pixels - mean) * random.uniform(0.5, 1.4) + mean
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    return grey[..., None] + (pixels - grey[..., None]) * np.float32(random.uniform(0.3, 1.6))


def _tint(pixels: Pixels, random: Random) -> Pixels:
    """Another white balance and black level."""
    gains = np.exp(random.uniform(-0.16, 0.16, 3)).astype(np.float32)
    return pixels * gains + random.uniform(-0.06, 0.06, 3).astype(np.float32)


def _shade(pixels: Pixels, random: Random) -> Pixels:
    """Light from one side: a slope of brightness in any direction."""
    angle = random.uniform(0, 2 * np.pi)
    x = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, HEIGHT, dtype=np.float32)[:, None]
    slope = (np.cos(angle) * x + np.sin(angle) * y) * np.float32(random.uniform(0.1, 0.45))
    return cast(Pixels, pixels * (1 + slope)[..., None])


def _turn_hues(pixels: Pixels, random: Random) -> Pixels:
    """All colours turned a little."""
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + random.uniform(-25, 25)) % 360
    return cast(Pixels, cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def _coarsen(pixels: Pixels, random: Random) -> Pixels:
    """A person far away: fewer pixels, brought back to size."""
    share = random.uniform(0.22, 0.75)
    small = cv2.resize(
        pixels, (int(WIDTH * share), int(HEIGHT * share)), interpolation=cv2.INTER_AREA
    )
    method = cv2.INTER_CUBIC if random.random() < 0.5 else cv2.INTER_LINEAR
    return cast(Pixels, cv2.resize(small, (WIDTH, HEIGHT), interpolation=method))


def _blur(pixels: Pixels, random: Random) -> Pixels:
    """Out of focus, or moving."""
    if random.random() < 0.5:
        return cast(Pixels, cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.5, 1.8)))
    length = int(random.choice([3, 5, 7]))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2 if random.random() < 0.7 else slice(None), :] = 1
    spread = kernel / kernel.sum()
    return cast(Pixels, cv2.filter2D(pixels, -1, spread, borderType=cv2.BORDER_REPLICATE))


def _add_noise(pixels: Pixels, random: Random) -> Pixels:
    """A sensor's noise, of each channel or of brightness."""
    channels = 3 if random.random() < 0.5 else 1
    spread = random.uniform(0.01, 0.06)
    noise = random.standard_normal((HEIGHT, WIDTH, channels), dtype=np.float32)
    return pixels + noise * np.float32(spread)


def _compress(pixels: Pixels, random: Random) -> Pixels:
    """JPEG's blocks."""
    coded = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(15, 80))]
    _, file = cv2.imencode(".jpg", coded, quality)
    return cast(Pixels, np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), dtype=np.float32) / 255)


OF_TWO: tuple[tuple[float, Callable[[Pixels, Pixels, Random], Pixels]], ...] = (
    (0.35, _dress),
    (0.20, _put_elsewhere),
    (0.12, _cover),
)
"""How probable each change is that takes part of another picture."""

OF_ONE: tuple[tuple[float, Callable[[Pixels, Random], Pixels]], ...] = (
    (0.55, _recolour_garment),
    (0.25, _recolour_garment),
    (0.70, _move),
    (0.70, _light),
    (0.40, _tint),
    (0.25, _shade),
    (0.15, _turn_hues),
    (0.30, _coarsen),
    (0.20, _blur),
    (0.15, _add_noise),
    (0.25, _compress),
)
"""How probable each change is, in the order in which a scene, a lens and a recorder make them."""

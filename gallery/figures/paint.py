"""Colours on surfaces: plain dyes and what is printed, woven or sewn over them.

Every function here returns a `Paint`; they nest, the outer one lying over the inner one.
"""

import math
from collections.abc import Callable

import numpy as np

from .noise import Floats, Mask, smooth_noise, stream
from .person import Colour
from .shapes import Paint, Spots

Cover = Callable[[Spots], Floats | Mask]
"""Gives [n], how much of a second colour lies at each spot: True and 1 all, False and 0 nothing."""

_PRINT_CELLS = 64


def linear(colour: Colour) -> Floats:
    """Linear albedo, float32[3] in [0, 1], of an sRGB colour (by the square, near enough)."""
    return np.asarray((np.array(colour) / 255) ** 2, dtype=np.float32)


def plain(colour: Colour) -> Paint:
    """One colour everywhere."""
    albedo = linear(colour)

    def paint(spots: Spots) -> Floats:
        return np.broadcast_to(albedo, (len(spots.side), 3)).copy()

    return paint


def over(below: Paint, cover: Cover, colour: Colour, *, strength: float = 1.0) -> Paint:
    """Lay a colour over another paint as far as ``cover`` says."""
    albedo = linear(colour)

    def paint(spots: Spots) -> Floats:
        result = below(spots)
        weight = np.float32(strength) * cover(spots).astype(np.float32)
        return result + weight[:, None] * (albedo - result)

    return paint


def stripes(below: Paint, colour: Colour, *, pitch_m: float, share: float = 0.5) -> Paint:
    """Rings around the axis, one each ``pitch_m``."""
    return over(below, lambda spots: np.mod(spots.along, pitch_m) < share * pitch_m, colour)


def checks(below: Paint, colour: Colour, *, pitch_m: float) -> Paint:
    """Woven squares: bands around and along the axis, darker where they cross."""
    around = over(
        below, lambda spots: np.mod(spots.along, pitch_m) < pitch_m / 2, colour, strength=0.5
    )
    return over(
        around, lambda spots: np.mod(spots.side, pitch_m) < pitch_m / 2, colour, strength=0.5
    )


def printed(below: Paint, colour: Colour, *, seed: int, top_m: float, height_m: float) -> Paint:
    """A print on the chest: a motif, a letter block or lines of text, by the seed."""
    rng = stream(11, seed)
    half = float(rng.uniform(0.06, 0.11))
    motif = _draw_motif(rng)

    def cover(spots: Spots) -> Mask:
        column = ((spots.side + half) / (2 * half) * _PRINT_CELLS).astype(np.intp)
        row = ((spots.along - top_m) / height_m * _PRINT_CELLS).astype(np.intp)
        inside = (np.abs(spots.side) < half) & (spots.front > 0)
        inside &= (spots.along > top_m) & (spots.along < top_m + height_m)
        row, column = row.clip(0, _PRINT_CELLS - 1), column.clip(0, _PRINT_CELLS - 1)
        return inside & motif[row, column]

    return over(below, cover, colour)


def _draw_motif(rng: np.random.Generator) -> Mask:
    """bool[64, 64]: lines of text, a disc, or a blotchy picture."""
    rows, columns = np.mgrid[0:_PRINT_CELLS, 0:_PRINT_CELLS]
    kind = int(rng.integers(3))
    if kind == 0:
        lines = int(rng.integers(1, 4))
        letters = rng.random((lines, 10)) < 0.75
        line = rows * lines // _PRINT_CELLS
        inside = np.mod(rows * lines / _PRINT_CELLS, 1) < 0.62
        return np.asarray(inside & letters[line, columns * 10 // _PRINT_CELLS])
    ring = np.hypot(rows - 31.5, columns - 31.5)
    if kind == 1:
        return np.asarray((ring < 31) & ~((ring > 16) & (ring < 22)))
    blotches = smooth_noise(rng, size=_PRINT_CELLS, cells=(5, 5))
    return np.asarray((blotches > -0.1) & (ring < 31))


def belted(spots: Spots, *, tilt_deg: float, at_m: float, half_m: float) -> Mask:
    """Where a strap runs slantwise around a body.

    Args:
        spots: points on the trunk.
        tilt_deg: rise towards the person's left.
        at_m: where the strap crosses the middle line, along the axis.
        half_m: half its width.
    """
    tilt = math.radians(tilt_deg)
    across = (spots.along - at_m) * math.cos(tilt) + spots.side * math.sin(tilt)
    return np.abs(across) < half_m

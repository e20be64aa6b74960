"""From any of Pillow's pixel modes to 8-bit RGB."""

import numpy as np
import numpy.typing as npt
from PIL import Image

_GROUND = (0, 0, 0, 255)
"""Transparency lies on black."""


def to_rgb(picture: Image.Image) -> Image.Image:
    """Convert a decoded picture to mode RGB without losing bits that show.

    Raises:
        ValueError: Pillow knows no way from its mode to RGB.
    """
    if picture.mode.startswith("I;16") or picture.mode in {"I", "F"}:
        return _scale_to_8_bits(picture).convert("RGB")
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, _GROUND), rgba).convert("RGB")
    return picture.convert("RGB")


def _scale_to_8_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits, or of floats, to 8 bits; what isn't a finite number becomes black."""
    values = np.array(picture, dtype=np.float32)
    values[~np.isfinite(values)] = 0.0
    values /= _white(picture.mode, values)
    return Image.fromarray(np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8))


def _white(mode: str, values: npt.NDArray[np.float32]) -> float:
    """The value that means white.

    16-bit pictures use their whole range. Modes I and F hold pictures of any range, so there it is
    the smallest usual one that takes in the brightest pixel: up to 1 (floats), 8, 16 or 32 bits.
    """
    if mode.startswith("I;16"):
        return 65535.0
    usual = [255.0, 65535.0, 2.0**31 - 1]
    if mode == "F":
        usual.insert(0, 1.0)
    top = float(values.max(initial=0.0))
    return next((white for white in usual if top <= white), top)

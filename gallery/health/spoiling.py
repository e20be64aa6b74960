"""Pictures spoilt on purpose, to see from when on a model doesn't recognise them any more."""

import io

import numpy as np
from PIL import Image, ImageFilter

from ..pictures.read import Crop

_SMALLEST = 8
"""Pixels a side of what is left; smaller can't be enrolled."""


def spoil(crop: Crop, way: int, severity: float) -> Crop:
    """Make a picture worse.

    Args:
        crop: uint8[h, w, 3] RGB.
        way: counts through: leave it as it is, shrink, blur, fade, cut off below, cut off above.
        severity: in [0, 1], from hardly visible to hopeless.
    """
    height, width = crop.shape[:2]
    picture = Image.fromarray(crop)
    kind = way % 6
    if kind == 1:
        scale = max((1 - severity) ** 2, _SMALLEST / min(height, width))
        size = (max(1, round(width * min(1, scale))), max(1, round(height * min(1, scale))))
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    elif kind == 2:
        picture = picture.filter(ImageFilter.GaussianBlur(float(severity) * height / 12))
    elif kind == 3:
        grey = crop.mean()
        faded = grey + (crop - grey) * (1 - severity) ** 2
        return np.asarray(np.clip(np.rint(faded), 0, 255), dtype=np.uint8)
    elif kind >= 4:
        kept = max(round(height * (1 - 0.9 * severity)), min(_SMALLEST, height))
        return crop[:kept] if kind == 4 else crop[height - kept :]
    return np.asarray(picture)


def save_again(crop: Crop) -> Crop:
    """Return the picture as a program that stores thumbnails would: three quarters, JPEG 75."""
    size = (max(_SMALLEST, crop.shape[1] * 3 // 4), max(_SMALLEST, crop.shape[0] * 3 // 4))
    file = io.BytesIO()
    Image.fromarray(crop).resize(size, Image.Resampling.BILINEAR).save(file, "JPEG", quality=75)
    with Image.open(file) as opened:
        return np.asarray(opened.convert("RGB"))

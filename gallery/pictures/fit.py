"""The one preprocessing: how a crop of any size becomes the extractor's 256x128.

Training, export and serving all call `fit`, so that there is exactly one.
"""

import numpy as np
from PIL import Image

from .read import Crop

HEIGHT, WIDTH = 256, 128
"""Pixels of an extractor's input."""

FILL = (124, 116, 104)
"""RGB of the margin: ImageNet's mean colour, which the extractor's normalisation makes zero."""


def fit(crop: Crop, *, height: int = HEIGHT, width: int = WIDTH) -> Crop:
    """Scale a crop into ``height`` x ``width``, aspect kept, centred on a margin of mean colour.

    Args:
        crop: uint8[h, w, 3] RGB; not changed.
        height: pixels of the result.
        width: pixels of the result.

    Returns:
        uint8[height, width, 3] RGB.
    """
    crop_height, crop_width = crop.shape[:2]
    scale = min(height / crop_height, width / crop_width)
    inner_height = min(height, max(1, round(crop_height * scale)))
    inner_width = min(width, max(1, round(crop_width * scale)))
    picture = Image.fromarray(crop)
    if picture.size != (inner_width, inner_height):
        picture = picture.resize((inner_width, inner_height), Image.Resampling.BILINEAR)
    if (inner_height, inner_width) == (height, width):
        return np.array(picture)
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = FILL
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    canvas[top : top + inner_height, left : left + inner_width] = np.asarray(picture)
    return canvas

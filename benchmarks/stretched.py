"""Pictures as most extractors were trained to see them: stretched to 256x128, without a margin."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from reid_gallery.gallery.loading import in_batches
from reid_gallery.gallery.pictures.fit import HEIGHT, WIDTH
from reid_gallery.gallery.pictures.read import Crop, read_crop

_BATCH = 64


def read_stretched(files: Sequence[Path]) -> Iterator[npt.NDArray[np.uint8]]:
    """Read pictures stretched to 256x128, uint8[b, 256, 128, 3] RGB, some at a time."""
    for batch in in_batches(files, _BATCH):
        yield np.stack([_stretch(read_crop(path)) for path in batch])


def _stretch(crop: Crop) -> Crop:
    size = (WIDTH, HEIGHT)
    return np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.BILINEAR))

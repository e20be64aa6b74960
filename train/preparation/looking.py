"""Every picture looked at once: can it be read, how large is it, what does it look like."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ...gallery.errors import PictureError
from ...gallery.loading import map_ahead
from ...gallery.pictures.labelled import LabelledPicture
from ...gallery.pictures.read import Crop, content_hash, decode_crop, read_bytes

Code = npt.NDArray[np.uint64]

CODE_BITS = 128
_ROWS, _COLUMNS = 16, 8


@dataclass(frozen=True, slots=True)
class Look:
    """What n pictures look like, in their order.

    Attributes:
        pictures: those that can be read.
        sizes: (width, height) in pixels, each.
        contents: sha256 of the file, each.
        codes: uint64[n, 2], see `perceptual_code`.
        failed: those that can't be read, with the reason.
    """

    pictures: list[LabelledPicture] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def look_at(pictures: Sequence[LabelledPicture], progress: Callable[[int], None]) -> Look:
    """Read every picture's file once; what can't be read is listed and stops nothing."""
    look = Look()
    sights = map_ahead(_see, (picture.path for picture in pictures))
    for picture, seen in zip(pictures, sights, strict=True):
        progress(1)
        if isinstance(seen, str):
            look.failed.append(seen)
            continue
        content, size, code = seen
        look.pictures.append(picture)
        look.contents.append(content)
        look.sizes.append(size)
        look.codes.append(code)
    return look


def _see(path: Path) -> tuple[str, tuple[int, int], Code] | str:
    try:
        content = read_bytes(path)
        crop = decode_crop(content, where=str(path))
    except PictureError as error:
        return str(error)
    return content_hash(content), (crop.shape[1], crop.shape[0]), perceptual_code(crop)


def perceptual_code(crop: Crop) -> Code:
    """What a picture looks like in 128 bits, uint64[2]; like pictures differ in few of them.

    A difference hash (Krawetz 2013) in the shape of a person: of the grey picture at 9x16 pixels,
    each bit says whether a pixel is darker than the one right of it.
    """
    size = (_COLUMNS + 1, _ROWS)
    small = Image.fromarray(crop).convert("L").resize(size, Image.Resampling.BOX)
    grey = np.asarray(small, dtype=np.int16)
    return np.packbits(grey[:, :-1] < grey[:, 1:]).view(np.uint64)

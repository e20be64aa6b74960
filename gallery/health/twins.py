"""Near-duplicates: one picture enrolled twice, saved anew, in another size or format.

The most alike earlier sighting is found by embedding; whether the two are one picture is told by
the pictures themselves, reduced to thumbnails. What one picture saved again looks like is learnt by
saving some of the gallery's pictures again. Frames of one video that follow each other are no such
duplicates. Without pictures only equal vectors count.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..pictures.read import Crop
from .mixture import Column, Matrix, fit_chances
from .people import BLOCK, Numbers, Vectors

Thumbnails = npt.NDArray[np.uint8]
"""uint8[n, 32, 16, 3]."""

_HEIGHT, _WIDTH = 32, 16
_ROUNDING = 32 * float(np.finfo(np.float32).eps)
"""How far the cosine of a stored float32 unit row with itself may be from 1."""
_HALF_A_STEP = 0.5
"""Of 255: differences below it are rounding, and their logarithms should not be told apart."""


def thumbnail(crop: Crop) -> Thumbnails:
    """Return uint8[32, 16, 3], the crop stretched to it."""
    small = Image.fromarray(crop).resize((_WIDTH, _HEIGHT), Image.Resampling.BOX)
    return np.asarray(small)


def nearest_earlier(vectors: Vectors) -> tuple[Numbers, Column]:
    """Find for each sighting the most alike one among those before it.

    Args:
        vectors: float32[n, d] unit rows, in enrolment order.

    Returns:
        intp[n], -1 for the first; and float64[n] cosines, -inf for the first. Blocks are compared
        one by one, so the memory does not grow with n times n.
    """
    at, best = np.full(len(vectors), -1, np.intp), np.full(len(vectors), -np.inf)
    for start in range(0, len(vectors), BLOCK):
        part = slice(start, start + BLOCK)
        for begin in range(0, start + 1, BLOCK):
            scores = vectors[part] @ vectors[begin : begin + BLOCK].T
            if begin == start:
                scores[np.triu_indices(len(scores))] = -np.inf
            nearest = scores.argmax(axis=1)
            found = scores[np.arange(len(scores)), nearest].astype(np.float64)
            better = found > best[part]
            best[part] = np.where(better, found, best[part])
            at[part] = np.where(better, nearest + begin, at[part])
    return at, best


def same_vector(scores: Column) -> Column:
    """Return float64[n], 1 where two vectors are equal but for rounding, else 0."""
    return np.asarray(scores >= 1 - _ROUNDING, dtype=np.float64)


def same_picture_chances(
    pairs: tuple[Thumbnails, Thumbnails], originals: Sequence[Crop], again: Sequence[Crop]
) -> Column:
    """Estimate the chance that two pictures are one, saved twice.

    Args:
        pairs: uint8[m, 32, 16, 3] twice: each sighting, and the earlier one most like it.
        originals: some of the gallery's pictures, one at least.
        again: the same, saved again.

    Returns:
        float64[m] in [0, 1].
    """
    saved = [np.stack([thumbnail(crop) for crop in crops]) for crops in (originals, again)]
    observed = _difference(*pairs)
    return fit_chances(observed, _difference(saved[0], saved[1]))(observed)


def _difference(one: Thumbnails, other: Thumbnails) -> Matrix:
    """float64[n, 1]: the logarithm of the root mean square difference in [0, 255]."""
    squares = np.empty(len(one))
    for start in range(0, len(one), BLOCK):
        part = slice(start, start + BLOCK)
        apart = one[part].astype(np.float32) - other[part]
        squares[part] = np.square(apart).mean(axis=(1, 2, 3))
    return np.log(np.sqrt(squares) + _HALF_A_STEP)[:, None]

"""Vectors rounded to a byte a dimension, and by how much that can change an inner product.

A row ``x`` becomes ``x' = step * c`` with whole numbers ``c`` in [-127, 127], and its error
``|x - x'|`` is kept. By Cauchy and Schwarz, for any query ``q`` and its rounded ``q'``,

    |q.x - q'.x'|  <=  |q| |x - x'| + |q - q'| |x'|

so an inner product of bytes bounds the true one from both sides.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from .checks import NORM_TOLERANCE
from .protocol import Vectors

Codes = npt.NDArray[np.uint8]
"""uint8[n, d], each 128 more than the whole number it stands for: FAISS's 8bit_direct_signed."""

_LARGEST = 127
_USUAL_RANGE = 6.0
"""Coordinates of unit vectors, times sqrt(d), seldom exceed this; what does is cut off, and its
error says so."""

_BLOCK_ROWS = 128
"""Rows rounded at a time, so that all that is made of them stays in the processor's cache."""


@dataclass(frozen=True)
class Rounding:
    """How rows are rounded: to multiples of ``step``."""

    step: float

    @classmethod
    def fitting(cls, vectors: Vectors) -> Self:
        """For rows like these, float32[n, d], with a little room above their largest coordinate."""
        largest = 1.1 * float(np.abs(vectors).max(initial=0.0))
        return cls(max(largest, _USUAL_RANGE / np.sqrt(vectors.shape[1])) / _LARGEST)

    def round(self, vectors: Vectors) -> tuple[Codes, Vectors]:
        """Codes uint8[n, d] and errors float32[n], |x - x'| rounded up."""
        codes, errors = np.empty(vectors.shape, np.uint8), np.empty(len(vectors), np.float32)
        for start in range(0, len(vectors), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            codes[block], errors[block] = self._round_block(vectors[block])
        return codes, errors

    def _round_block(self, vectors: Vectors) -> tuple[Codes, Vectors]:
        whole = np.rint(vectors * np.float32(1 / self.step))
        np.clip(whole, -_LARGEST, _LARGEST, out=whole)
        codes = (whole + 128).astype(np.uint8)
        whole *= np.float32(self.step)
        whole -= vectors
        # Far more than float32 loses on the way; |x| is 1, so it is no more than 1e-6 anyway.
        errors = np.sqrt(np.einsum("ij,ij->i", whole, whole)) * np.float32(1 + 1e-4) + 2e-6
        return codes, errors.astype(np.float32)

    def usual_error(self, dim: int) -> float:
        """Few rows have a larger one: errors of single coordinates are even within half a step."""
        return 1.25 * self.step * float(np.sqrt(dim / 12))


@dataclass(frozen=True, eq=False)
class RoundedQuery:
    """A query rounded with a step of its own.

    Attributes:
        whole: float32[d], whole numbers in [-127, 127].
        step: what they are multiples of.
        error: |q - q'|.
        length: |q|.
    """

    whole: Vectors
    step: float
    error: float
    length: float

    @classmethod
    def of(cls, query: Vectors) -> Self:
        """Round float32[d]."""
        step = float(np.abs(query).max()) / _LARGEST or 1.0
        whole = np.rint(query / np.float32(step)).astype(np.float32)
        precise = query.astype(np.float64)
        error = float(np.linalg.norm(precise - step * whole))
        return cls(whole, step, error, float(np.linalg.norm(precise)))

    def bounds(self, errors: Vectors) -> Vectors:
        """How far the inner products with rows of these errors, float32[n], may be from the true.

        What float32 loses in adding up is in it, generously.
        """
        summing = len(self.whole) * 2.0**-22 * (self.length + self.error)
        longest = 1 + NORM_TOLERANCE + errors
        found: Vectors = (self.length * errors + self.error * longest + summing).astype(np.float32)
        return found

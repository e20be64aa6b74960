"""Vectors reduced to a bit a dimension: on which side of a hyperplane each rotated coordinate lies.

With the centre ``c`` of all rows and a random rotation ``R``, a row ``x`` is kept as the signs
``b`` in {-1, 1} of ``y = R (x - c)`` and one factor ``f = |y|^2 / (y.b)``. Then ``f b`` stands for
``y``, and ``q.c + f (R q).b`` is an estimate of ``q.x`` whose error is that of a random direction:
about ``0.75 |y| / sqrt(d)`` (Gao and Long, RaBitQ, SIGMOD 2024, equation 12, with the query as it
is).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from .protocol import Vectors

Bits = npt.NDArray[np.uint8]
"""uint8[n, ceil(d / 8)]: the signs, 1 for positive, eight a byte; what is left over is 0."""

_SEED = 20_240
_ENOUGH_FOR_A_CENTRE = 1024


@dataclass(frozen=True, eq=False)
class Signs:
    """How rows are reduced: a centre float32[d] and a rotation float32[d, d]."""

    centre: Vectors
    rotation: Vectors

    @classmethod
    def fitting(cls, vectors: Vectors) -> Self:
        """For rows like these, float32[n, d]; of too few the centre is not taken."""
        dim = vectors.shape[1]
        normal = np.random.default_rng(_SEED).standard_normal((dim, dim))
        rotation = np.linalg.qr(normal)[0].astype(np.float32)
        centre = np.zeros(dim, np.float32)
        if len(vectors) >= _ENOUGH_FOR_A_CENTRE:
            centre = vectors.mean(axis=0)
        return cls(centre, rotation)

    def reduce(self, vectors: Vectors) -> tuple[Bits, Vectors]:
        """Signs uint8[n, ceil(d / 8)] and factors float32[n] of float32[n, d]."""
        rotated = (vectors - self.centre) @ self.rotation
        squares = np.einsum("ij,ij->i", rotated, rotated)
        sums = np.maximum(np.abs(rotated).sum(axis=1), np.float32(1e-20))
        return np.packbits(rotated > 0, axis=1), (squares / sums).astype(np.float32)

    def estimate(self, query: Vectors, bits: Bits, factors: Vectors) -> Vectors:
        """float32[n], the inner products of float32[d] with rows, but for what is the same."""
        rotated = query @ self.rotation
        positive = np.unpackbits(bits, axis=1, count=len(query)).astype(np.float32)
        estimates: Vectors = factors * (2 * (positive @ rotated) - rotated.sum())
        return estimates

"""Vectors reduced to a bit a dimension: on which side of a hyperplane each rotated coordinate lies.

With the centre ``c`` of all rows and a random rotation ``R``, a row ``x`` is kept as the signs
``b`` in {-1, 1} of ``y = R (x - c)`` and one factor ``f = |y|^2 / (y.b)``. Then ``f b`` stands for
``y``, and ``q.c + f (R q).b`` is an estimate of ``q.x`` whose error is that of a random direction:
about ``0.75 |y| / sqrt(d)``, which is ``0.6 f`` (Gao and Long, RaBitQ, SIGMOD 2024, equation 12,
with the query as it is).

The rotation turns each run of some dozen coordinates by a matrix of its own and then mixes the
runs: a seventh of the multiplications of a whole matrix at 512 dimensions, and as good a spread.
"""

from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
import numpy.typing as npt

from .protocol import Vectors

Bits = npt.NDArray[np.uint8]
"""uint8[n, ceil(d / 8)]: the signs, 1 for positive, eight a byte; what is left over is 0."""

_SEED = 20_240
_ENOUGH_FOR_A_CENTRE = 1024

_RUN = 64
"""Length of a run, where it divides the dimension well; mixing and turning then cost little."""

_BLOCK_ROWS = 128
"""Rows rotated at a time, so that all that is made of them stays in the processor's cache: with
more it took up to twice as long."""


@dataclass(frozen=True, eq=False)
class Signs:
    """How rows are reduced.

    Attributes:
        centre: float32[d].
        turns: float32[m, d / m, d / m], orthogonal: what each of m runs is multiplied with.
        mix: float32[m, m], orthogonal: how the turned runs are added up.
    """

    centre: Vectors
    turns: Vectors
    mix: Vectors

    @classmethod
    def fitting(cls, vectors: Vectors) -> Self:
        """For rows like these, float32[n, d]; of too few the centre is not taken."""
        dim = vectors.shape[1]
        runs = runs_of(dim)
        random = np.random.default_rng(_SEED)
        turns = np.stack([_orthogonal(random, dim // runs) for _ in range(runs)])
        centre = np.zeros(dim, np.float32)
        if len(vectors) >= _ENOUGH_FOR_A_CENTRE:
            centre = vectors.mean(axis=0)
        return cls(centre, turns, _orthogonal(random, runs))

    def rotate(self, vectors: Vectors) -> Vectors:
        """float32[m, n, d / m], the rotated float32[n, d] run by run."""
        runs, length, _ = self.turns.shape
        turned = vectors.reshape(len(vectors), runs, length).transpose(1, 0, 2) @ self.turns
        mixed: Vectors = self.mix @ turned.reshape(runs, -1)
        return mixed.reshape(runs, len(vectors), length)

    def reduce(self, vectors: Vectors) -> tuple[Bits, Vectors]:
        """Signs uint8[n, ceil(d / 8)] and factors float32[n] of float32[n, d]."""
        count, dim = vectors.shape
        bits, factors = np.empty((count, -(-dim // 8)), np.uint8), np.empty(count, np.float32)
        for start in range(0, count, _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            bits[block], factors[block] = self._reduce_block(vectors[block])
        return bits, factors

    def _reduce_block(self, vectors: Vectors) -> tuple[Bits, Vectors]:
        rotated = self.rotate(vectors - self.centre)
        runs, count, length = rotated.shape
        packed = np.packbits((rotated > 0).reshape(-1, length), axis=1).reshape(runs, count, -1)
        squares = np.einsum("mnl,mnl->n", rotated, rotated)
        of_ones = np.ones(length, np.float32)  # as a product: quicker than a sum over short runs
        sums = (np.abs(rotated, out=rotated) @ of_ones).sum(axis=0)
        factors = squares / np.maximum(sums, np.float32(1e-20))
        return packed.transpose(1, 0, 2).reshape(count, -1), factors

    def estimator(self, query: Vectors) -> "Estimator":
        """What estimates the inner products of float32[d] with rows."""
        rotated = self.rotate(query[np.newaxis]).ravel()
        padded = np.zeros(-(-len(rotated) // 8) * 8, np.float32)
        padded[: len(rotated)] = rotated
        return Estimator(padded.reshape(-1, 8) @ _signs_of_bytes())


@dataclass(frozen=True, eq=False)
class Estimator:
    """One query's share for each value of each byte of signs, float32[ceil(d / 8), 256]."""

    shares: Vectors

    def __call__(self, bits: Bits, factors: Vectors) -> Vectors:
        """float32[n], the inner products of the query with rows, but for what is the same."""
        places = bits + 256 * np.arange(bits.shape[1], dtype=np.intp)
        estimates: Vectors = factors * self.shares.ravel().take(places).sum(axis=1)
        return estimates


def runs_of(dim: int) -> int:
    """Into how many runs of whole bytes a vector is divided: into one where none are handy."""
    lengths = [n for n in range(8, 2 * _RUN + 1, 8) if dim % n == 0]
    return dim // min(lengths, key=lambda n: abs(n - _RUN)) if lengths else 1


def _orthogonal(random: "np.random.Generator", dim: int) -> Vectors:
    turn: Vectors = np.linalg.qr(random.standard_normal((dim, dim)))[0].astype(np.float32)
    return turn


@cache
def _signs_of_bytes() -> Vectors:
    """float32[8, 256]: the eight signs, -1 or 1, that each value of a byte stands for."""
    values = np.arange(256, dtype=np.uint8)[:, np.newaxis]
    return (2 * np.unpackbits(values, axis=1).T.astype(np.float32) - 1).copy()

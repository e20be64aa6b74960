"""Nearly exact search through one-bit codes, for galleries of millions: small, and very quick."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from . import checks, kernels
from .file import IndexFile
from .kernels import Rows
from .parts import Part, hits_of, parts_of
from .protocol import Hits, Ids, RowsOf, Vectors
from .segment import Columns
from .signs import Bits, Estimator, Signs, runs_of
from .stack import Stack
from .stacked import StackedIndex, ascending

_BITS, _FACTORS = "bits", "factors"

_SCORED = 512
"""Rows that may be scored with their vectors, at least; see docs/performance.md for the recall."""

_SCORED_FIRST = 64
"""So many of them are scored in any case; what they score tells which of the others may matter."""

_SURE = 2.0
"""A row doesn't matter if it would have to be underestimated by more standard errors than these:
one in forty is."""

_ERROR = 0.6
"""Standard error of an estimate as a share of the row's factor; see `signs`."""

_SO_FEW = 1024
"""If no more rows than this count, all are scored and none is missing."""

_ESTIMATED = 12
"""So many times more rows are estimated from their signs, after the count of differing bits."""

_MAY_DIFFER = 2
"""Of two whose signs are taken in different company, so many bits may: zero is zero only nearly."""

_SAMPLED = 8
"""One row of so many tells how many bits may differ; no more than `_ESTIMATED`, or some query could
end with too few."""

_BLOCK_ROWS = 4096


class TwoStageIndex(StackedIndex):
    """A `VectorIndex` that finds the best few hundred by one-bit codes and scores those exactly.

    It keeps a bit a dimension and 12 bytes; whole vectors only if no ``rows`` are given. The best
    by code are scored first; of the others only those whose code may hide a k-th score. What comes
    back is scored exactly and is complete up to k, but a row whose code misleads can be missing.
    Where no more than 1,024 rows count, none is.
    """

    kind: ClassVar[str] = "two-stage"

    def __init__(self, dim: int, rows: RowsOf | None = None) -> None:
        super().__init__(dim, rows)
        self._signs: Signs | None = None

    def _columns_of_none(self) -> Columns:
        return {
            _BITS: np.empty((0, -(-self.dim // 8)), np.uint8),
            _FACTORS: np.empty(0, np.float32),
        }

    def _encode(self, vectors: Vectors) -> Columns:
        if self._signs is None:
            self._signs = Signs.fitting(vectors)
        bits, factors = self._signs.reduce(vectors)
        return {_BITS: bits, _FACTORS: factors}

    def _parameters(self) -> dict[str, npt.NDArray[Any]]:
        assert self._signs is not None  # noqa: S101 (there are rows)
        return {"centre": self._signs.centre, "turns": self._signs.turns, "mix": self._signs.mix}

    def _read_parameters(self, file: IndexFile) -> None:
        runs = runs_of(self.dim)
        length = self.dim // runs
        self._signs = Signs(
            file.array("centre", np.float32, (self.dim,)),
            file.array("turns", np.float32, (runs, length, length)),
            file.array("mix", np.float32, (runs, runs)),
        )

    def holds(self, ids: Ids, vectors: Vectors) -> npt.NDArray[np.bool_]:
        """As `VectorIndex.holds`: compares the signs."""
        keys = ascending(checks.check_ids(ids))
        kept = self._stack.column(_BITS, keys)[np.searchsorted(keys, ids)]
        if self._signs is None:
            return np.empty(0, np.bool_)
        differing = np.unpackbits(self._signs.reduce(vectors)[0] ^ kept, axis=1).sum(axis=1)
        same: npt.NDArray[np.bool_] = differing <= _MAY_DIFFER
        return same

    def _search(self, queries: Vectors, k: int, keys: Ids | None) -> Hits:
        stack = self._stack
        parts = parts_of(stack, keys)
        if not parts:
            return Hits.none(len(queries), k)
        return hits_of([self._find(stack, parts, query, k) for query in queries], k)

    def _find(
        self, stack: Stack, parts: Sequence[Part], query: Vectors, k: int
    ) -> tuple[Ids, Vectors]:
        """Ids int64[m] and exact scores float32[m] of the most promising rows."""
        scored = max(_SCORED, 4 * k)
        if sum(map(len, parts)) <= max(_SO_FEW, scored):
            ids = np.sort(np.concatenate([part.segment.ids[part.rows] for part in parts]))
            return ids, self._exact_scores(stack, query, ids)
        promising = self._promising(parts, query, scored)
        first = max(_SCORED_FIRST, 2 * k)
        ids = np.sort(promising.ids[:first])
        scores = self._exact_scores(stack, query, ids)
        more = promising.ids[first:][promising.reach[first:] >= np.partition(scores, -k)[-k]]
        more = np.sort(more)
        return (
            np.concatenate([ids, more]),
            np.concatenate([scores, self._exact_scores(stack, query, more)]),
        )

    def _promising(self, parts: Sequence[Part], query: Vectors, count: int) -> "_Promising":
        """The ``count`` best by estimate among those of the fewest differing bits."""
        assert self._signs is not None  # noqa: S101 (there are rows)
        bits = self._signs.reduce(query[np.newaxis])[0][0]
        differing = [_differing(part, bits) for part in parts]
        limit = min(_limit(differing, _ESTIMATED * count), 8 * len(bits))  # beyond: the dead
        estimator = self._signs.estimator(query)
        ids, estimates, factors = [], [], []
        for part, (rows, some) in zip(parts, differing, strict=True):
            near = np.flatnonzero(some <= limit)
            near = near if rows is None else rows[near]
            ids.append(part.segment.ids[near])
            factors.append(part.segment.columns[_FACTORS][near])
            estimates.append(_estimates(part, estimator, near, factors[-1]))
        return _Promising.best(
            np.concatenate(ids),
            np.concatenate(estimates) + query @ self._signs.centre,
            np.concatenate(factors) * np.float32(_ERROR),
            count,
        )


@dataclass(frozen=True, eq=False)
class _Promising:
    """Rows by descending estimate.

    Attributes:
        ids: int64[m].
        reach: float32[m], what they hardly score more than.
    """

    ids: Ids
    reach: Vectors

    @classmethod
    def best(cls, ids: Ids, estimates: Vectors, errors: Vectors, count: int) -> Self:
        """The best ``count`` of at least as many estimates with their standard errors."""
        best = np.argpartition(-estimates, count - 1)[:count]
        best = best[np.argsort(-estimates[best], kind="stable")]
        return cls(ids[best], estimates[best] + np.float32(_SURE) * errors[best])


def _estimates(part: Part, estimator: Estimator, rows: Rows, factors: Vectors) -> Vectors:
    """float32[m] for int64[m] rows, a block at a time: a byte becomes eight on the way."""
    bits, estimates = part.segment.columns[_BITS], np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _BLOCK_ROWS):
        some = slice(start, start + _BLOCK_ROWS)
        estimates[some] = estimator(bits[rows[some]], factors[some])
    return estimates


def _differing(part: Part, bits: Bits) -> tuple[Rows | None, npt.NDArray[np.int32]]:
    """The rows of a part that count (None: all) and in how many bits each differs."""
    codes = part.segment.columns[_BITS]
    if part.sparse:
        return part.rows, kernels.hamming(bits, codes[part.rows])
    differing = kernels.hamming(bits, codes)
    if part.selected is not None:
        return part.selected, differing[part.selected]
    differing[part.segment.dead] = 8 * codes.shape[1] + 1
    return None, differing


def _limit(differing: Sequence[tuple[Rows | None, npt.NDArray[np.int32]]], wanted: int) -> int:
    """In how many bits a row may differ, so that about ``wanted`` rows are left, or all."""
    counts = np.zeros(1, np.int64)
    for _, some in differing:
        more = np.bincount(some[::_SAMPLED]) * _SAMPLED
        counts, more = (more, counts) if len(more) > len(counts) else (counts, more)
        counts[: len(more)] += more
    return int(np.searchsorted(np.cumsum(counts), wanted))

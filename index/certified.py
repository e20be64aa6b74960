"""Exact search through byte codes: their bounds leave few rows to score with the vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from . import checks, kernels
from .errors import IndexFileError
from .file import IndexFile
from .kernels import Rows
from .parts import Part, hits_of, parts_of
from .protocol import Hits, Ids, RowsOf, Vectors
from .rounding import Rounding, round_query, whole_numbers
from .segment import VECTORS, Columns
from .stack import Stack
from .stacked import StackedIndex, ascending

_CODES, _ERRORS = "codes", "errors"

_ROOM = 64
"""Rows fetched by code beyond 4 k: at a million people's sightings that is nearly always enough."""

_FEW_QUERIES = 12
"""Up to so many are quicker one by one, by bytes; more by one matrix product a block."""

_BLOCK_ROWS = 4096

_ODD_SHARE = 1 / 1024
"""Rows of an unusual error are always scored exactly if there are no more of them than this."""


@dataclass(frozen=True, eq=False)
class _Near:
    """Rows of one part that may be among the best for one query.

    Attributes:
        ids: int64[m].
        scores: float32[m], by code.
        errors: float32[m]; the true score is within this of it.
        unseen: no other row of the part has a higher true score.
    """

    ids: Ids
    scores: Vectors
    errors: Vectors
    unseen: float


@dataclass(frozen=True, eq=False)
class _Query:
    """A query as it was compared with codes: ``vector`` itself, or rounded.

    Attributes:
        vector: float32[d].
        length: of the vector.
        error: |q - q'|.
    """

    vector: Vectors
    length: float
    error: float

    def bound(self, row_errors: Any) -> Any:
        """How far the true score may be from the one by code; see `rounding`."""
        summed = len(self.vector) * 2.0**-22 * (self.length + self.error)
        return (
            self.length * row_errors
            + self.error * (1 + checks.NORM_TOLERANCE + row_errors)
            + summed
        )


@dataclass(frozen=True, eq=False)
class _Search:
    """What is asked of what: ``query`` float32[d], its k best rows of ``parts`` of ``stack``."""

    stack: Stack
    parts: Sequence[Part]
    query: Vectors
    k: int


class CertifiedIndex(StackedIndex):
    """A `VectorIndex` as exact as `FlatIndex`, that reads a quarter of the bytes.

    It keeps a byte a dimension and 12 bytes; whole vectors only if no ``rows`` are given. A search
    scans the codes for the best few, scores those that their bounds leave in question, and is done
    when no row it has not looked at can reach the k-th score; else it looks at more.
    """

    kind: ClassVar[str] = "certified"

    def __init__(self, dim: int, rows: RowsOf | None = None) -> None:
        super().__init__(dim, rows)
        self._rounding: Rounding | None = None
        self.rescored = 0
        """How many rows were scored with their vectors since this object was made."""

    def _columns_of_none(self) -> Columns:
        columns: dict[str, npt.NDArray[Any]] = {
            _CODES: np.empty((0, self.dim), np.uint8),
            _ERRORS: np.empty(0, np.float32),
        }
        if self._rows is None:
            columns[VECTORS] = np.empty((0, self.dim), np.float32)
        return columns

    def _encode(self, vectors: Vectors) -> Columns:
        if self._rounding is None:
            self._rounding = Rounding.fitting(vectors)
        codes, errors = self._rounding.round(vectors)
        columns: dict[str, npt.NDArray[Any]] = {_CODES: codes, _ERRORS: errors}
        return columns if self._rows is not None else columns | {VECTORS: vectors}

    def _parameters(self) -> dict[str, npt.NDArray[Any]]:
        assert self._rounding is not None  # noqa: S101 (there are rows)
        return {"step": np.array([self._rounding.step])}

    def _read_parameters(self, file: IndexFile) -> None:
        step = float(file.array("step", np.float64, (1,))[0])
        if not 0 < step < np.inf:
            raise IndexFileError(f"{file.path}: its step is {step}; delete it and build it again")
        self._rounding = Rounding(step)

    def holds(self, ids: Ids, vectors: Vectors) -> npt.NDArray[np.bool_]:
        """As `VectorIndex.holds`: compares what the vectors are rounded to."""
        keys = ascending(checks.check_ids(ids))
        kept = self._stack.column(_CODES, keys)[np.searchsorted(keys, ids)]
        if self._rounding is None:
            return np.empty(0, np.bool_)
        same: npt.NDArray[np.bool_] = (self._rounding.round(vectors)[0] == kept).all(axis=1)
        return same

    def search(self, queries: Vectors, k: int, *, allowed: Ids | None = None) -> Hits:
        """As `VectorIndex.search`."""
        queries = checks.check_queries(queries, dim=self.dim)
        k = checks.check_k(k)
        keys = None if allowed is None else ascending(checks.check_ids(allowed, name="allowed"))
        stack = self._stack
        parts = parts_of(stack, keys)
        if not parts:
            return Hits.none(len(queries), k)
        fetch = 4 * k + _ROOM
        if len(queries) <= _FEW_QUERIES:
            near = [[self._near(part, query, fetch) for part in parts] for query in queries]
        else:
            near = self._near_many(parts, queries, fetch)
        found = [
            self._certify(_Search(stack, parts, query, k), some, fetch)
            for query, some in zip(queries, near, strict=True)
        ]
        return hits_of(found, k)

    def _certify(self, search: _Search, near: list[_Near], fetch: int) -> tuple[Ids, Vectors]:
        """Score what may be among the k best, and look at more until nothing else may."""
        while True:
            ids, scores = self._score(search, near)
            unseen = max(part.unseen for part in near)
            if unseen == -np.inf or unseen < _kth_largest(scores, search.k):
                return ids, scores
            fetch *= 8
            near = [self._near(part, search.query, fetch) for part in search.parts]

    def _score(self, search: _Search, near: Sequence[_Near]) -> tuple[Ids, Vectors]:
        """Ids int64[m] and exact scores float32[m] of those that bounds don't rule out."""
        ids = np.concatenate([part.ids for part in near])
        scores = np.concatenate([part.scores for part in near])
        errors = np.concatenate([part.errors for part in near])
        ids = np.sort(ids[scores + errors >= _kth_largest(scores - errors, search.k)])
        self.rescored += len(ids)
        return ids, self._exact_scores(search.stack, search.query, ids)

    # -- by bytes, one query -------------------------------------------------------------------

    def _near(self, part: Part, query: Vectors, fetch: int) -> _Near:
        """The ``fetch`` best rows of a part by code, and those of an unusual error."""
        if len(part) <= fetch:
            return _all_of(part)
        assert self._rounding is not None  # noqa: S101 (there are rows)
        whole, step, error = round_query(query)
        codes = part.segment.columns[_CODES]
        if part.sparse:
            scores, slots = kernels.best_of_codes(whole, codes[part.rows], fetch, None)
            rows = part.rows[slots]
        else:
            fetch += part.dead_among_them
            scores, rows = kernels.best_of_codes(whole, codes, fetch, part.mask())
        asked = _Query(query, float(np.linalg.norm(query)), error)
        return self._bounded(part, asked, scores * np.float32(step * self._rounding.step), rows)

    def _bounded(self, part: Part, query: _Query, scores: Vectors, rows: Rows) -> _Near:
        """Put bounds to the best rows by code, scores descending."""
        errors = part.segment.columns[_ERRORS]
        odd, usual = self._odd(part)
        kept = (errors[rows] <= usual) & part.counting(rows)
        unsure = np.full(len(odd), np.inf, np.float32)
        bounds = query.bound(errors[rows][kept])
        return _Near(
            ids=part.segment.ids[np.concatenate([rows[kept], odd])],
            scores=np.concatenate([scores[kept], np.zeros(len(odd), np.float32)]),
            errors=np.concatenate([bounds, unsure]).astype(np.float32),
            unseen=float(scores[-1] + query.bound(usual)),
        )

    def _odd(self, part: Part) -> tuple[Rows, float]:
        """Rows of an unusual error, if few, and the largest error of the others."""
        assert self._rounding is not None  # noqa: S101 (there are rows)
        errors = part.segment.columns[_ERRORS]
        usual = self._rounding.usual_error(self.dim)
        odd = np.flatnonzero(errors > usual)
        if len(odd) > _ODD_SHARE * len(errors) + _ROOM:
            return odd[:0], float(errors.max())
        return odd[part.counting(odd)], usual

    # -- by matrix products, many queries ------------------------------------------------------

    def _near_many(self, parts: Sequence[Part], queries: Vectors, fetch: int) -> list[list[_Near]]:
        """As `_near` for each query and part; the queries are not rounded here."""
        assert self._rounding is not None  # noqa: S101 (there are rows)
        asked = [_Query(query, float(np.linalg.norm(query)), 0.0) for query in queries]
        near: list[list[_Near]] = [[] for _ in queries]
        for part in parts:
            if len(part) <= fetch:
                for some in near:
                    some.append(_all_of(part))
                continue
            scores, rows = _best_by_blocks(part, queries, fetch + part.dead_among_them)
            scores *= np.float32(self._rounding.step)
            for some, query, its_scores, its_rows in zip(near, asked, scores, rows, strict=True):
                some.append(self._bounded(part, query, its_scores, its_rows))
        return near


def _kth_largest(scores: Vectors, k: int) -> float:
    """-inf if there are fewer."""
    return float(np.partition(scores, -k)[-k]) if len(scores) >= k else -np.inf


def _all_of(part: Part) -> _Near:
    """So few that the codes would spare nothing."""
    ids = part.segment.ids[part.rows]
    unsure = np.full(len(ids), np.inf, np.float32)
    return _Near(ids, np.zeros(len(ids), np.float32), unsure, -np.inf)


def _best_by_blocks(part: Part, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
    """The k best rows of a part for each query, by code: scores in steps, descending."""
    codes, top = part.segment.columns[_CODES], kernels.Best(len(queries), k)
    size = max(_BLOCK_ROWS, 8 * k)
    in_all = len(codes) if part.selected is None else len(part)
    for start in range(0, in_all, size):
        if part.selected is None:
            rows = np.arange(start, min(start + size, in_all))
            block = codes[start : start + size]
        else:
            rows = part.selected[start : start + size]
            block = codes[rows]
        scores, slots = kernels.best(queries, whole_numbers(block), min(k, len(rows)))
        top.offer(scores, rows[slots])
    return top.finish()

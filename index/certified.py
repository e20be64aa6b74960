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
from .rounding import RoundedQuery, Rounding
from .segment import Columns
from .stack import Stack
from .stacked import StackedIndex, ascending

_CODES, _ERRORS = "codes", "errors"

_ROOM = 64
"""Rows fetched by code beyond 4 k: at a million people's sightings that is nearly always enough."""

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
        return {
            _CODES: np.empty((0, self.dim), np.uint8),
            _ERRORS: np.empty(0, np.float32),
        }

    def _encode(self, vectors: Vectors) -> Columns:
        if self._rounding is None:
            self._rounding = Rounding.fitting(vectors)
        codes, errors = self._rounding.round(vectors)
        return {_CODES: codes, _ERRORS: errors}

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

    def _search(self, queries: Vectors, k: int, keys: Ids | None) -> Hits:
        stack = self._stack
        parts = parts_of(stack, keys)
        if not parts:
            return Hits.none(len(queries), k)
        found = [self._find(_Search(stack, parts, query, k)) for query in queries]
        return hits_of(found, k)

    def _find(self, search: _Search) -> tuple[Ids, Vectors]:
        """Score what may be among the k best, and look at more until nothing else may."""
        fetch = 4 * search.k + _ROOM
        rounded = RoundedQuery.of(search.query)
        while True:
            near = [self._near(part, rounded, fetch) for part in search.parts]
            ids, scores = self._score(search, near)
            unseen = max(part.unseen for part in near)
            if unseen == -np.inf or unseen < _kth_largest(scores, search.k):
                return ids, scores
            fetch *= 8

    def _score(self, search: _Search, near: Sequence[_Near]) -> tuple[Ids, Vectors]:
        """Ids int64[m] and exact scores float32[m] of those that bounds don't rule out."""
        ids = np.concatenate([part.ids for part in near])
        scores = np.concatenate([part.scores for part in near])
        errors = np.concatenate([part.errors for part in near])
        ids = np.sort(ids[scores + errors >= _kth_largest(scores - errors, search.k)])
        self.rescored += len(ids)
        return ids, self._exact_scores(search.stack, search.query, ids)

    def _near(self, part: Part, query: RoundedQuery, fetch: int) -> _Near:
        """The ``fetch`` best rows of a part by code, and those of an unusual error."""
        if len(part) <= fetch:
            return _all_of(part)
        assert self._rounding is not None  # noqa: S101 (there are rows)
        products, rows = _best_by_code(part, query.whole, fetch)
        scores = products * np.float32(query.step * self._rounding.step)
        errors = part.segment.columns[_ERRORS]
        odd, usual = self._odd(part)
        beyond = query.bounds(np.array([usual], np.float32))[0]
        kept = (errors[rows] <= usual) & part.counting(rows)
        unsure = np.full(len(odd), np.inf, np.float32)
        return _Near(
            ids=part.segment.ids[np.concatenate([rows[kept], odd])],
            scores=np.concatenate([scores[kept], np.zeros(len(odd), np.float32)]),
            errors=np.concatenate([query.bounds(errors[rows[kept]]), unsure]),
            unseen=float(scores[-1]) + float(beyond),
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


def _best_by_code(part: Part, query: Vectors, fetch: int) -> tuple[Vectors, Rows]:
    """The best ``fetch`` rows that count, and with them some that don't; descending."""
    codes = part.segment.columns[_CODES]
    if not part.sparse:
        return kernels.best_of_codes(query, codes, fetch + part.dead_among_them, part.mask())
    products, slots = kernels.best_of_codes(query, codes[part.rows], fetch, None)
    return products, part.rows[slots]


def _kth_largest(scores: Vectors, k: int) -> float:
    """-inf if there are fewer."""
    return float(np.partition(scores, -k)[-k]) if len(scores) >= k else -np.inf


def _all_of(part: Part) -> _Near:
    """So few that the codes would spare nothing."""
    ids = part.segment.ids[part.rows]
    unsure = np.full(len(ids), np.inf, np.float32)
    return _Near(ids, np.zeros(len(ids), np.float32), unsure, -np.inf)

"""What all backends share: rows come, go, and lie in a file; they differ in what they keep of them.

Every change swaps in a new `Stack`, so a search goes on with the one it began with.
"""

import threading
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from . import checks
from .errors import IndexFileError, IndexValueError
from .file import IndexFile, NewSection, broken, write_index_file
from .protocol import Hits, Ids, RowsOf, Stamp, VectorIndex, Vectors
from .segment import VECTORS, Columns, Segment
from .stack import Stack

_BLOCK_ROWS = 4096
"""Rows gathered at a time to be written."""

_BLOCK_NUMBERS = 2**18
"""Numbers multiplied with a query at a time. From about twice as many on, numpy's BLAS divides the
product among threads, and on a busy machine waits for the slowest: 30 ms instead of 0.06."""


class StackedIndex(VectorIndex):
    """A `VectorIndex` that keeps some columns of each row in a `Stack`.

    A backend says which columns (`_columns_of_none`), makes them of new vectors (`_encode`), and
    searches them (`_search`). Whole vectors are a column more where no ``rows`` are given. Rows of
    a loaded file stay in it, mapped; those added since lie in memory.
    """

    kind: ClassVar[str]

    def __init__(self, dim: int, rows: RowsOf | None = None) -> None:
        self._dim = checks.check_dim(dim)
        self._rows = rows
        none = np.empty((0, self._dim), np.float32)
        self._stack = Stack(self._with_vectors(self._columns_of_none(), none))
        self._stamp: Stamp = {}
        self._writing = threading.Lock()

    @abstractmethod
    def _columns_of_none(self) -> Columns:
        """Every column that this backend keeps beside whole vectors, of no rows."""

    @abstractmethod
    def _encode(self, vectors: Vectors) -> Columns:
        """Make these columns of new rows, float32[n, d]; called by one writer at a time."""

    @abstractmethod
    def holds(self, ids: Ids, vectors: Vectors) -> npt.NDArray[np.bool_]:
        """As `VectorIndex.holds`."""

    @abstractmethod
    def _search(self, queries: Vectors, k: int, keys: Ids | None) -> Hits:
        """As `VectorIndex.search`, of what was checked.

        Args:
            queries: float32[q, d] unit rows.
            k: from 1.
            keys: int64[m], the ids that may be hits, ascending, distinct; None for all.
        """

    def _with_vectors(self, columns: Columns, vectors: Vectors) -> Columns:
        return columns if self._rows is not None else {**columns, VECTORS: vectors}

    def _parameters(self) -> dict[str, npt.NDArray[Any]]:
        """What else goes into the file, by the name of its section."""
        return {}

    def _read_parameters(self, file: IndexFile) -> None:
        """Take back what `_parameters` gave."""

    @property
    def dim(self) -> int:
        """As `VectorIndex.dim`."""
        return self._dim

    @property
    def stamp(self) -> Stamp:
        """As `VectorIndex.stamp`."""
        return dict(self._stamp)

    def __len__(self) -> int:
        return len(self._stack)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self):,} vectors, {self.dim} dimensions>"

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """As `VectorIndex.add`."""
        ids = checks.check_new_ids(ids)
        vectors = checks.check_unit_rows(vectors, dim=self.dim, count=len(ids))
        with self._writing:
            present = self._stack.present(np.sort(ids))
            if len(present):
                raise IndexValueError(
                    f"id {present[0]} is in the index already ({len(present)} of {len(ids)} are); "
                    "remove it first"
                )
            if len(ids):
                columns = self._with_vectors(self._encode(vectors), vectors)
                self._stack = self._stack.appended(ids, columns)

    def search(self, queries: Vectors, k: int, *, allowed: Ids | None = None) -> Hits:
        """As `VectorIndex.search`."""
        queries = checks.check_queries(queries, dim=self.dim)
        k = checks.check_k(k)
        keys = None if allowed is None else ascending(checks.check_ids(allowed, name="allowed"))
        return self._search(queries, k, keys)

    def remove(self, ids: Ids) -> int:
        """As `VectorIndex.remove`."""
        keys = checks.check_ids(ids)
        with self._writing:
            before = len(self._stack)
            self._stack = self._stack.without(ascending(keys))
            return before - len(self._stack)

    def ids(self) -> Ids:
        """As `VectorIndex.ids`."""
        return self._stack.ids()

    def vectors(self, ids: Ids) -> Vectors:
        """As `VectorIndex.vectors`."""
        ids = checks.check_ids(ids)
        keys = ascending(ids)
        gathered = self._vectors_of(self._stack, keys)
        return gathered if keys is ids else gathered[np.searchsorted(keys, ids)]

    def _vectors_of(self, stack: Stack, keys: Ids) -> Vectors:
        """float32[m, d] of int64[m] keys, ascending, distinct, that must live in the stack."""
        if self._rows is None:
            return stack.column(VECTORS, keys)
        present = stack.present(keys)
        if len(present) < len(keys):
            raise IndexValueError(f"no vector has id {np.setdiff1d(keys, present)[0]}")
        return self._rows(keys)

    def _exact_scores(self, stack: Stack, query: Vectors, keys: Ids) -> Vectors:
        """float32[m], the inner products of float32[d] with int64[m] keys, as `_vectors_of`."""
        scores = np.empty(len(keys), np.float32)
        rows = max(1, _BLOCK_NUMBERS // self.dim)
        for start in range(0, len(keys), rows):
            block = slice(start, start + rows)
            scores[block] = self._vectors_of(stack, keys[block]) @ query
        return scores

    def save(self, path: Path, stamp: Stamp | None = None) -> None:
        """As `VectorIndex.save`."""
        stack, stamp = self._stack, checks.check_stamp(stamp)
        ids = stack.ids()
        columns = [NewSection(name, _blocks(stack, name, ids)) for name in stack.empty]
        parameters = self._parameters() if len(ids) else {}
        write_index_file(
            path,
            kind=self.kind,
            dim=self.dim,
            count=len(ids),
            stamp=stamp,
            sections=[
                NewSection("ids", [ids], checked=True),
                *(NewSection(name, [array], checked=True) for name, array in parameters.items()),
                *columns,
            ],
        )

    @classmethod
    def load(cls, path: Path, *, mmap: bool = True, rows: RowsOf | None = None) -> Self:
        """As `VectorIndex.load`."""
        file = IndexFile(path, mmap=mmap)
        header = file.header
        if header.kind != cls.kind:
            raise broken(path, f"of kind {header.kind!r}, not {cls.kind!r}")
        index = cls(header.dim, None if VECTORS in header.sections else rows)
        index._stamp = header.stamp
        empty = index._stack.empty
        if VECTORS in empty and VECTORS not in header.sections:
            raise IndexFileError(f"{path}: holds no vectors, they must come from elsewhere")
        if header.count:
            columns = {
                name: file.array(name, column.dtype, (header.count, *column.shape[1:]))
                for name, column in empty.items()
            }
            index._read_parameters(file)
            ids = file.array("ids", np.int64, (header.count,))
            index._stack = Stack(empty, mapped=Segment(ids, columns))
        return index


def _blocks(stack: Stack, name: str, ids: Ids) -> Iterator[npt.NDArray[Any]]:
    """A column of ascending ids, a block at a time."""
    for start in range(0, len(ids), _BLOCK_ROWS):
        yield stack.column(name, ids[start : start + _BLOCK_ROWS])


def ascending(ids: Ids) -> Ids:
    """Sorted, each once; the very same array if it is that already."""
    if np.all(ids[1:] > ids[:-1]):
        return ids
    ids = np.sort(ids)
    distinct: Ids = ids[np.concatenate([[True], ids[1:] != ids[:-1]])]
    return distinct

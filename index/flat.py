"""Exact search over every vector: what the other backends are compared with."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from . import checks
from .errors import IndexValueError
from .file import IndexFile, NewSection, broken, write_index_file
from .kernels import Best
from .protocol import Hits, Ids, Stamp, Vectors
from .scan import scan
from .segment import Segment
from .stack import Stack

_WRITE_ROWS = 4096
"""Rows gathered at a time while saving."""


class FlatIndex:
    """A `VectorIndex` that compares a query with every vector, through FAISS's exact kernels.

    A vector takes 4 bytes a dimension and 8 for its id. Rows of a loaded file stay in it, mapped;
    those added since lie in memory. Every change swaps in a new `Stack`, so a search goes on
    with the one it began with.
    """

    kind: ClassVar[str] = "flat"

    def __init__(self, dim: int) -> None:
        self._stack = Stack(checks.check_dim(dim))
        self._stamp: Stamp = {}
        self._writing = threading.Lock()

    @property
    def dim(self) -> int:
        """As `VectorIndex.dim`."""
        return self._stack.dim

    @property
    def stamp(self) -> Stamp:
        """As `VectorIndex.stamp`."""
        return dict(self._stamp)

    def __len__(self) -> int:
        return len(self._stack)

    def __repr__(self) -> str:
        return f"<FlatIndex: {len(self):,} vectors, {self.dim} dimensions>"

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
            self._stack = self._stack.appended(ids, vectors)

    def remove(self, ids: Ids) -> int:
        """As `VectorIndex.remove`."""
        keys = checks.check_ids(ids)
        with self._writing:
            before = len(self._stack)
            self._stack = self._stack.without(_ascending(keys))
            return before - len(self._stack)

    def search(self, queries: Vectors, k: int, *, allowed: Ids | None = None) -> Hits:
        """As `VectorIndex.search`."""
        queries = checks.check_queries(queries, dim=self.dim)
        k = checks.check_k(k)
        keys = None if allowed is None else _ascending(checks.check_ids(allowed, name="allowed"))
        parts = [
            (segment, None if keys is None else segment.rows_of(keys)) for segment in self._stack
        ]
        among = sum(segment.live if rows is None else len(rows) for segment, rows in parts)
        hits = Hits.none(len(queries), k)
        if not among or not len(queries):
            return hits
        top = Best(len(queries), min(k, among))
        for segment, rows in parts:
            scan(segment, queries, rows, top)
        scores, ids = top.finish()
        order = np.lexsort((ids, -scores), axis=1)
        hits.ids[:, : top.k] = np.take_along_axis(ids, order, axis=1)
        hits.scores[:, : top.k] = np.take_along_axis(scores, order, axis=1)
        return hits

    def ids(self) -> Ids:
        """As `VectorIndex.ids`."""
        return self._stack.ids()

    def vectors(self, ids: Ids) -> Vectors:
        """As `VectorIndex.vectors`."""
        ids = checks.check_ids(ids)
        keys = _ascending(ids)
        gathered = self._stack.vectors(keys)
        return gathered if keys is ids else gathered[np.searchsorted(keys, ids)]

    def save(self, path: Path, stamp: Stamp | None = None) -> None:
        """As `VectorIndex.save`."""
        stack, stamp = self._stack, checks.check_stamp(stamp)
        ids = stack.ids()
        write_index_file(
            path,
            kind=self.kind,
            dim=self.dim,
            count=len(ids),
            stamp=stamp,
            sections=[
                NewSection("ids", [ids], checked=True),
                NewSection("vectors", _blocks(stack, ids)),
            ],
        )

    @classmethod
    def load(cls, path: Path, *, mmap: bool = True) -> Self:
        """As `VectorIndex.load`."""
        file = IndexFile(path, mmap=mmap)
        header = file.header
        if header.kind != cls.kind:
            raise broken(path, f"of kind {header.kind!r}, not {cls.kind!r}")
        index = cls(header.dim)
        index._stamp = header.stamp
        if header.count:
            ids = file.array("ids", np.int64, (header.count,))
            vectors = file.array("vectors", np.float32, (header.count, header.dim))
            index._stack = Stack(header.dim, mapped=Segment(ids, vectors))
        return index


def _blocks(stack: Stack, ids: Ids) -> Iterator[Vectors]:
    """The vectors of ascending ids, a block at a time."""
    for start in range(0, len(ids), _WRITE_ROWS):
        yield stack.vectors(ids[start : start + _WRITE_ROWS])


def _ascending(ids: Ids) -> Ids:
    """Sorted, each once; the very same array if it is that already."""
    if np.all(ids[1:] > ids[:-1]):
        return ids
    ids = np.sort(ids)
    distinct: Ids = ids[np.concatenate([[True], ids[1:] != ids[:-1]])]
    return distinct

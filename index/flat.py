"""Exact search over every vector: what the other backends are compared with."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from .device import DeviceCopy
from .kernels import Best
from .protocol import Hits, Ids, RowsOf, Vectors
from .scan import scan
from .segment import Columns
from .stacked import StackedIndex


class FlatIndex(StackedIndex):
    """A `VectorIndex` that compares a query with every vector, through FAISS's exact kernels.

    A vector takes 4 bytes a dimension and 8 for its id. It keeps the vectors itself, whatever
    ``rows`` may be given. Many that were loaded from a file are copied to a graphics processor,
    where there is one, and compared there (`DeviceCopy`).
    """

    kind: ClassVar[str] = "flat"

    def __init__(self, dim: int, rows: RowsOf | None = None) -> None:
        super().__init__(dim)
        self._on_device = DeviceCopy()

    def _columns_of_none(self) -> Columns:
        return {}

    def _encode(self, vectors: Vectors) -> Columns:
        return {}

    def holds(self, ids: Ids, vectors: Vectors) -> npt.NDArray[np.bool_]:
        """As `VectorIndex.holds`."""
        same: npt.NDArray[np.bool_] = (self.vectors(ids) == vectors).all(axis=1)
        return same

    def _search(self, queries: Vectors, k: int, keys: Ids | None) -> Hits:
        stack = self._stack
        parts = [(segment, None if keys is None else segment.rows_of(keys)) for segment in stack]
        among = sum(segment.live if rows is None else len(rows) for segment, rows in parts)
        hits = Hits.none(len(queries), k)
        if not among or not len(queries):
            return hits
        top = Best(len(queries), min(k, among))
        for segment, rows in parts:
            mapped = segment is stack.mapped and rows is None
            if not (mapped and self._on_device.search(segment, queries, top)):
                scan(segment, queries, rows, top)
        scores, ids = top.finish()
        order = np.lexsort((ids, -scores), axis=1)
        hits.ids[:, : top.k] = np.take_along_axis(ids, order, axis=1)
        hits.scores[:, : top.k] = np.take_along_axis(scores, order, axis=1)
        return hits

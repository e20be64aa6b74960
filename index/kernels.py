"""The few calls into FAISS, with numpy arrays on both sides.

FAISS gets raw pointers and keeps nothing alive, so every array here is held by a local name, or
by the object, until the call is over.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import IndexEngineError
from .protocol import Ids, Vectors

Rows = npt.NDArray[np.int64]
"""Row numbers inside one segment."""


@cache
def faiss_module() -> Any:
    """FAISS, imported when first used."""
    try:
        import faiss  # noqa: PLC0415 - costs more than everything else here; only who searches pays
    except ImportError as error:
        raise IndexEngineError(
            f"faiss can't be imported ({error}); install it with: pip install faiss-cpu"
        ) from error
    return faiss


def is_matrix_product(queries: int, dim: int) -> bool:
    """Whether FAISS turns a search of so many queries into a matrix product.

    Newer releases compare queries times dim with this global, older ones the number of queries
    (and its default is smaller); for the older ones this errs, at the cost of some speed.
    """
    return bool(queries * dim >= faiss_module().cvar.distance_compute_blas_threshold)


def best(queries: Vectors, vectors: Vectors, k: int) -> tuple[Vectors, Rows]:
    """The k best rows for each query, exactly.

    Args:
        queries: float32[q, d], contiguous.
        vectors: float32[n, d], contiguous, n >= k.
        k: at least 1.

    Returns:
        scores float32[q, k] descending, rows int64[q, k].
    """
    faiss = faiss_module()
    scores = np.empty((len(queries), k), dtype=np.float32)
    rows = np.empty((len(queries), k), dtype=np.int64)
    faiss.knn_inner_product(
        faiss.swig_ptr(queries),
        faiss.swig_ptr(vectors),
        vectors.shape[1],
        len(queries),
        len(vectors),
        k,
        faiss.swig_ptr(scores),
        faiss.swig_ptr(rows),
    )
    return scores, rows


def best_of_rows(query: Vectors, vectors: Vectors, among: Rows, k: int) -> tuple[Vectors, Rows]:
    """As `best` for the rows ``among`` (int64[m], m >= k), none of the others being touched."""
    faiss = faiss_module()
    scores = np.empty((len(query), k), dtype=np.float32)
    rows = np.empty((len(query), k), dtype=np.int64)
    selector = faiss.IDSelectorArray(len(among), faiss.swig_ptr(among))
    faiss.knn_inner_product(
        faiss.swig_ptr(query),
        faiss.swig_ptr(vectors),
        vectors.shape[1],
        len(query),
        len(vectors),
        k,
        faiss.swig_ptr(scores),
        faiss.swig_ptr(rows),
        selector,
    )
    return scores, rows


def all_scores(query: Vectors, vectors: Vectors) -> Vectors:
    """float32[1, n], the inner product of one query, float32[1, d], with every row."""
    faiss = faiss_module()
    scores = np.empty((1, len(vectors)), dtype=np.float32)
    faiss.fvec_inner_products_ny(
        faiss.swig_ptr(scores),
        faiss.swig_ptr(query),
        faiss.swig_ptr(vectors),
        vectors.shape[1],
        len(vectors),
    )
    return scores


class Best:
    """Keeps the k best of all that is offered, for each query."""

    def __init__(self, queries: int, k: int) -> None:
        faiss = faiss_module()
        self.k = k
        self._scores = np.empty((queries, k), dtype=np.float32)
        self._labels = np.empty((queries, k), dtype=np.int64)
        self._heap = faiss.float_minheap_array_t()
        self._heap.nh, self._heap.k = queries, k
        self._heap.val = faiss.swig_ptr(self._scores)
        self._heap.ids = faiss.swig_ptr(self._labels)
        self._heap.heapify()

    def offer(self, scores: Vectors, labels: Ids) -> None:
        """Consider float32[q, m] scores under int64[q, m] labels; one of -inf is never kept."""
        faiss = faiss_module()
        scores, labels = np.ascontiguousarray(scores), np.ascontiguousarray(labels)
        width = scores.shape[1]
        self._heap.addn_with_ids(
            width, faiss.swig_ptr(scores), faiss.swig_ptr(labels), width, 0, len(scores)
        )

    def offer_columns(self, scores: Vectors) -> None:
        """Consider contiguous float32[q, m] scores under their column numbers."""
        faiss = faiss_module()
        self._heap.addn(scores.shape[1], faiss.swig_ptr(scores), 0, 0, len(scores))

    def finish(self) -> tuple[Vectors, Ids]:
        """Scores float32[q, k] descending and labels int64[q, k]; a label of -1 was never offered.

        Nothing can be offered afterwards.
        """
        self._heap.reorder()
        return self._scores, self._labels

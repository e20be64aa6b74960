"""The few calls into FAISS, with numpy arrays on both sides.

FAISS gets raw pointers and keeps nothing alive, so every array here is held by a local name, or
by the object, until the call is over.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .errors import IndexEngineError
from .protocol import Ids, Vectors

Rows = npt.NDArray[np.int64]
"""Row numbers inside one segment."""

Codes = npt.NDArray[np.uint8]
Done = TypeVar("Done")

_WORD_BYTES = 8
"""FAISS before 1.15 counts differing bits of rows of whole words alone."""

_PADDED_ROWS = 2**16
"""Copied at a time where rows aren't whole words."""

_PIECE_BYTES = 16 * 2**20
"""Of codes, at least, for a thread: to start one takes a twentieth of what reading them does."""


@cache
def faiss_module() -> Any:
    """FAISS, imported when first used."""
    try:
        import faiss  # noqa: PLC0415 - costs more than everything else here; only who searches pays
    except ImportError as error:
        raise IndexEngineError(
            f"faiss can't be imported ({error}); install it with: pip install faiss-cpu"
        ) from error
    except AttributeError as error:  # of two builds in one folder
        raise IndexEngineError(
            f"faiss can't be imported ({error}); if both faiss-cpu and faiss-gpu-cu12 are "
            "installed, uninstall both, then install the one that you want"
        ) from error
    return faiss


_LOWEST = np.finfo(np.float32).min
"""The score in a place that nothing was offered for."""


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
    """Keeps the k best of all that is offered, for each query.

    FAISS heaps take what is offered. It would make and sort them in a team of threads even for one
    query, which on a busy machine waits for the slowest: 30 ms where the search takes 2.
    """

    def __init__(self, queries: int, k: int) -> None:
        faiss = faiss_module()
        self.k = k
        self._scores = np.full((queries, k), _LOWEST)  # all alike, they are a heap
        self._labels = np.full((queries, k), -1, dtype=np.int64)
        self._heap = faiss.float_minheap_array_t()
        self._heap.nh, self._heap.k = queries, k
        self._heap.val = faiss.swig_ptr(self._scores)
        self._heap.ids = faiss.swig_ptr(self._labels)

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
        order = np.argsort(-self._scores, axis=1, kind="stable")
        return (
            np.take_along_axis(self._scores, order, axis=1),
            np.take_along_axis(self._labels, order, axis=1),
        )


def best_of_codes(
    query: Vectors, codes: Codes, k: int, selected: npt.NDArray[np.bool_] | None
) -> tuple[Vectors, Rows]:
    """The k best rows of byte codes for one query; many codes are divided among threads.

    Args:
        query: float32[d], whole numbers in [-128, 127]; FAISS would take a fraction for 0.
        codes: uint8[n, d], contiguous, each 128 more than the number it stands for.
        k: at least 1; no more than are selected.
        selected: bool[n], the only rows that count; None for all.

    Returns:
        scores float32[k] descending, rows int64[k].
    """

    def best_of(piece: slice) -> tuple[Vectors, Rows]:
        mask = None if selected is None else selected[piece]
        scores, rows = _best_of_piece(query, codes[piece], k, mask)
        return scores, rows + piece.start

    found = _in_pieces(codes, best_of)
    scores = np.concatenate([scores for scores, _ in found])
    rows = np.concatenate([rows for _, rows in found])
    order = np.argsort(-scores, kind="stable")[:k]
    return scores[order], rows[order]


def _best_of_piece(
    query: Vectors, codes: Codes, k: int, selected: npt.NDArray[np.bool_] | None
) -> tuple[Vectors, Rows]:
    """As `best_of_codes`, in no order; -inf in places that nothing was found for."""
    faiss, k = faiss_module(), min(k, len(codes))
    with _scanner(codes.shape[1], selects=selected is not None) as scanner:
        if selected is not None:
            bits = np.packbits(selected, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(codes), faiss.swig_ptr(bits))
            scanner.sel = selector
        scores, rows = np.full(k, -np.inf, np.float32), np.full(k, -1, np.int64)
        scanner.set_query(faiss.swig_ptr(query))
        scanner.set_list(0, 0.0)
        scanner.scan_codes(
            len(codes), faiss.swig_ptr(codes), None, faiss.swig_ptr(scores), faiss.swig_ptr(rows), k
        )
    return scores, rows


_idle_scanners: defaultdict[tuple[int, bool], list[Any]] = defaultdict(list)


@contextmanager
def _scanner(dim: int, *, selects: bool) -> Iterator[Any]:
    """One for one thread at a time: it holds the query; and FAISS's wrapper never frees one."""
    idle = _idle_scanners[dim, selects]
    try:
        scanner = idle.pop()
    except IndexError:
        scanner = _new_scanner(dim, selects=selects)
    try:
        yield scanner
    finally:
        idle.append(scanner)


def _new_scanner(dim: int, *, selects: bool) -> Any:
    faiss = faiss_module()
    quantizer = faiss.ScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit_direct_signed)
    unused = faiss.IndexFlatIP(dim)
    selector = faiss.IDSelectorAll() if selects else None
    scanner = quantizer.select_InvertedListScanner(
        faiss.METRIC_INNER_PRODUCT, unused, True, selector, False
    )
    scanner.kept_alive = (quantizer, unused, selector)
    return scanner


def hamming(query: Codes, codes: Codes) -> npt.NDArray[np.int32]:
    """int32[n], in how many bits uint8[b] differs from each row of uint8[n, b], contiguous.

    Many rows are divided among threads.
    """
    differing = np.empty(len(codes), np.int32)
    missing = -len(query) % _WORD_BYTES

    def count(piece: slice) -> None:
        if not missing:
            _count_differing(query, codes[piece], differing[piece])
            return
        padded = np.pad(query, (0, missing))
        for start in range(piece.start, piece.stop, _PADDED_ROWS):
            block = slice(start, min(start + _PADDED_ROWS, piece.stop))
            _count_differing(padded, np.pad(codes[block], [(0, 0), (0, missing)]), differing[block])

    _in_pieces(codes, count)
    return differing


def _count_differing(query: Codes, codes: Codes, differing: npt.NDArray[np.int32]) -> None:
    faiss = faiss_module()
    faiss.hammings(
        faiss.swig_ptr(query),
        faiss.swig_ptr(codes),
        1,
        len(codes),
        codes.shape[1],
        faiss.swig_ptr(differing),
    )


def _in_pieces(codes: Codes, work: Callable[[slice], Done]) -> list[Done]:
    """What ``work`` makes of all rows, or of so many pieces as FAISS may use threads.

    FAISS divides the queries of a batch among threads, but not the rows for one query.
    """
    pieces = min(faiss_module().omp_get_max_threads(), codes.nbytes // _PIECE_BYTES)
    if pieces < 2:
        return [work(slice(0, len(codes)))]
    bounds = [len(codes) * piece // pieces for piece in range(pieces + 1)]
    first, *others = [slice(*pair) for pair in pairwise(bounds)]
    with ThreadPoolExecutor(len(others)) as pool:
        waiting = [pool.submit(work, piece) for piece in others]
        return [work(first), *(piece.result() for piece in waiting)]

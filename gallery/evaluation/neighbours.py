"""Exact nearest neighbours of every vector among all of them, a block of scores at a time."""

import numpy as np
import numpy.typing as npt

from .counting import Rows, Scores

Neighbours = npt.NDArray[np.int32]

_BLOCK_BYTES = 64 * 2**20
_BLOCK_ROWS = 512
_PIECE = 64
"""Scores of which only the best is looked at in the search for a bound."""


def find_neighbours(vectors: Scores, k: int) -> tuple[Neighbours, Scores]:
    """Find the k best of float32[n, d] for each row, itself included, and each row's lowest score.

    Returns:
        int32[n, min(k, n)], best first, ties in row order; and float32[n].
    """
    count = len(vectors)
    k = min(k, count)
    nearest = np.empty((count, k), dtype=np.int32)
    lowest = np.empty(count, dtype=np.float32)
    size = max(1, min(_BLOCK_ROWS, count, _BLOCK_BYTES // (4 * max(1, count))))
    memory = np.empty((size, count), dtype=np.float32)
    for start in range(0, count, size):
        block = slice(start, min(start + size, count))
        scores = memory[: block.stop - start]
        np.matmul(vectors[block], vectors.T, out=scores)
        lowest[block] = scores.min(axis=1)
        for row, bound in enumerate(_bounds(scores, k)):
            nearest[start + row] = best_of(scores[row], k, bound)
    return nearest, lowest


def best_of(row: Scores, k: int, bound: np.float32) -> Rows:
    """Return the places of the k best of a row, best first, ties in order.

    Args:
        row: float32[n].
        k: at most n.
        bound: k items at least are not below it.
    """
    contenders = np.flatnonzero(row >= bound)
    order = np.argsort(-row[contenders], kind="stable")
    return np.asarray(contenders[order[:k]])


def _bounds(scores: Scores, k: int) -> Scores:
    """A lower bound of each row's k-th best score.

    Of the best scores of disjoint pieces the k-th is one; it is found several times faster.
    """
    pieces = scores.shape[1] // _PIECE
    if pieces < k:
        return np.asarray(-np.partition(-scores, k - 1, axis=1)[:, k - 1])
    whole = scores[:, : pieces * _PIECE].reshape(len(scores), _PIECE, pieces)
    bests = whole.max(axis=1)
    return np.asarray(np.partition(bests, pieces - k, axis=1)[:, pieces - k])

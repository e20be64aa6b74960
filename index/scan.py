"""Search one segment exactly, in whichever of four ways touches and copies least.

FAISS's own search of several queries reads all vectors once per query, unless there are so many
(250 at 512 dimensions) that it becomes a matrix product; block by block the vectors stay in the
processor's cache for all the queries. Of 100,000 x 512 on one core a search of 64 took 0.40 of
the time of `IndexFlatIP`. For one query a selector costs more than all scores unless it selects
less than about a third.
"""

import numpy as np

from . import kernels
from .kernels import Best, Rows
from .protocol import Vectors
from .segment import VECTORS, Segment, among

BLOCK_ROWS = 4096
"""Rows searched at a time for several queries: 8 MB at 512 dimensions."""

_SPARSE = 0.3
"""Below this share of selected rows, one query visits only those; above, all is as quick."""

_FEW_DEAD = 1 / 32
"""Up to this share of dead rows it is quicker to search them too and to drop what they hit."""


def scan(segment: Segment, queries: Vectors, selected: Rows | None, top: Best) -> None:
    """Offer the segment's best live rows to ``top``, under their ids.

    Args:
        segment: where to look.
        queries: float32[q, d], contiguous, q >= 1.
        selected: int64[m], live rows, ascending; None for all that live.
        top: keeps the best of all segments.
    """
    if (segment.live if selected is None else len(selected)) == 0:
        return
    if len(queries) == 1:
        _scan_one(segment, queries, selected, top)
    elif selected is not None:
        _scan_gathered(segment, queries, selected, top)
    elif len(segment.dead) > _FEW_DEAD * len(segment.ids):
        _scan_gathered(segment, queries, segment.live_rows(), top)
    else:
        _scan_blocks(segment, queries, top)


def _scan_one(segment: Segment, query: Vectors, selected: Rows | None, top: Best) -> None:
    if selected is None:
        scores = kernels.all_scores(query, segment.columns[VECTORS])
        scores[0, segment.dead] = -np.inf
        nearest = Best(1, min(top.k, segment.live))
        nearest.offer_columns(scores)
        scores, rows = nearest.finish()
        top.offer(scores, segment.ids[rows])
    elif len(selected) < _SPARSE * len(segment.ids):
        k = min(top.k, len(selected))
        scores, rows = kernels.best_of_rows(query, segment.columns[VECTORS], selected, k)
        top.offer(scores, segment.ids[rows])
    else:
        scores = kernels.all_scores(query, segment.columns[VECTORS])
        top.offer(scores[:, selected], segment.ids[selected][np.newaxis])


def _scan_blocks(segment: Segment, queries: Vectors, top: Best) -> None:
    """All rows block by block; each fetches as many more as it has dead rows."""
    rows_in_all = len(segment.ids)
    whole = kernels.is_matrix_product(*queries.shape)
    size = rows_in_all if whole else _block_rows(top.k)
    for start in range(0, rows_in_all, size):
        block = segment.columns[VECTORS][start : start + size]
        first_dead, end_dead = np.searchsorted(segment.dead, [start, start + len(block)])
        fetch = min(top.k + int(end_dead - first_dead), len(block))
        scores, rows = kernels.best(queries, block, fetch)
        rows += start
        scores[among(rows, segment.dead)] = -np.inf
        top.offer(scores, segment.ids[rows])


def _scan_gathered(segment: Segment, queries: Vectors, selected: Rows, top: Best) -> None:
    """Only the selected rows, copied together block by block."""
    size = _block_rows(top.k)
    for start in range(0, len(selected), size):
        part = selected[start : start + size]
        scores, slots = kernels.best(queries, segment.columns[VECTORS][part], min(top.k, len(part)))
        top.offer(scores, segment.ids[part[slots]])


def _block_rows(k: int) -> int:
    """A block must be much larger than k, or its search is mostly sorting."""
    return max(BLOCK_ROWS, 8 * k)

"""Rows on a graphics processor, if there is one and the FAISS that is installed can use it."""

import logging
import threading
from functools import cache
from typing import Any

import numpy as np

from .kernels import Best, faiss_module
from .protocol import Vectors
from .segment import VECTORS, Segment, among

MOST_HITS = 2048
"""FAISS gives no more for a query on such a processor (its limit is that of the k-selection)."""

LEAST_ROWS = 16_384
"""Fewer are searched within a few milliseconds where they are."""

COPIED_AT = 2
"""The search that makes the copy: it takes about as long as the first did, and who asks once is
spared it."""

_log = logging.getLogger(__name__)


@cache
def new_flat_of(dim: int) -> Any | None:
    """How to make an empty flat index on the first device; None where there is no device.

    Tests give a flat index of the processor instead, which is called in the same way.
    """
    faiss = faiss_module()
    if not faiss.get_num_gpus():
        return None
    return lambda: faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), dim)


class DeviceCopy:
    """A copy of a mapped segment's vectors in a device's memory, searched there exactly.

    What a device doesn't do, filters and more than `MOST_HITS`, and what it has no memory for, is
    left to the processor.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # FAISS's resources serve one search at a time
        self._flat: Any | None = None
        self._asked = 0

    def search(self, segment: Segment, queries: Vectors, top: Best) -> bool:
        """Offer the segment's best live rows to ``top``, under their ids.

        Args:
            segment: the mapped one, always of the same rows; others may have died since.
            queries: float32[q, d], contiguous, q >= 1.
            top: keeps the best of all segments.

        Returns:
            Whether it could; if not, nothing was offered.
        """
        # As many more as are dead, since a device knows nothing of that.
        fetch = min(top.k + len(segment.dead), len(segment.ids))
        if fetch > MOST_HITS or len(segment.ids) < LEAST_ROWS:
            return False
        with self._lock:
            flat = self._copied(segment.columns[VECTORS])
            if flat is None:
                return False
            scores, rows = flat.search(queries, fetch)
        scores[among(rows, segment.dead)] = -np.inf
        top.offer(scores, segment.ids[rows])
        return True

    def _copied(self, vectors: Vectors) -> Any | None:
        self._asked += 1
        if self._asked == COPIED_AT:
            self._flat = _copy(vectors)
        return self._flat


def _copy(vectors: Vectors) -> Any | None:
    new_flat = new_flat_of(vectors.shape[1])
    if new_flat is None:
        return None
    try:
        flat = new_flat()
        flat.add(vectors)
    except RuntimeError as error:  # FAISS's errors of CUDA, memory among them
        reason = (str(error).splitlines() or ["FAISS doesn't say why"])[0]
        _log.warning("vectors aren't searched on the graphics processor: %s", reason)
        return None
    return flat

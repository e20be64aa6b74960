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

LEAST_ROWS = 100_000
"""Fewer are searched within a few milliseconds where they are."""

COPIED_AT = 8
"""The search that makes the copy. One question may be several searches, and who asks once is to be
spared it: the copy reads all vectors, as a search does, and the device has to be started."""

_SCRATCH_BYTES = 256 * 2**20
"""Of the device's memory for whatever is searched; FAISS's own default is six times as much."""

_serial = threading.Lock()
"""FAISS's resources serve one search at a time."""

_log = logging.getLogger(__name__)


def new_flat(dim: int) -> Any | None:
    """Make an empty flat index on the first device; None where there is no device.

    Tests give one of the processor's flat indexes instead, which is called in the same way.
    """
    faiss = faiss_module()
    if not faiss.get_num_gpus():
        return None
    return faiss.GpuIndexFlatIP(_resources(), dim)


@cache
def _resources() -> Any:
    resources = faiss_module().StandardGpuResources()
    resources.setTempMemory(_SCRATCH_BYTES)
    return resources


class DeviceCopy:
    """A copy of a loaded segment's vectors in a device's memory, searched there exactly.

    What a device doesn't do, filters and more than `MOST_HITS`, and what it has no memory for, is
    left to the processor; so are searches while the copy is being made.
    """

    def __init__(self) -> None:
        self._flat: Any | None = None
        self._asked = 0

    def __bool__(self) -> bool:
        """Whether there is one now."""
        return self._flat is not None

    def search(self, segment: Segment, queries: Vectors, top: Best) -> bool:
        """Offer the segment's best live rows to ``top``, under their ids.

        Args:
            segment: the loaded one, always of the same rows; others may have died since.
            queries: float32[q, d], contiguous, q >= 1.
            top: keeps the best of all segments.

        Returns:
            Whether it could; if not, nothing was offered.
        """
        # As many more as are dead, since a device knows nothing of that.
        fetch = min(top.k + len(segment.dead), len(segment.ids))
        if fetch > MOST_HITS or len(segment.ids) < LEAST_ROWS:
            return False
        found = self._search_copy(segment.columns[VECTORS], queries, fetch)
        if found is None:
            return False
        scores, rows = found
        scores[among(rows, segment.dead)] = -np.inf
        top.offer(scores, segment.ids[rows])
        return True

    def _search_copy(self, vectors: Vectors, queries: Vectors, k: int) -> Any | None:
        """Scores and rows, after making the copy if it is time; None where there is none."""
        if not _serial.acquire(blocking=self._flat is not None):
            return None
        try:
            self._asked += 1
            if self._asked == COPIED_AT:
                self._flat = _copy(vectors)
            return None if self._flat is None else self._flat.search(queries, k)
        except (RuntimeError, MemoryError) as error:  # no memory; CUDA's other errors end a process
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            _log.warning("vectors are no longer searched on the graphics processor: %s", reason)
            self._flat = None
            return None
        finally:
            _serial.release()


def _copy(vectors: Vectors) -> Any | None:
    flat = new_flat(vectors.shape[1])
    if flat is not None:
        flat.add(vectors)
    return flat

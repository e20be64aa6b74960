"""What a step frees, the next one needs again: on CPUs it is kept, not given back to the system."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""``M_TRIM_THRESHOLD`` and ``M_MMAP_MAX`` of glibc's malloc.h."""


def keep_freed_memory() -> bool:
    """Let this process keep the memory it frees, for as long as it lives.

    By default glibc asks the system for each large block anew and returns it when it is freed. A
    training step frees every map of its forward pass, up to hundreds of MB each, and the system
    has to fill each new page with zeros before the next step writes to it: a third of a step's
    time at 192x96, see ``benchmarks/train_step.py``.

    Returns:
        Whether it does now; other libraries than glibc have no such setting.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, -1))

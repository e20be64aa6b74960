"""A lock between processes, held by an open file; the system lets go of it when a process dies."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import StoreBusyError

_POLL_S = 0.05


@contextmanager
def file_lock(path: Path, *, wait_s: float, doing: str) -> Iterator[None]:
    """Hold ``path`` as a lock.

    Args:
        path: made when missing; its content doesn't matter.
        wait_s: how long to wait for another holder.
        doing: what the other holder is doing, for the error.

    Raises:
        StoreBusyError: it was held for longer.
    """
    deadline = time.monotonic() + wait_s
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise StoreBusyError(
                        f"{path.parent}: another process is {doing} (waited {wait_s:g} s); "
                        "try again when it is done"
                    ) from None
                time.sleep(_POLL_S)
        yield

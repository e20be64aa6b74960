"""Keep what Pillow says about odd files off stderr: a bad picture is reported once, by us."""

import logging
import threading
import warnings
from types import TracebackType

# Without any handler Python prints Pillow's log records; a program that configures logging
# still gets them.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class _Quiet:
    """A context in which Pillow's warnings are ignored, for several threads at once.

    `warnings.catch_warnings` alone isn't safe here: it saves and restores the filters of the whole
    process, so two threads that leave in the order they came would keep the filter for good.
    Hence only the first to enter saves them and only the last to leave restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(kind, error, trace)


quiet = _Quiet()
"""The one instance; use it as ``with quiet:``."""

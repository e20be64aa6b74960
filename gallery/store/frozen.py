"""A database in a folder that can't be written to, such as read-only media.

SQLite reads a database with a write-ahead log only where it can make its own ``-shm`` file, or
finds one. Where it can do neither, the file alone is read (``immutable``), without locks. That is
right as long as two things hold, and both are looked at before and after every snapshot: the log
has no content, so all that was acknowledged is in the file; and nobody who may write there does.
"""

import os
import sqlite3
import time
from pathlib import Path
from shlex import quote

from ..errors import StoreError

_LOCKED_OUT = ("SQLITE_READONLY", "SQLITE_CANTOPEN")
_LOGS = ("-wal", "-journal")

_TICK_S = 0.02
"""More than the clock of any usual file system takes to go on."""


def is_locked_out(path: Path, error: sqlite3.OperationalError) -> bool:
    """Whether the database can't be opened because nothing can be made beside it."""
    folder = _follow(path).parent
    return error.sqlite_errorname.startswith(_LOCKED_OUT) and not os.access(folder, os.W_OK)


class FrozenFile:
    """A database file that is read as it lies, and only while it lies still.

    Raises:
        StoreError: a log has content, which can't be read from here.
    """

    def __init__(self, path: Path) -> None:
        self._path = path = _follow(path)
        status = _look_at(path)
        if status is not None and abs(time.time() - status.st_mtime) < _TICK_S:
            time.sleep(_TICK_S)  # a second write in the tick of the last would leave no trace
        self._state = _state_of(path)
        for log in self._filled_logs():
            raise StoreError(
                f"{log}: holds changes that can't be read where its folder isn't writable; run "
                f"reid-gallery stats --store {quote(str(path.parent))} once as someone who may "
                "write there, or copy the whole folder elsewhere"
            )

    def connect(self) -> sqlite3.Connection:
        """Open the file for reading.

        It is not mapped into memory: cutting a file that is mapped ends the process.
        """
        uri = f"{self._path.as_uri()}?mode=ro&immutable=1"
        return sqlite3.connect(uri, uri=True, isolation_level=None)

    def is_still(self) -> bool:
        """Whether nothing was written since, so that all that was read is of one state."""
        return not self._filled_logs() and _state_of(self._path) == self._state

    def _filled_logs(self) -> list[Path]:
        logs = [self._path.with_name(self._path.name + suffix) for suffix in _LOGS]
        return [log for log in logs if (status := _look_at(log)) and status.st_size]


def _follow(path: Path) -> Path:
    """The file that a link leads to: beside that one SQLite has its log."""
    return Path(os.path.realpath(path))


def _state_of(path: Path) -> tuple[int, ...]:
    """What differs once a file was written to, replaced or deleted."""
    status = _look_at(path)
    if status is None:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _look_at(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None

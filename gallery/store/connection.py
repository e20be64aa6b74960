"""The connection to the database: its settings, and transactions as context managers."""

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import StoreBusyError, StoreDamagedError, StoreError
from .frozen import FrozenFile, is_locked_out

log = logging.getLogger("reid_gallery")

PAGE_BYTES = 32768
"""A 512-d vector is 2,048 bytes: at SQLite's usual 4,096 a page would hold one and waste half."""

MAPPED_BYTES = 2**40
"""As much as SQLite was built to map; usually it takes that for 2 GB."""

_PRAGMAS = (
    f"page_size = {PAGE_BYTES}",
    "journal_mode = WAL",
    "synchronous = FULL",  # an acknowledged change survives a power cut as well
    "foreign_keys = ON",
    # What fits is read where the system keeps it: half the time of a few hundred vectors.
    f"mmap_size = {MAPPED_BYTES}",
    "secure_delete = ON",  # removed vectors are overwritten with zeros, not just unlinked
)

_TICK_S = 0.01

_FOR_READERS_MS = 200
"""How long emptying the log may wait for readers: it keeps writers waiting as well."""

_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

_ADVICE = {
    ("SQLITE_FULL", "SQLITE_IOERR"): "; nothing of this change was stored: is the disk full?",
    ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"): (
        "; look at the permissions of the store's files and folder, or copy it elsewhere"
    ),
}


class Connection:
    """One SQLite connection in WAL mode; for one thread.

    Args:
        path: the database file, absolute; created when missing.
        wait_s: how long a writer waits for another writer before it gives up.

    Attributes:
        read_only: whether nothing can be written here, by the permissions of files and folder.
    """

    def __init__(self, path: Path, *, wait_s: float) -> None:
        self.path, self.wait_s = path, wait_s
        with self._translated():
            self._sqlite, self._frozen = self._connect()
        self._file = _identify(path)
        self.read_only = self._frozen is not None or not os.access(path, os.W_OK)

    def _connect(self) -> tuple[sqlite3.Connection, FrozenFile | None]:
        """Connect with locks; where those can't be made, to the file as it lies."""
        sqlite = sqlite3.connect(self.path, timeout=min(self.wait_s, 1e6), isolation_level=None)
        try:
            self._set_up(sqlite)
        except sqlite3.OperationalError as error:
            sqlite.close()
            if not is_locked_out(self.path, error):
                raise
            frozen = FrozenFile(self.path)
            return frozen.connect(), frozen
        return sqlite, None

    def _set_up(self, sqlite: sqlite3.Connection) -> None:
        """Make the settings; two processes can't switch to WAL at once, and SQLite doesn't wait."""
        deadline = time.monotonic() + self.wait_s
        for pragma in _PRAGMAS:
            while True:
                try:
                    sqlite.execute(f"PRAGMA {pragma}")
                    break
                except sqlite3.OperationalError as error:
                    busy = error.sqlite_errorname.startswith("SQLITE_BUSY")
                    if not busy or time.monotonic() >= deadline:
                        raise
                    time.sleep(_TICK_S)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent snapshot of the database; never waits for a writer."""
        with self._transaction("BEGIN DEFERRED") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All or nothing: committed to disk when the block ends, undone when it raises.

        Raises:
            StoreBusyError: another process was writing for longer than ``wait_s``.
            StoreError: the store is read-only here.
        """
        self.require_writable()
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def require_writable(self) -> None:
        """Refuse to begin what could not be stored.

        Raises:
            StoreError: the store is read-only here.
        """
        if self.read_only:
            raise StoreError(
                f"{self.path.parent}: can't be changed, it is read-only here; do it as someone who "
                "may write there, or copy the store elsewhere"
            )

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        if _identify(self.path) != self._file:
            raise StoreError(
                f"{self.path}: was deleted or replaced while it was open, and what is written now "
                "would be lost; open the store again"
            )
        with self._translated(), self._undisturbed():
            self._sqlite.execute(begin)
            try:
                yield self._sqlite
                self._sqlite.execute("COMMIT")
            except BaseException:
                if self._sqlite.in_transaction:
                    self._sqlite.execute("ROLLBACK")
                raise

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Without locks, what was read counts only if nobody has written meanwhile."""
        if self._frozen is not None and not self._frozen.is_still():
            sqlite, frozen = self._connect()
            self._sqlite.close()
            self._sqlite, self._frozen = sqlite, frozen
        try:
            yield
        finally:
            if self._frozen is not None and not self._frozen.is_still():
                raise StoreError(
                    f"{self.path.parent}: was written to while it was read, where it is read-only "
                    "and can't be locked; try again"
                )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise StoreBusyError(
                    f"{self.path.parent}: another process is writing to this store "
                    f"(waited {self.wait_s:g} s); try again when it is done, or wait longer"
                ) from error
            raise StoreError(f"{self.path}: {error}{_advice(error)}") from error
        except sqlite3.ProgrammingError as error:
            raise StoreError(f"{self.path.parent}: {_misuse(error)}") from error
        except sqlite3.DatabaseError as error:
            if not getattr(error, "sqlite_errorname", "").startswith(_DAMAGED):
                raise  # a value that SQLite doesn't take: no damage
            raise StoreDamagedError(
                f"{self.path}: the database is damaged ({error}); restore it from a backup"
            ) from error

    def forget_deleted(self) -> None:
        """Empty the write-ahead log, where deleted rows may still be read.

        Readers that are in the middle of a snapshot keep the log alive; it is emptied when the
        last of them is done and the store is next closed, by whomever.
        """
        if not self._empty_log(wait_ms=_FOR_READERS_MS):
            log.warning(
                "%s: what was deleted is still in the write-ahead log, while others read it or the "
                "disk is full; open and close the store once more when they are done",
                self.path.parent,
            )

    def _empty_log(self, *, wait_ms: int) -> bool:
        """Whether it is empty now; it can't be while somebody is reading what is in it."""
        (usual_ms,) = self._sqlite.execute("PRAGMA busy_timeout").fetchone()
        self._sqlite.execute(f"PRAGMA busy_timeout = {wait_ms:d}")
        try:
            (busy, *_) = self._sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError:
            return False
        finally:
            self._sqlite.execute(f"PRAGMA busy_timeout = {usual_ms:d}")
        return not busy

    def compact(self) -> None:
        """Give the space of deleted rows back to the file system (``VACUUM``)."""
        with self._translated():
            self._sqlite.execute("VACUUM")

    def integrity_problems(self) -> list[str]:
        """What SQLite's own integrity and foreign-key checks find; empty when all is well."""
        with self._translated(), self._undisturbed():
            rows = self._sqlite.execute("PRAGMA integrity_check(20)").fetchall()
            broken = self._sqlite.execute("PRAGMA foreign_key_check").fetchall()
        problems = [text for (text,) in rows if text != "ok"]
        return problems + [f"{table} row {rowid}: refers to nothing" for table, rowid, *_ in broken]

    def close(self) -> None:
        """Close; open transactions are undone.

        The log may hold what somebody deleted while others were reading. SQLite itself empties it
        when the last one closes, which where a server keeps the store open is never.
        """
        if not self.read_only:
            with suppress(sqlite3.Error):
                self._empty_log(wait_ms=0)
        self._sqlite.close()


def _identify(path: Path) -> tuple[int, int] | None:
    """What tells a file from another that comes to lie in its place; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _misuse(error: sqlite3.ProgrammingError) -> str:
    if "closed" in str(error):
        return "this gallery is closed; open it again"
    if "thread" in str(error):
        return "a gallery is used in the thread that opened it; open it again in this one"
    return str(error)


def _advice(error: sqlite3.OperationalError) -> str:
    for names, advice in _ADVICE.items():
        if error.sqlite_errorname.startswith(names):
            return advice
    return ""

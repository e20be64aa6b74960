"""The index is derived: kept in step with the database, and made again when it can't be."""

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import numpy as np

from ..index import (
    IndexFileError,
    IndexValueError,
    VectorIndex,
    new_index,
    open_index,
    read_stamp,
)
from .errors import StoreDamagedError, StoreError
from .filelock import file_lock
from .store import vectors
from .store.generations import Generation, current_generation
from .store.store import Position, Store

log = logging.getLogger("reid_gallery")

_KIND = "flat"
_STALE_SHARE = 0.05
"""A saved index that lacks more than this share is written anew; less is caught up at each open."""
_STALE_ROWS = 256


class IndexKeeper:
    """The index of an open store.

    `refresh` brings it in step with a snapshot; `save` writes it for the next process to map.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._path = store.directory.index_folder / f"{_KIND}.index"
        self._lock = store.directory.index_folder / "lock"
        self._index: VectorIndex | None = None
        self._position: Position | None = None
        self._saved_rows: int | None = None
        self._must_save = False
        self.damage: str | None = None

    def refresh(self, sqlite: sqlite3.Connection) -> VectorIndex | None:
        """Return an index that holds exactly what the snapshot holds; None for an empty store."""
        try:
            return self._refresh(sqlite)
        except BaseException:
            self.drop()  # half caught up it would be in step with nothing
            raise

    def _refresh(self, sqlite: sqlite3.Connection) -> VectorIndex | None:
        position = self._store.position(sqlite)
        generation = current_generation(sqlite)
        if generation is None:
            return None
        if self._position is None or self._position.generation != position.generation:
            self._open(sqlite, generation, position)
        if self._index is None:
            self._rebuild(sqlite, generation)
        elif self._position is not None and self._position.revision != position.revision:
            self._catch_up(sqlite, generation, self._position)
        self._position = position
        return self._index

    def _open(self, sqlite: sqlite3.Connection, generation: Generation, now: Position) -> None:
        """Map the saved index, if it is one of this store's past; else leave it None."""
        self._index, self._saved_rows = None, None
        if not self._path.exists():
            if now.last_sighting:
                log.warning("the index is not there; rebuilding it from the stored vectors")
            return
        try:
            index = open_index(self._path, kind=_KIND)
            position = Position(**{name: int(value) for name, value in index.stamp.items()})
        except (IndexFileError, TypeError, ValueError) as error:
            self._distrust(str(error))
            return
        if not self._belongs(sqlite, index, position, generation, now):
            self._distrust("the index is of another state of the store")
            return
        self._index, self._position, self._saved_rows = index, position, len(index)

    def _distrust(self, reason: str) -> None:
        self.damage = reason
        log.warning("%s; rebuilding it from the stored vectors", reason)

    def _belongs(
        self,
        sqlite: sqlite3.Connection,
        index: VectorIndex,
        position: Position,
        generation: Generation,
        now: Position,
    ) -> bool:
        """Whether the index is of an earlier moment of this very store.

        The numbers alone don't tell a store that was put back from a backup and written to since;
        some rows, compared with the database, do.
        """
        if position.generation != generation.id or position.revision > now.revision:
            return False
        if index.dim != generation.dim or position.last_removal > now.last_removal:
            return False
        ids = index.ids()
        spread = (
            {int(ids[share * (len(ids) - 1) // 3]) for share in range(4)} if len(ids) else set()
        )
        gone = set(self._store.removed_since(sqlite, position.last_removal))
        sample = np.array(sorted(spread - gone), dtype=np.int64)
        present = sqlite.execute(
            f"SELECT count(*) FROM vectors_{generation.id:d} WHERE sighting_id IN"  # noqa: S608
            f" ({', '.join(map(str, sample.tolist()))})"
        ).fetchone()[0]
        if present != len(sample):
            return False
        stored = vectors.read_vectors(sqlite, generation.id, generation.dim, sample.tolist())
        return np.array_equal(stored, index.vectors(sample))

    def _rebuild(self, sqlite: sqlite3.Connection, generation: Generation) -> None:
        index = new_index(generation.dim, kind=_KIND)
        self._add(index, vectors.read_blocks(sqlite, generation.id, generation.dim))
        self._index, self._saved_rows = index, None

    def _catch_up(
        self, sqlite: sqlite3.Connection, generation: Generation, since: Position
    ) -> None:
        assert self._index is not None  # noqa: S101 (refresh has checked)
        self._add(self._index, self._news(sqlite, generation, since))
        gone = self._store.removed_since(sqlite, since.last_removal)
        if gone:
            self._index.remove(np.array(gone, dtype=np.int64))
            self._must_save = True  # the saved file still holds what was removed for good

    def _news(
        self, sqlite: sqlite3.Connection, generation: Generation, since: Position
    ) -> Iterator[tuple[vectors.Ids, vectors.Vectors]]:
        return vectors.read_blocks(sqlite, generation.id, generation.dim, after=since.last_sighting)

    def _add(
        self, index: VectorIndex, blocks: Iterable[tuple[vectors.Ids, vectors.Vectors]]
    ) -> None:
        for ids, rows in blocks:
            try:
                index.add(ids, rows)
            except IndexValueError as error:
                raise StoreDamagedError(
                    f"{self._store.directory.root}: stored vectors are damaged ({error}); "
                    "reid-gallery verify lists them, then remove these sightings"
                ) from error

    def drop(self) -> None:
        """Forget the index in memory, so that the next `refresh` opens or rebuilds it."""
        self._index, self._position, self._saved_rows = None, None, None

    def save_if_stale(self) -> None:
        """Write the index if none is saved, or if that lacks much or holds what was removed."""
        if self._index is None:
            return
        rows = len(self._index)
        stale = self._saved_rows is None or rows - self._saved_rows > max(
            _STALE_ROWS, _STALE_SHARE * rows
        )
        if not (stale or self._must_save) or (self._saved_rows is not None and self._is_saved()):
            return
        try:
            self.save()
        except StoreError as error:
            self._do_without(error)

    def _is_saved(self) -> bool:
        """Whether another process has saved an index with all that this one has taken in."""
        now = self._position
        try:
            saved = Position(**{k: int(v) for k, v in read_stamp(self._path).items()})
        except (IndexFileError, TypeError, ValueError):
            return False
        return (
            now is not None
            and saved.generation == now.generation
            and saved.last_sighting >= now.last_sighting
            and saved.last_removal >= now.last_removal
        )

    def _do_without(self, error: StoreError) -> None:
        """Go on without a saved index, which costs time only; but none may hold what was removed.

        Raises:
            StoreError: one does, and can't be deleted.
        """
        log.warning("the index is not saved, the next start will be slower (%s)", error)
        if not self._must_save:
            return
        try:
            self._path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return  # no such file, so none that holds anything
        except OSError as failure:
            raise StoreError(
                f"{self._path}: still holds vectors that were removed ({failure.strerror}); "
                "delete this file"
            ) from failure

    def save(self) -> None:
        """Write the index of the store's present state, under a lock.

        The lock makes sure that no process puts back a file that holds a vector which another has
        just removed.

        Raises:
            StoreError: it can't be written.
        """
        wait_s = self._store.connection.wait_s
        try:
            self._lock.parent.mkdir(exist_ok=True)
            with file_lock(self._lock, wait_s=wait_s, doing="saving the index"):
                self._save()
        except (IndexFileError, OSError) as error:
            raise StoreError(f"the index can't be saved: {error}") from error

    def _save(self) -> None:
        with self._store.snapshot() as sqlite:
            index = self.refresh(sqlite)
        if index is None or self._position is None:
            return
        index.save(self._path, asdict(self._position))
        self._saved_rows, self._must_save = len(index), False

    def rebuild(self) -> None:
        """Make the index again from the stored vectors, whatever is saved, and save it."""
        with self._store.snapshot() as sqlite:
            generation = current_generation(sqlite)
            if generation is None:
                return
            self._rebuild(sqlite, generation)
            self._position = self._store.position(sqlite)
        self.save()

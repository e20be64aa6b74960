"""The index is derived: kept in step with the database, and made again when it can't be."""

import logging
import sqlite3
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..index import IndexFileError, IndexValueError, VectorIndex, new_index, open_index
from .errors import QueryError, StoreBusyError, StoreDamagedError, StoreError
from .filelock import file_lock
from .index_choice import (
    AUTOMATIC,
    Saved,
    check_choice,
    delete_others,
    index_files,
    index_path,
    newest_saved,
    next_stamp,
    suitable_kind,
)
from .index_past import is_of_its_past
from .store import vectors
from .store.counts import count_all_sightings
from .store.generations import Generation, current_generation
from .store.store import Position, Store

log = logging.getLogger("reid_gallery")

_STALE_SHARE = 0.05
"""A saved index that lacks more than this share is written anew; less is caught up at each open."""
_STALE_ROWS = 256
_STALE_AT_MOST = 10_000
"""Rows that every opening may have to catch up with: a tenth of a second."""

_REST = 10
"""After a save so many times as long goes by before the next in a row of enrolments."""

_REMEMBERED = 16
"""A filter's sightings can be millions: only what is asked again and again is worth keeping."""

Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class News:
    """Rows that were just enrolled.

    Attributes:
        generation: the id of the generation that they belong to.
        ids: int64[n] of the sightings, ascending.
        rows: float32[n, d], their vectors as they are stored.
    """

    generation: int
    ids: vectors.Ids
    rows: vectors.Vectors

    def are_all(self, generation: Generation, since: Position, now: Position) -> bool:
        """Whether nothing else was enrolled between two positions; ids are given without gaps."""
        return (
            bool(len(self.ids))
            and self.generation == generation.id == since.generation == now.generation
            and int(self.ids[0]) == since.last_sighting + 1
            and int(self.ids[-1]) == now.last_sighting
            and len(self.ids) == now.last_sighting - since.last_sighting
        )


class IndexKeeper:
    """The index of an open store.

    `refresh` brings it in step with a snapshot; `save` writes it for the next process to map. What
    it does not keep itself it reads from the snapshot, so it answers only while that is open.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = store.directory.index_folder
        self._lock = self._folder / "lock"
        self._choice = AUTOMATIC
        self._index: VectorIndex | None = None
        self._snapshot: tuple[sqlite3.Connection, Generation] | None = None
        self._position: Position | None = None
        self._saved_rows: int | None = None
        self._must_save = False
        self._rests_until = 0.0
        self._choosing = False
        self._remembered: dict[Hashable, Any] = {}
        self._last_change = 0
        self.damage: str | None = None

    def refresh(self, sqlite: sqlite3.Connection, news: News | None = None) -> VectorIndex | None:
        """Return an index that holds exactly what the snapshot holds; None for an empty store.

        Args:
            sqlite: the snapshot.
            news: what this process has just enrolled; it is taken as it is where it is all that
                the index lacks, and else read.
        """
        try:
            return self._refresh(sqlite, news)
        except BaseException:
            self.drop()  # half caught up it would be in step with nothing
            raise

    def _refresh(self, sqlite: sqlite3.Connection, news: News | None) -> VectorIndex | None:
        position = self._store.position(sqlite)
        generation = current_generation(sqlite)
        if generation is None:
            return None
        self._snapshot = sqlite, generation
        self._forget_what_was_corrected(sqlite, position)
        if self._position is None or self._position.generation != position.generation:
            self._open(sqlite, generation, position)
        if self._index is None or self._outgrown(self._index, position):
            self._rebuild(sqlite, generation)
        elif self._position is not None and self._position.revision != position.revision:
            since = self._position
            all_of_it = news is not None and news.are_all(generation, since, position)
            self._catch_up(sqlite, generation, since, news if all_of_it else None)
        self._position = position
        return self._index

    def remember(self, key: Hashable, work: Callable[[], Found]) -> Found:
        """Return what ``work`` makes, the same for each key as long as sightings are only added.

        What was enrolled since, up to `last_sighting`, it has to look for itself.
        """
        if key not in self._remembered:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = work()
        found: Found = self._remembered[key]
        return found

    @property
    def last_sighting(self) -> int:
        """The last one of the snapshot last refreshed to; 0 before the first."""
        return 0 if self._position is None else self._position.last_sighting

    def _forget_what_was_corrected(self, sqlite: sqlite3.Connection, now: Position) -> None:
        """Remember nothing if anything but an enrolment came since the last refresh."""
        before = self._position
        if before == now:
            return
        since = None if before is None else self._last_change
        self._last_change, corrections = self._store.changes_since(sqlite, since)
        if (
            before is None
            or corrections > 0
            or (before.generation, before.last_removal) != (now.generation, now.last_removal)
        ):
            self._remembered.clear()

    def _open(self, sqlite: sqlite3.Connection, generation: Generation, now: Position) -> None:
        """Map the saved index, if it is one of this store's past; else leave it None."""
        self._index, self._saved_rows = None, None
        try:
            found = self._open_newest()
        except IndexFileError as error:
            self._distrust(str(error))
            return
        if found is None:
            if now.last_sighting:
                log.warning("the index is not there; rebuilding it from the stored vectors")
            return
        saved, index = found
        if not is_of_its_past(self._store, sqlite, generation, index, saved.position):
            self._distrust("the index is of another state of the store")
            return
        self._index, self._position, self._saved_rows = index, saved.position, len(index)
        self._choice = saved.choice

    def _open_newest(self) -> tuple[Saved, VectorIndex] | None:
        """Map the newest file; what is said of it is read from what was opened, not before.

        Raises:
            IndexFileError: there are files, but none is whole.
        """
        self._delete_leftovers()
        while (newest := newest_saved(self._folder)) is not None:
            try:
                index = open_index(newest.path, rows=self._stored)
            except IndexFileError:
                if newest.path.exists():
                    raise
                continue  # whoever has just saved another kind deleted it
            return Saved.of(newest.path, index.stamp), index
        return None

    def _delete_leftovers(self) -> None:
        """Delete what a process left that was killed between saving a kind and deleting another."""
        if len(index_files(self._folder)) < 2:
            return
        # Where somebody is saving, the second file is theirs, and they delete the first.
        with (
            suppress(OSError, IndexFileError, StoreBusyError),
            file_lock(self._lock, wait_s=0, doing="saving the index"),
        ):
            newest = newest_saved(self._folder)
            if newest is not None:
                delete_others(self._folder, newest.path)

    def _stored(self, ids: vectors.Ids) -> vectors.Vectors:
        """The rows of an index that doesn't keep them."""
        assert self._snapshot is not None  # noqa: S101 (there is no index before the first)
        sqlite, generation = self._snapshot
        return vectors.read_vectors(sqlite, generation.id, generation.dim, ids.tolist())

    def _distrust(self, reason: str) -> None:
        self.damage = reason
        log.warning("%s; rebuilding it from the stored vectors", reason)

    def _outgrown(self, index: VectorIndex, now: Position) -> bool:
        """Whether so much is new that making the kind which then suits is no more work.

        Smaller steps wait for whoever saves: a reader has an answer to give.
        """
        if self._position is None:
            return False
        news = now.last_sighting - self._position.last_sighting
        return news > len(index) and index.kind != suitable_kind(self._choice, news)

    def _rebuild(self, sqlite: sqlite3.Connection, generation: Generation) -> None:
        now = None if self._index is None else self._index.kind
        kind = suitable_kind(self._choice, count_all_sightings(sqlite), now=now)
        index = new_index(generation.dim, kind, rows=self._stored)
        self._add(index, vectors.read_blocks(sqlite, generation.id, generation.dim))
        self._index, self._saved_rows = index, None

    def _catch_up(
        self,
        sqlite: sqlite3.Connection,
        generation: Generation,
        since: Position,
        news: News | None,
    ) -> None:
        assert self._index is not None  # noqa: S101 (refresh has checked)
        self._add(
            self._index,
            self._news(sqlite, generation, since) if news is None else [(news.ids, news.rows)],
        )
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
        self._remembered.clear()

    def save_now_and_then(self) -> None:
        """As `save_if_stale`, but no more than a tenth of the time goes into saving.

        For one who enrolls again and again and closes in the end: else a gallery that grows by
        millions is written anew for every few thousand. What is removed is saved at once.
        """
        if self._must_save or self._saved_rows is None or time.monotonic() >= self._rests_until:
            self.save_if_stale()

    def save_if_stale(self) -> None:
        """Write the index if none is saved, or if that lacks much or holds what was removed.

        Where the store is read-only, that is up to whoever changes it.
        """
        if self._index is None or self._store.connection.read_only:
            return
        rows = len(self._index)
        tolerated = min(max(_STALE_ROWS, _STALE_SHARE * rows), _STALE_AT_MOST)
        stale = self._saved_rows is None or rows - self._saved_rows > tolerated
        if not (stale or self._must_save) or (self._saved_rows is not None and self._is_saved()):
            return
        try:
            self.save()
        except StoreError as error:
            self.do_without(error)

    def forget_removed(self) -> None:
        """See that the saved file holds nothing that was removed for good.

        It does where a process was killed between a removal and saving the index. Before the
        store is closed is the last moment to look.
        """
        if self._store.connection.read_only:
            return
        try:
            with self._store.snapshot() as sqlite:
                if self._saved_holds_removed(self._store.position(sqlite)):
                    self._must_save = True
                    self.refresh(sqlite)
        except StoreDamagedError as error:
            self.do_without(error)
            return
        except StoreError:
            return  # the store isn't there any more, or can't be read
        if self._must_save:
            self.save_if_stale()

    def _saved_holds_removed(self, now: Position) -> bool:
        try:
            saved = newest_saved(self._folder)
        except IndexFileError:
            return False  # whoever opens it makes it anew
        return saved is not None and (
            saved.position.generation != now.generation
            or saved.position.last_removal < now.last_removal
        )

    def _is_saved(self) -> bool:
        """Whether another process has saved an index with all that this one has taken in."""
        now = self._position
        try:
            saved = newest_saved(self._folder)
        except IndexFileError:
            return False
        return (
            now is not None
            and saved is not None
            and saved.position.generation == now.generation
            and saved.position.last_sighting >= now.last_sighting
            and saved.position.last_removal >= now.last_removal
        )

    def do_without(self, error: StoreError, *, removed: bool = False) -> None:
        """Go on without a saved index, which costs time only; but none may hold what was removed.

        Args:
            error: why none can be saved.
            removed: whether something was just removed.

        Raises:
            StoreError: one does, and can't be deleted.
        """
        log.warning("the index is not saved, the next start will be slower (%s)", error)
        if not (self._must_save or removed):
            return
        for path in index_files(self._folder):
            try:
                path.unlink(missing_ok=True)
            except (NotADirectoryError, IsADirectoryError):
                continue  # no such file, so none that holds anything
            except OSError as failure:
                raise StoreError(
                    f"{path}: still holds vectors that were removed ({failure.strerror}); "
                    "delete this file"
                ) from failure

    def save(self) -> None:
        """Write the index of the store's present state, under a lock.

        The lock makes sure that no process puts back a file that holds a vector which another has
        just removed; should the other not have waited for it, the file is written once more.

        Raises:
            StoreError: it can't be written.
        """
        wait_s = self._store.connection.wait_s
        try:
            self._lock.parent.mkdir(exist_ok=True)
            with file_lock(self._lock, wait_s=wait_s, doing="saving the index"):
                began = time.monotonic()
                self._save()
                while self._is_behind_removals():
                    self._save()
                now = time.monotonic()
                self._rests_until = now + _REST * (now - began)
        except (IndexFileError, OSError) as error:
            raise StoreError(f"the index can't be saved: {error}") from error

    def _save(self) -> None:
        with self._store.snapshot() as sqlite:
            index = self.refresh(sqlite)
            if index is None or self._snapshot is None:
                return
            self._heed_others_choice()
            if index.kind != suitable_kind(self._choice, len(index), now=index.kind):
                self._rebuild(*self._snapshot)
        if self._index is None or self._position is None:
            return
        path = index_path(self._folder, self._index.kind)
        self._index.save(path, next_stamp(self._folder, self._position, self._choice))
        delete_others(self._folder, path)
        # From now on the file holds the rows, in one piece, and memory need not.
        self._index = open_index(path, rows=self._stored)
        self._saved_rows, self._must_save = len(self._index), False

    def _is_behind_removals(self) -> bool:
        """Whether something was removed while the index was being saved."""
        with self._store.snapshot() as sqlite:
            now = self._store.position(sqlite)
        return self._position is not None and self._position.last_removal < now.last_removal

    def _heed_others_choice(self) -> None:
        """Another process may have been asked for another kind since this one opened the store."""
        if self._choosing:
            return
        with suppress(IndexFileError):
            saved = newest_saved(self._folder)
            if saved is not None:
                self._choice = saved.choice

    def rebuild(self, choice: str | None = None) -> None:
        """Make the index again from the stored vectors, whatever is saved, and save it.

        Args:
            choice: a kind of index, or `AUTOMATIC`; None is as before.

        Raises:
            QueryError: there is no such kind, or nothing to index yet.
        """
        self._choosing = choice is not None
        try:
            self._heed_others_choice()
            if choice is not None:
                self._choice = check_choice(choice)
            with self._store.snapshot() as sqlite:
                generation = current_generation(sqlite)
                if generation is None:
                    if choice is not None:
                        raise QueryError(
                            f"{self._store.directory.root}: nothing is enrolled yet, so there is "
                            "no index to choose; enroll first"
                        )
                    return
                self._snapshot = sqlite, generation
                self._remembered.clear()  # it is of the position before
                self._rebuild(sqlite, generation)
                self._position = self._store.position(sqlite)
            self.save()
        finally:
            self._choosing = False

"""The store: every write is one transaction, and every read one snapshot."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import numpy as np

from ..counted import counted
from ..errors import ConflictError, IrreversibleError, ModelMismatchError
from ..types import Change, Removal, Sighting
from . import changes, generations, identities, sightings, vectors
from .connection import Connection
from .directory import StoreDirectory
from .generations import Generation, ModelPin
from .labels import Labels, check_pid
from .migrations import migrate
from .sightings import Ids, NewSighting
from .vectors import Vectors


@dataclass(frozen=True, slots=True)
class Position:
    """How far a store has come: what an index must have taken in to be in step with it."""

    generation: int
    revision: int
    last_sighting: int
    last_removal: int


@dataclass(frozen=True, slots=True)
class EnrollOutcome:
    """What one batch came to.

    Attributes:
        ids: int64[m], the new sightings' ids in the order given, those in ``known`` left out.
        change_seq: the change that they belong to.
        known: contents that were enrolled already: their sighting id and pid.
    """

    ids: Ids
    change_seq: int | None
    known: dict[str, tuple[int, str]]


class Store:
    """One open store; for one thread.

    What changes it raises `StoreBusyError` where another process was writing for too long, and
    `StoreError` where the store is read-only; further errors are told by each method.

    Args:
        root: the store's directory.
        create: make it when it isn't there.
        wait_s: how long a write waits for another process's write.

    Raises:
        StoreError: there is no store and none may or can be made, or it can't be opened.
    """

    def __init__(self, root: Path, *, create: bool, wait_s: float = 30.0) -> None:
        self.directory = StoreDirectory(root.absolute())  # the current folder may change
        if create:
            self.directory.create()
        else:
            self.directory.require()
        self.connection = Connection(self.directory.database, wait_s=wait_s)
        migrate(self.connection)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """One consistent state for several reads."""
        with self.connection.reading() as sqlite:
            yield sqlite

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One write: it counts as a revision."""
        with self.connection.writing() as sqlite:
            yield sqlite
            sqlite.execute("UPDATE state SET revision = revision + 1")

    # -- enrolling -----------------------------------------------------------------------------

    def pin(self, pin: ModelPin) -> Generation:
        """Return the current generation, made for ``pin`` when the store is empty.

        Raises:
            ModelMismatchError: the store's vectors were made by another model.
        """
        self.connection.require_writable()
        with self.snapshot() as sqlite:
            generation = generations.current_generation(sqlite)
        if generation is None:
            with self._change() as sqlite:
                generation = generations.current_generation(sqlite)
                if generation is None:
                    generation = generations.add_generation(sqlite, pin, current=True)
        self.check_pin(generation, pin)
        if generation.lacks(pin):
            with self._change() as sqlite:
                generation = generations.complete_generation(sqlite, generation, pin)
        return generation

    def check_pin(self, generation: Generation, pin: ModelPin) -> None:
        """Compare a store's generation with the model in hand.

        Raises:
            ModelMismatchError: they differ.
        """
        if generation.model != pin.model:
            raise ModelMismatchError(
                f"{self.directory.root}: its vectors were made by {_named(generation)}, not by "
                f"{_named(pin)}; give that model, or move the store over with "
                "reid-gallery rebuild --model NEW.onnx"
            )
        if generation.dim != pin.dim:
            raise ModelMismatchError(
                f"{self.directory.root}: its vectors have {generation.dim} dimensions, "
                f"these have {pin.dim}"
            )

    def enroll(
        self,
        new: Sequence[NewSighting] | Labels,
        embeddings: Vectors,
        *,
        generation: Generation,
        change_seq: int | None = None,
        enrolled_before: int = 0,
    ) -> EnrollOutcome:
        """Add sightings with their vectors in one transaction.

        Args:
            new: n sightings, no two with the same content.
            embeddings: float32[n, d] unit rows.
            generation: that the embeddings belong to.
            change_seq: the change that this batch goes on with; None begins one.
            enrolled_before: how many sightings that change has enrolled so far.

        Raises:
            ModelMismatchError: a rebuild has switched the store to another model meanwhile.
        """
        labels = new if isinstance(new, Labels) else sightings.labels_of(new)
        with self._change() as sqlite:
            self._check_still_current(sqlite, generation)
            # Asked again inside the transaction: another process may have been faster.
            known = sightings.find_contents(sqlite, filter(None, labels.contents or ()))
            already = labels.known_among(known)
            if already:
                labels, embeddings = labels.without(already), np.delete(embeddings, already, axis=0)
            if not len(labels):
                return EnrollOutcome(np.empty(0, np.int64), change_seq, known)
            if change_seq is not None and changes.find_change(sqlite, change_seq).undone_by:
                change_seq, enrolled_before = None, 0  # what was undone is not gone on with
            summary = f"enrolled {counted(enrolled_before + len(labels), 'sighting')}"
            if change_seq is None:
                change_seq = changes.record_change(sqlite, "enroll", summary)
            else:
                changes.set_summary(sqlite, change_seq, summary)
            people = identities.ensure_identities(sqlite, labels.pids)
            ids = sightings.insert_sightings(sqlite, labels, people, change_seq)
            vectors.insert_vectors(sqlite, generation.id, ids, embeddings)
        return EnrollOutcome(ids, change_seq, known)

    def note_places(self, found: Sequence[tuple[int, str | None, str]]) -> list[bool]:
        """Say where sightings' pictures lie by now; return which places were noted.

        Args:
            found: a sighting's id, the path it had, and its new path; nothing is done where
                another process has noted a path meanwhile.
        """
        with self._change() as sqlite:
            return [sightings.set_path(sqlite, row, old, new) for row, old, new in found]

    def _check_still_current(
        self, sqlite: sqlite3.Connection, generation: Generation
    ) -> Generation:
        current = generations.current_generation(sqlite)
        if current is None or current.id != generation.id:
            raise ModelMismatchError(
                f"{self.directory.root}: the store was moved to another model meanwhile "
                f"({_named(current) if current else 'none'}); open it again"
            )
        return current

    # -- correcting ----------------------------------------------------------------------------

    def remove(self, *, pid: str | None = None, ids: Sequence[int] = ()) -> Removal:
        """Delete a person, or sightings, for good: rows, vectors, log and free pages.

        Args:
            pid: the person; or
            ids: the sightings.

        Raises:
            NotFoundError: there is no such person or sighting, or no sighting is named.
        """
        with self._change() as sqlite:
            if pid is not None:
                gone = sightings.sightings_of(sqlite, identities.require_identity(sqlite, pid))
            else:
                gone = sightings.require_sightings(sqlite, ids)
            removal = self._delete(sqlite, gone)
            changes.record_change(sqlite, "remove", _removal_summary(removal))
        self.connection.forget_deleted()
        return removal

    def _undo_enrolment(self, seq: int) -> Change:
        with self._change() as sqlite:  # asked again: another process may have been faster
            changes.check_undoable(changes.find_change(sqlite, seq))
            gone = sightings.require_sightings(sqlite, changes.enrolled_by(sqlite, seq))
            summary = f"{_removal_summary(self._delete(sqlite, gone))}, undoing change {seq}"
            removal = changes.record_change(sqlite, "remove", summary)
            sqlite.execute("UPDATE changes SET undone_by = ? WHERE seq = ?", (removal, seq))
            change = changes.last_change(sqlite)
        self.connection.forget_deleted()
        return change

    def _delete(self, sqlite: sqlite3.Connection, gone: Sequence[Sighting]) -> Removal:
        ids = [sighting.id for sighting in gone]
        owners = set(sightings.identities_of(sqlite, ids).values())
        for find in (generations.current_generation, generations.building_generation):
            if generation := find(sqlite):
                vectors.delete_vectors(sqlite, generation.id, ids)
        sightings.delete_sightings(sqlite, ids)
        forgotten, pids = identities.forget_identities(sqlite, sorted(owners))
        changes.forget_people(sqlite, forgotten)
        return Removal(tuple(gone), tuple(pids))

    def rename(self, old: str, new: str) -> Change:
        """Call a person otherwise.

        Raises:
            NotFoundError: there is no ``old``.
            ConflictError: ``new`` is someone already.
            LabelError: nobody can be called ``new``.
        """
        check_pid(new)
        with self._change() as sqlite:
            identity = identities.require_identity(sqlite, old)
            if new == old:
                raise ConflictError(f"{old!r} is called so already")
            other = identities.find_identity(sqlite, new)
            if other is not None and identities.count_sightings(sqlite, other):
                raise ConflictError(
                    f"{new!r} is someone already; if they are one person, "
                    f"reid-gallery merge {quote(new)} {quote(old)}"
                )
            identities.rename_identity(sqlite, identity, new)
            summary = f"renamed {old} to {new}"
            changes.record_change(sqlite, "rename", summary, people=[identity], renamed=[old, new])
            return changes.last_change(sqlite)

    def merge(self, into: str, other: str) -> Change:
        """Give all sightings of ``other`` to ``into``.

        Raises:
            NotFoundError: there is no such person.
            ConflictError: they are one already.
        """
        with self._change() as sqlite:
            target = identities.require_identity(sqlite, into)
            source = identities.require_identity(sqlite, other)
            if source == target:
                raise ConflictError(f"{into!r} can't be merged with itself")
            moving = [sighting.id for sighting in sightings.sightings_of(sqlite, source)]
            summary = f"merged {other} ({counted(len(moving), 'sighting')}) into {into}"
            seq = changes.record_change(sqlite, "merge", summary, people=[target, source])
            sightings.move_sightings(sqlite, moving, target, seq)
            return changes.last_change(sqlite)

    def split(self, ids: Sequence[int], pid: str) -> Change:
        """Give chosen sightings to ``pid``, a new person or another.

        Raises:
            NotFoundError: there is no such sighting, or none is named.
            ConflictError: all are that person's already.
            LabelError: nobody can be called ``pid``.
        """
        check_pid(pid)
        with self._change() as sqlite:
            chosen = sightings.require_sightings(sqlite, ids)
            moving = [sighting.id for sighting in chosen if sighting.pid != pid]
            if not moving:
                raise ConflictError(f"{pid!r} has these sightings already")
            target = identities.ensure_identities(sqlite, [pid])[pid]
            origins = ", ".join(sorted({s.pid for s in chosen if s.pid != pid}))
            summary = f"gave {counted(len(moving), 'sighting')} of {origins} to {pid}"
            people = {target, *sightings.identities_of(sqlite, moving).values()}
            seq = changes.record_change(sqlite, "split", summary, people=sorted(people))
            sightings.move_sightings(sqlite, moving, target, seq)
            return changes.last_change(sqlite)

    def undo(self, seq: int | None, *, allow_removal: bool) -> Change:
        """Undo a change, by default the last one.

        Raises:
            IrreversibleError: it was a removal; or it was an enrolment, whose undoing is a removal
                for good, and ``allow_removal`` is False.
            NotFoundError: there is no such change.
            ConflictError: it was undone before, or later changes stand on it.
        """
        with self.snapshot() as sqlite:
            change = changes.find_change(sqlite, seq)
            changes.check_undoable(change)
            enrolled = changes.enrolled_by(sqlite, change.seq) if change.kind == "enroll" else []
        if change.kind == "enroll":
            if not allow_removal:
                raise IrreversibleError(
                    f"undoing change {change.seq} deletes its {counted(len(enrolled), 'sighting')} "
                    "for good; confirm with --yes, in Python with allow_removal=True",
                    change=change.seq,
                )
            return self._undo_enrolment(change.seq)
        with self._change() as sqlite:
            change = changes.find_change(sqlite, change.seq)
            changes.check_undoable(change)
            return changes.undo_correction(sqlite, change)

    # -- moving to another model ---------------------------------------------------------------

    def begin_generation(self, pin: ModelPin) -> Generation:
        """Return the generation that a rebuild fills: the one it left unfinished, or a new one."""
        with self._change() as sqlite:
            building = generations.building_generation(sqlite)
            if building is not None and building.model == pin.model:
                return generations.complete_generation(sqlite, building, pin)
            if building is not None:
                generations.drop_generation(sqlite, building)
            return generations.add_generation(sqlite, pin, current=False)

    def fill_generation(self, generation: Generation, ids: Ids, embeddings: Vectors) -> None:
        """Add vectors to an unfinished generation, of those sightings that are still there."""
        with self._change() as sqlite:
            present = sightings.identities_of(sqlite, ids.tolist())
            rows = [row for row, number in enumerate(ids.tolist()) if number in present]
            vectors.insert_vectors(sqlite, generation.id, ids[rows], embeddings[rows])

    def try_switch(self, new: Generation) -> bool:
        """Let ``new`` answer from now on, if it has a vector of every sighting."""
        with self._change() as sqlite:
            if len(vectors.missing_vectors(sqlite, new.id)):
                return False
            old = generations.current_generation(sqlite)
            generations.switch_generation(sqlite, old, new)
            changes.record_change(sqlite, "rebuild", f"moved to the model {_named(new)}")
        self.connection.forget_deleted()
        return True

    # -- deciding ------------------------------------------------------------------------------

    def set_calibration(self, generation: Generation, calibration: str, *, people: int) -> None:
        """Keep a calibration, JSON, beside the vectors that it holds for; they don't change.

        Args:
            generation: the current one.
            calibration: what `calibration_tree` says.
            people: how many it was measured on.

        Raises:
            ModelMismatchError: a rebuild has switched the store to another model meanwhile.
        """
        with self._change() as sqlite:
            before = self._check_still_current(sqlite, generation).calibration
            generations.set_calibration(sqlite, generation, calibration)
            changes.record_change(
                sqlite,
                "calibrate",
                f"calibrated on {counted(people, 'person')}",
                calibrated={"generation": generation.id, "before": before, "after": calibration},
            )

    # -- reading -------------------------------------------------------------------------------

    def position(self, sqlite: sqlite3.Connection) -> Position:
        """How far the store has come, in the snapshot ``sqlite``."""
        row = sqlite.execute(
            "SELECT coalesce((SELECT id FROM generations WHERE current = 1), 0), revision,"
            " coalesce((SELECT max(id) FROM sightings), 0),"
            " coalesce((SELECT max(id) FROM removals), 0) FROM state"
        ).fetchone()
        return Position(*row)

    def removed_since(self, sqlite: sqlite3.Connection, last_removal: int) -> list[int]:
        """Ids of the sightings removed after removal number ``last_removal``."""
        rows = sqlite.execute("SELECT sighting_id FROM removals WHERE id > ?", (last_removal,))
        return [number for (number,) in rows]

    def changes_since(self, sqlite: sqlite3.Connection, seq: int | None) -> tuple[int, int]:
        """Number of the last change, and how many after change ``seq`` are no enrolments.

        Without a ``seq`` none are counted.
        """
        return changes.count_since(sqlite, seq)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _named(model: ModelPin) -> str:
    if model.external:
        return f"an extractor elsewhere ({model.dim} dimensions)"
    return f"{model.model_name} (sha256 {model.model[:12]}...)"


def _removal_summary(removal: Removal) -> str:
    people = f" and {counted(len(removal.identities), 'person')}" if removal.identities else ""
    return f"removed {counted(len(removal.sightings), 'sighting')}{people} for good"

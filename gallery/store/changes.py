"""The history of a store: every change, in words, and how to undo it.

A change that moved sightings recorded each move; a rename its two names, a calibration the one
before. Undoing is itself a change, with moves of its own, and can be undone in turn. A removal
keeps no trace to go back to, and takes the names of whom it removed out of the earlier entries.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..counted import counted
from ..errors import ConflictError, IrreversibleError, NotFoundError
from ..times import from_microseconds, now_microseconds
from ..types import Change
from . import generations, identities, sightings

_MOST = 2**63 - 1
"""SQLite's largest integer."""

REVERSIBLE = ("rename", "merge", "split", "calibrate", "undo")


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change as it is stored."""

    seq: int
    kind: str
    detail: dict[str, Any]
    undone_by: int | None


def record_change(
    sqlite: sqlite3.Connection,
    kind: str,
    summary: str,
    *,
    people: Iterable[int] = (),
    **detail: Any,
) -> int:
    """Add an entry to the history; return its number.

    Args:
        sqlite: in a transaction.
        kind: see `Change`.
        summary: in words.
        people: the identities that the words name.
        detail: what undoing it needs.
    """
    tree = {"summary": summary, "people": list(people), **detail}
    cursor = sqlite.execute(
        "INSERT INTO changes (kind, time_us, detail) VALUES (?, ?, ?)",
        (kind, now_microseconds(), json.dumps(tree)),
    )
    return int(cursor.lastrowid or 0)


def set_summary(sqlite: sqlite3.Connection, seq: int, summary: str) -> None:
    """Replace a change's words, as an enrolment grows batch by batch."""
    sqlite.execute(
        "UPDATE changes SET detail = json_set(detail, '$.summary', ?) WHERE seq = ?", (summary, seq)
    )


def count_since(sqlite: sqlite3.Connection, seq: int | None) -> tuple[int, int]:
    """Return the last change's number, and how many after ``seq``, if given, are no enrolments."""
    if seq is None:
        return int(sqlite.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()[0]), 0
    last, corrections = sqlite.execute(
        "SELECT coalesce(max(seq), ?1), coalesce(sum(kind <> 'enroll'), 0) FROM changes"
        " WHERE seq > ?1",
        (seq,),
    ).fetchone()
    return int(last), int(corrections)


def list_changes(sqlite: sqlite3.Connection, *, limit: int) -> list[Change]:
    """Return the newest changes first."""
    rows = sqlite.execute(
        "SELECT seq, kind, time_us, json_extract(detail, '$.summary'), undone_by FROM changes"
        " ORDER BY seq DESC LIMIT ?",
        (min(limit, _MOST),),
    )
    return [
        Change(seq, kind, from_microseconds(time_us), summary, undone_by)
        for seq, kind, time_us, summary, undone_by in rows
    ]


def last_change(sqlite: sqlite3.Connection) -> Change:
    """Return the newest change: in a transaction that made one, that one."""
    return list_changes(sqlite, limit=1)[0]


def find_change(sqlite: sqlite3.Connection, seq: int | None) -> ChangeRow:
    """Return the change numbered ``seq``, or the last one that is not undone and no undo itself.

    A calibration of a model that the store was moved away from isn't the last one either.

    Raises:
        NotFoundError: there is none.
    """
    if seq is not None and not 0 < seq <= _MOST:
        raise NotFoundError(f"no change number {seq}; reid-gallery history lists the changes")
    row = sqlite.execute(
        "SELECT seq, kind, detail, undone_by FROM changes WHERE seq = ?1 OR"
        " (?1 IS NULL AND undone_by IS NULL AND kind NOT IN ('undo', 'rebuild') AND"
        "  coalesce(json_extract(detail, '$.calibrated.generation') IN"
        "   (SELECT id FROM generations WHERE current = 1), 1))"
        " ORDER BY seq DESC LIMIT 1",
        (seq,),
    ).fetchone()
    if row is None:
        which = "nothing to undo" if seq is None else f"no change number {seq}"
        raise NotFoundError(f"{which}; reid-gallery history lists the changes")
    return ChangeRow(row[0], row[1], json.loads(row[2]), row[3])


def check_undoable(change: ChangeRow) -> None:
    """Say why a change can't be undone, if so.

    Raises:
        ConflictError: it was undone before.
        IrreversibleError: it deleted or re-embedded.
    """
    if change.undone_by is not None:
        raise ConflictError(f"change {change.seq} was undone before, by change {change.undone_by}")
    if change.kind not in (*REVERSIBLE, "enroll"):
        raise IrreversibleError(
            f"change {change.seq} ({change.kind}) can't be undone; an earlier one can, by its "
            "number, which reid-gallery history shows"
        )
    if change.detail.get("forgotten"):
        raise IrreversibleError(
            f"change {change.seq} ({change.kind}) can't be undone: it is of a person who was "
            "removed for good"
        )


def undo_correction(sqlite: sqlite3.Connection, change: ChangeRow) -> Change:
    """Undo a rename, merge, split, calibration or undo.

    Raises:
        ConflictError: later changes stand on it.
    """
    summary = f"undid change {change.seq}: {change.detail['summary']}"
    renamed = change.detail.get("renamed")
    calibrated = change.detail.get("calibrated")
    detail = {"renamed": renamed[::-1]} if renamed else {}
    if calibrated:
        detail["calibrated"] = calibrated | {
            "before": calibrated["after"],
            "after": calibrated["before"],
        }
    people = change.detail.get("people", [])
    undo = record_change(sqlite, "undo", summary, people=people, of=change.seq, **detail)
    if renamed:
        _rename_back(sqlite, change.seq, people[0], old=renamed[0], new=renamed[1])
    if calibrated:
        _calibrate_back(sqlite, change.seq, undo, **calibrated)
    _move_back(sqlite, change.seq, undo)
    _mark(sqlite, change, undone_by=undo)
    return last_change(sqlite)


def _mark(sqlite: sqlite3.Connection, change: ChangeRow, *, undone_by: int | None) -> None:
    """Note what undid a change, or that it is in force; of an undo, what that was of is not."""
    sqlite.execute("UPDATE changes SET undone_by = ? WHERE seq = ?", (undone_by, change.seq))
    if change.kind == "undo":
        in_force = undone_by is None
        of = find_change(sqlite, change.detail["of"])
        _mark(sqlite, of, undone_by=change.seq if in_force else None)


def enrolled_by(sqlite: sqlite3.Connection, seq: int) -> list[int]:
    """Return the ids of the sightings that a change enrolled and that are still there.

    Raises:
        ConflictError: none is.
    """
    rows = sqlite.execute("SELECT id FROM sightings WHERE change_seq = ? ORDER BY id", (seq,))
    found = [number for (number,) in rows]
    if not found:
        raise ConflictError(f"change {seq} can't be undone: its sightings were all removed since")
    return found


def forget_people(sqlite: sqlite3.Connection, people: Iterable[int]) -> None:
    """Take the names of removed identities out of the history; those changes stay, without words.

    They can't be undone any more.
    """
    given = json.dumps(list(people))
    naming = sqlite.execute(
        "SELECT seq, kind FROM changes WHERE EXISTS (SELECT 1 FROM json_each(detail, '$.people')"
        " WHERE value IN (SELECT value FROM json_each(?)))",
        (given,),
    ).fetchall()
    for seq, kind in naming:
        detail = {"summary": f"{kind} of a person removed for good since", "forgotten": True}
        sqlite.execute("UPDATE changes SET detail = ? WHERE seq = ?", (json.dumps(detail), seq))


def _calibrate_back(
    sqlite: sqlite3.Connection,
    seq: int,
    undo: int,
    *,
    generation: int,
    before: str | None,
    after: str | None,
) -> None:
    current = generations.current_generation(sqlite)
    if current is None or current.id != generation:
        raise ConflictError(
            f"change {seq} can't be undone: the gallery has another model since; "
            "an earlier one can, by its number"
        )
    if current.calibration != after and (after or _was_calibrated_between(sqlite, seq, undo)):
        raise ConflictError(
            f"change {seq} can't be undone: the gallery was calibrated again; undo the later "
            "changes first"
        )
    generations.set_calibration(sqlite, current, before)


def _was_calibrated_between(sqlite: sqlite3.Connection, seq: int, undo: int) -> bool:
    """Whether a change made a calibration; one in the place of none may come with the model."""
    made = sqlite.execute(
        "SELECT 1 FROM changes WHERE seq > ? AND seq < ? AND"
        " json_extract(detail, '$.calibrated') NOT NULL",
        (seq, undo),
    )
    return made.fetchone() is not None


def _rename_back(
    sqlite: sqlite3.Connection, seq: int, identity: int, *, old: str, new: str
) -> None:
    named = identities.find_identity(sqlite, new)
    taken = identities.find_identity(sqlite, old)
    if named != identity or (taken is not None and identities.count_sightings(sqlite, taken)):
        other = new if named != identity else old
        gone = f"{new!r} is gone" if named is None else f"{other!r} is someone else by now"
        raise ConflictError(f"change {seq} can't be undone: {gone}; undo the later changes first")
    identities.rename_identity(sqlite, identity, old)


def _move_back(sqlite: sqlite3.Connection, seq: int, undo: int) -> None:
    moves = sqlite.execute(
        "SELECT sighting_id, from_identity, to_identity FROM moves WHERE seq = ?", (seq,)
    ).fetchall()
    now = sightings.identities_of(sqlite, (number for number, _, _ in moves))
    elsewhere = [number for number, _, to in moves if now[number] != to]
    if elsewhere:
        raise ConflictError(
            f"change {seq} can't be undone: of its {counted(len(moves), 'sighting')}, "
            f"{len(elsewhere):,} moved again since; undo the later changes first"
        )
    for origin in {origin for _, origin, _ in moves}:
        identities.reclaim_name(sqlite, origin)
        back = [number for number, source, _ in moves if source == origin]
        sightings.move_sightings(sqlite, back, origin, undo)

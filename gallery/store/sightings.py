"""The sightings table: one row an enrolled crop."""

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain, islice, repeat

import numpy as np
import numpy.typing as npt

from ..errors import LabelError, NotFoundError, StoreDamagedError
from ..times import from_microseconds, to_microseconds
from ..types import Sighting
from .labels import Labels, check_name, check_pid, check_text, check_time

Ids = npt.NDArray[np.int64]

_AS_TEXT = 1_000_000
"""Rows whose numbers become one text, of up to 20 MB; SQLite allows a thousand."""

_AT_ONCE = 100
"""Rows a statement inserts; eight values each, of the 999 that any SQLite takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSighting:
    """A sighting that is about to be enrolled; ``content`` is its picture's sha256, in hex.

    Raises:
        LabelError: a value can't be stored, or the pid is empty.
    """

    pid: str
    content: str | None = None
    path: str | None = None
    camera: str | None = None
    time: datetime | None = None
    tracklet: str | None = None

    def __post_init__(self) -> None:
        check_pid(self.pid)
        check_text("path", self.path)
        for name in ("camera", "tracklet"):
            check_name(name, getattr(self, name))
        if self.content is not None and not re.fullmatch("[0-9a-f]{64}", self.content):
            raise LabelError(f"content must be a sha256 in hex, not {self.content!r}")
        if self.time is not None:
            check_time(self.time)


def new_sightings(labels: Labels) -> list[NewSighting]:
    """Labels without contents and paths, row by row; `labels_of` is the way back."""
    none = [None] * len(labels)
    columns = (labels.cameras or none, labels.times or none, labels.tracklets or none)
    return [
        NewSighting(pid=pid, camera=camera, time=time, tracklet=tracklet)
        for pid, camera, time, tracklet in zip(labels.pids, *columns, strict=True)
    ]


def labels_of(sightings: Sequence[NewSighting]) -> Labels:
    """The same, column by column."""
    contents = [new.content for new in sightings]
    return Labels(
        pids=[new.pid for new in sightings],
        contents=contents if any(contents) else None,
        paths=[new.path for new in sightings],
        cameras=[new.camera for new in sightings],
        times=[new.time for new in sightings],
        tracklets=[new.tracklet for new in sightings],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which sightings a query may match; what is empty or None doesn't restrict.

    A sighting without a camera is not of any ``cameras``, and of none of ``not_cameras``; one
    without a time is in no time range.
    """

    cameras: tuple[str, ...] = ()
    not_cameras: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    @property
    def restricts(self) -> bool:
        """Whether any sighting could be left out."""
        return bool(self.cameras or self.not_cameras or self.since or self.until)


def insert_sightings(
    sqlite: sqlite3.Connection, labels: Labels, identities: dict[str, int], change_seq: int
) -> Ids:
    """Add rows; return their ids, int64[n], ascending and never used before."""
    row = sqlite.execute("SELECT seq FROM sqlite_sequence WHERE name = 'sightings'").fetchone()
    first = (int(row[0]) if row else 0) + 1
    ids = np.arange(first, first + len(labels), dtype=np.int64)
    owners = map(identities.__getitem__, labels.pids)
    rows = zip(ids.tolist(), owners, repeat(change_seq), *labels.stored_columns(), strict=False)
    while some := list(islice(rows, _AT_ONCE)):
        sqlite.execute(_insertion(len(some)), list(chain.from_iterable(some)))
    return ids


@cache
def _insertion(rows: int) -> str:
    """A statement that inserts so many sightings: it keeps the last number once, not for each."""
    places = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * rows)
    return (
        "INSERT INTO sightings (id, identity_id, change_seq, content, path, camera, time_us,"  # noqa: S608 (question marks)
        f" tracklet) VALUES {places}"
    )


def load_sightings(sqlite: sqlite3.Connection, ids: Iterable[int]) -> dict[int, Sighting]:
    """Return the sightings with these ids; ids that aren't there are left out."""
    return _load(sqlite, "sightings.id IN (SELECT value FROM json_each(?))", _json_ids(ids))


def sightings_with_vectors(sqlite: sqlite3.Connection, ids: Sequence[int]) -> list[Sighting]:
    """Return the sightings of vectors with these ids, one each.

    Raises:
        StoreDamagedError: a vector has none.
    """
    found = load_sightings(sqlite, ids)
    for number in ids:
        if number not in found:
            raise StoreDamagedError(
                f"vector {number} belongs to no sighting; run reid-gallery verify to see what is "
                "damaged"
            )
    return [found[number] for number in ids]


def sightings_of(sqlite: sqlite3.Connection, identity: int) -> list[Sighting]:
    """Return an identity's sightings in enrolment order."""
    return list(_load(sqlite, "identity_id = ?", identity).values())


def require_sightings(sqlite: sqlite3.Connection, ids: Iterable[int]) -> list[Sighting]:
    """Return the sightings with these ids, in id order.

    Raises:
        NotFoundError: one of them isn't there, or none is named.
    """
    wanted = sorted(set(ids))
    if not wanted:
        raise NotFoundError("no sighting was named; reid-gallery show PID lists a person's")
    found = load_sightings(sqlite, wanted)
    missing = [number for number in wanted if number not in found]
    if missing:
        raise NotFoundError(
            f"no sighting {', '.join(map(str, missing[:5]))} in the gallery; "
            "reid-gallery show PID lists a person's sightings"
        )
    return [found[number] for number in wanted]


def find_contents(
    sqlite: sqlite3.Connection, contents: Iterable[str]
) -> dict[str, tuple[int, str]]:
    """Of pictures' sha256 in hex, return those that are enrolled: their sighting id and pid."""
    found = {}
    for content in contents:
        row = sqlite.execute(
            "SELECT sightings.id, pid FROM sightings"
            " JOIN identities ON identities.id = identity_id WHERE content = ?",
            (bytes.fromhex(content),),
        ).fetchone()
        if row:
            found[content] = (int(row[0]), str(row[1]))
    return found


def set_path(sqlite: sqlite3.Connection, sighting: int, old: str | None, new: str) -> bool:
    """Say where a sighting's picture lies by now; return whether its path was ``old`` still."""
    changed = sqlite.execute(
        "UPDATE sightings SET path = ? WHERE id = ? AND path IS ?", (new, sighting, old)
    )
    return changed.rowcount > 0


def identities_of(sqlite: sqlite3.Connection, ids: Iterable[int]) -> dict[int, int]:
    """Return the identity row of each sighting id; ids that are gone are left out."""
    rows = sqlite.execute(
        "SELECT id, identity_id FROM sightings WHERE id IN (SELECT value FROM json_each(?))",
        (_json_ids(ids),),
    )
    return dict(rows)


def passing_between(
    sqlite: sqlite3.Connection, chosen: Filter, *, after: int, last: int
) -> tuple[Ids, Ids]:
    """Look among the sightings above ``after`` and up to ``last`` for those that pass a filter.

    SQLite gives their numbers as text, a million rows at a time: to fetch them row by row takes
    twice as long, and then to walk the rows of each identity as long again.

    Returns:
        int64[m], their ids, ascending; int64[m], whose they are.
    """
    where, values = _clause(chosen)
    parts = [np.empty((2, 0), np.int64)]
    for above in range(after, last, _AS_TEXT):
        texts = sqlite.execute(
            "SELECT group_concat(id), group_concat(identity_id) FROM sightings"  # noqa: S608
            f" WHERE id > ? AND id <= ? AND {where}",
            [above, min(above + _AS_TEXT, last), *values],
        ).fetchone()
        if texts[0] is not None:
            parts.append(np.stack([np.fromstring(text, np.int64, sep=",") for text in texts]))
    ids, owners = np.concatenate(parts, axis=1)
    order = np.argsort(ids, kind="stable")  # which SQL doesn't promise
    return ids[order], owners[order]


def has_camera(sqlite: sqlite3.Connection, camera: str) -> bool:
    """Whether a filter by ``camera`` finds a sighting; it ends at the first."""
    where, values = _clause(Filter(cameras=(camera,)))
    found = sqlite.execute(
        f"SELECT EXISTS (SELECT 1 FROM sightings WHERE {where})",  # noqa: S608
        values,
    ).fetchone()[0]
    return bool(found)


def list_cameras(sqlite: sqlite3.Connection) -> list[str]:
    """Return the cameras that sightings are of, sorted."""
    rows = sqlite.execute(
        "SELECT DISTINCT camera FROM sightings WHERE camera IS NOT NULL ORDER BY camera"
    )
    return [camera for (camera,) in rows]


def _clause(chosen: Filter) -> tuple[str, list[str | int]]:
    """What a filter asks of a row, in SQL, and the values for its question marks."""
    conditions: list[str] = []
    values: list[str | int] = []
    if chosen.cameras:
        conditions.append("camera IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(chosen.cameras))
    if chosen.not_cameras:
        conditions.append("(camera IS NULL OR camera NOT IN (SELECT value FROM json_each(?)))")
        values.append(json.dumps(chosen.not_cameras))
    for bound, test in ((chosen.since, "time_us >= ?"), (chosen.until, "time_us <= ?")):
        if bound is not None:
            conditions.append(test)
            values.append(to_microseconds(bound))
    return " AND ".join(conditions) or "1", values


def move_sightings(
    sqlite: sqlite3.Connection, sightings: Iterable[int], identity: int, change_seq: int
) -> int:
    """Give sightings to an identity, recorded as ``change_seq`` for undo; return how many moved."""
    ids = _json_ids(sightings)
    sqlite.execute(
        "INSERT INTO moves SELECT ?1, id, identity_id, ?2 FROM sightings"
        " WHERE id IN (SELECT value FROM json_each(?3)) AND identity_id <> ?2",
        (change_seq, identity, ids),
    )
    moved = sqlite.execute(
        "UPDATE sightings SET identity_id = ?2"
        " WHERE id IN (SELECT sighting_id FROM moves WHERE seq = ?1 AND to_identity = ?2)",
        (change_seq, identity),
    )
    return moved.rowcount


def delete_sightings(sqlite: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Delete rows and what history knows of them; the ids alone stay, for indexes to catch up."""
    given = _json_ids(ids)
    sqlite.execute("INSERT INTO removals (sighting_id) SELECT value FROM json_each(?)", (given,))
    for table, column in (("moves", "sighting_id"), ("sightings", "id")):
        sqlite.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))",  # noqa: S608
            (given,),
        )


def _load(sqlite: sqlite3.Connection, where: str, value: str | int) -> dict[int, Sighting]:
    rows = sqlite.execute(
        "SELECT sightings.id, pid, path, camera, time_us, tracklet FROM sightings"  # noqa: S608
        f" JOIN identities ON identities.id = identity_id WHERE {where} ORDER BY sightings.id",
        (value,),
    )
    return {
        number: Sighting(
            id=number,
            pid=pid,
            path=path,
            camera=camera,
            time=None if time_us is None else from_microseconds(time_us),
            tracklet=tracklet,
        )
        for number, pid, path, camera, time_us, tracklet in rows
    }


def _json_ids(ids: Iterable[int]) -> str:
    return json.dumps([int(number) for number in ids])


def load_contents(sqlite: sqlite3.Connection, ids: Iterable[int]) -> dict[int, str]:
    """Return the sha256, in hex, of each sighting's picture; those without one are left out."""
    rows = sqlite.execute(
        "SELECT id, lower(hex(content)) FROM sightings"
        " WHERE content IS NOT NULL AND id IN (SELECT value FROM json_each(?))",
        (_json_ids(ids),),
    )
    return dict(rows)


def enrolled_paths(sqlite: sqlite3.Connection) -> dict[int, str]:
    """Return the picture's path of each sighting that was enrolled from a file, in id order."""
    rows = sqlite.execute("SELECT id, path FROM sightings WHERE path IS NOT NULL ORDER BY id")
    return dict(rows)


def all_owners(sqlite: sqlite3.Connection) -> dict[int, int]:
    """Return the identity row of every sighting."""
    return dict(sqlite.execute("SELECT id, identity_id FROM sightings"))

"""The identities table: pids and what is seen of each.

An identity without sightings is hidden: it waits for the merge that emptied it to be undone, or
for its pid to be enrolled again. When someone else takes its pid meanwhile, it keeps a name that
nobody can type, `<pid> NUL <row id>`, and must have its own back before it is seen again.
"""

import difflib
import json
import sqlite3
from collections.abc import Iterable

from ..errors import ConflictError, NotFoundError
from ..times import from_microseconds
from ..types import Identity


def find_identity(sqlite: sqlite3.Connection, pid: str) -> int | None:
    """Return the row id of ``pid``, hidden or not, or None."""
    try:
        row = sqlite.execute("SELECT id FROM identities WHERE pid = ?", (pid,)).fetchone()
    except UnicodeEncodeError:  # no such pid is ever stored
        return None
    return int(row[0]) if row else None


def require_identity(sqlite: sqlite3.Connection, pid: str) -> int:
    """Return the row id of a ``pid`` that has sightings.

    Raises:
        NotFoundError: nobody is called so; names like it are suggested.
    """
    identity = find_identity(sqlite, pid)
    if identity is not None and count_sightings(sqlite, identity):
        return identity
    near = difflib.get_close_matches(pid, [person.pid for person in list_identities(sqlite)], n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else "; see reid-gallery list"
    raise NotFoundError(f"nobody in the gallery is called {pid!r}{hint}")


def ensure_identities(sqlite: sqlite3.Connection, pids: Iterable[str]) -> dict[str, int]:
    """Return the row id of each pid, making those that are new."""
    wanted = list(dict.fromkeys(pids))
    sqlite.executemany("INSERT OR IGNORE INTO identities (pid) VALUES (?)", ((p,) for p in wanted))
    return {pid: row for pid in wanted if (row := find_identity(sqlite, pid)) is not None}


def count_sightings(sqlite: sqlite3.Connection, identity: int) -> int:
    """Return how many sightings an identity has."""
    query = "SELECT count(*) FROM sightings WHERE identity_id = ?"
    return int(sqlite.execute(query, (identity,)).fetchone()[0])


def list_identities(sqlite: sqlite3.Connection, pid: str | None = None) -> list[Identity]:
    """Return every identity that has sightings (or only ``pid``), in the order they were made."""
    rows = sqlite.execute(
        "SELECT pid, count(*), json_group_array(DISTINCT camera) FILTER (WHERE camera IS NOT NULL),"
        " min(time_us), max(time_us)"
        " FROM sightings JOIN identities ON identities.id = identity_id"
        " WHERE ?1 IS NULL OR pid = ?1 GROUP BY identity_id ORDER BY identity_id",
        (pid,),
    )
    return [
        Identity(
            pid=name,
            sightings=count,
            cameras=tuple(sorted(json.loads(cameras))),
            first_seen=None if first is None else from_microseconds(first),
            last_seen=None if last is None else from_microseconds(last),
        )
        for name, count, cameras, first, last in rows
    ]


def rename_identity(sqlite: sqlite3.Connection, identity: int, pid: str) -> None:
    """Call an identity ``pid``; a hidden identity of that name gives way."""
    hidden = find_identity(sqlite, pid)
    if hidden is not None and hidden != identity:
        _set_pid(sqlite, hidden, f"{pid}\0{hidden}")
    _set_pid(sqlite, identity, pid)


def reclaim_name(sqlite: sqlite3.Connection, identity: int) -> None:
    """Give a hidden identity its own name back, if it gave way to someone.

    Raises:
        ConflictError: someone is called so.
    """
    (name,) = sqlite.execute("SELECT pid FROM identities WHERE id = ?", (identity,)).fetchone()
    pid, gave_way, _ = str(name).partition("\0")
    if not gave_way:
        return
    other = find_identity(sqlite, pid)
    if other is not None and count_sightings(sqlite, other):
        raise ConflictError(f"{pid!r} is someone else by now; undo the later changes first")
    rename_identity(sqlite, identity, pid)


def _set_pid(sqlite: sqlite3.Connection, identity: int, pid: str) -> None:
    sqlite.execute("UPDATE identities SET pid = ? WHERE id = ?", (pid, identity))


def forget_identities(
    sqlite: sqlite3.Connection, identities: Iterable[int]
) -> tuple[list[int], list[str]]:
    """Delete those of the identities that are empty, and what moves there were from and to them.

    Hidden identities that no undo needs any more go with them.

    Returns:
        The rows that are gone, and the pids of those asked about.
    """
    gone = [identity for identity in identities if not count_sightings(sqlite, identity)]
    given = json.dumps(gone)
    pids = sqlite.execute(
        "SELECT pid FROM identities WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (given,),
    ).fetchall()
    for column in ("from_identity", "to_identity"):
        sqlite.execute(
            f"DELETE FROM moves WHERE {column} IN (SELECT value FROM json_each(?))",  # noqa: S608
            (given,),
        )
    unneeded = sqlite.execute(
        "SELECT id FROM identities WHERE id NOT IN (SELECT identity_id FROM sightings)"
        " AND id NOT IN (SELECT from_identity FROM moves UNION SELECT to_identity FROM moves)"
    ).fetchall()
    sqlite.executemany("DELETE FROM identities WHERE id = ?", unneeded)
    return [identity for (identity,) in unneeded], [pid for (pid,) in pids]

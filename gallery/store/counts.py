"""How much a gallery holds: sightings, people and cameras, counted in SQL."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Totals:
    """How many of each; who has no sightings doesn't count."""

    identities: int
    sightings: int
    cameras: int


def count_totals(sqlite: sqlite3.Connection) -> Totals:
    """Count everything; it walks all sightings."""
    row = sqlite.execute(
        "SELECT count(DISTINCT identity_id), count(*), count(DISTINCT camera) FROM sightings"
    ).fetchone()
    return Totals(*row)


def count_all_sightings(sqlite: sqlite3.Connection) -> int:
    """Return how many sightings there are, everybody's."""
    return int(sqlite.execute("SELECT count(*) FROM sightings").fetchone()[0])


def sightings_by_identity(sqlite: sqlite3.Connection, *, after: int = 0) -> dict[int, int]:
    """Return how many sightings above ``after`` each identity has."""
    # With the plus the rows above are grouped, without it the index of identities is walked whole.
    column = "+identity_id" if after else "identity_id"
    rows = sqlite.execute(
        f"SELECT identity_id, count(*) FROM sightings WHERE id > ? GROUP BY {column}",  # noqa: S608
        (after,),
    )
    return dict(rows.fetchall())


def gallery_size(sqlite: sqlite3.Connection) -> dict[int, int]:
    """Return how many people have so many sightings; see `GallerySize`."""
    rows = sqlite.execute(
        "SELECT sightings, count(*) FROM (SELECT count(*) AS sightings FROM sightings"
        " GROUP BY identity_id) GROUP BY sightings"
    )
    return dict(rows.fetchall())

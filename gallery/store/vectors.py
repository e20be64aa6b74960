"""The vectors of one generation: a table of its own, keyed by sighting id.

A row's BLOB is a little-endian float32[dim] unit vector. A table a generation keeps each compact
and in id order, and dropping one gives all its space back.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from ..errors import StoreDamagedError

Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

BLOCK = 4096
"""Rows read at a time: bounds the memory of a walk through a large store."""


def create_table(sqlite: sqlite3.Connection, generation: int) -> None:
    """Make the table of a generation, if it isn't there."""
    sqlite.execute(
        f"CREATE TABLE IF NOT EXISTS vectors_{generation:d}"
        " (sighting_id INTEGER PRIMARY KEY, vector BLOB NOT NULL)"
    )


def drop_table(sqlite: sqlite3.Connection, generation: int) -> None:
    """Delete a generation's vectors for good."""
    sqlite.execute(f"DROP TABLE IF EXISTS vectors_{generation:d}")


def insert_vectors(sqlite: sqlite3.Connection, generation: int, ids: Ids, vectors: Vectors) -> None:
    """Add float32[n, d] rows under int64[n] sighting ids."""
    rows = np.ascontiguousarray(vectors, dtype="<f4")
    sqlite.executemany(
        f"INSERT INTO vectors_{generation:d} VALUES (?, ?)",  # noqa: S608 (an int)
        ((number, row.data) for number, row in zip(ids.tolist(), rows, strict=True)),
    )


def delete_vectors(sqlite: sqlite3.Connection, generation: int, ids: Iterable[int]) -> None:
    """Delete rows; ids that aren't there are fine."""
    sqlite.executemany(
        f"DELETE FROM vectors_{generation:d} WHERE sighting_id = ?",  # noqa: S608 (an int)
        ((int(number),) for number in ids),
    )


def read_blocks(
    sqlite: sqlite3.Connection, generation: int, dim: int, *, after: int = 0
) -> Iterator[tuple[Ids, Vectors]]:
    """Walk through the rows with ids above ``after``, in id order, some thousand at a time.

    Yields:
        int64[n] ids and float32[n, dim] vectors, n at most `BLOCK`.

    Raises:
        StoreDamagedError: a vector has another length.
    """
    cursor = sqlite.execute(
        f"SELECT sighting_id, vector FROM vectors_{generation:d}"  # noqa: S608 (an int)
        " WHERE sighting_id > ? ORDER BY sighting_id",
        (after,),
    )
    while rows := cursor.fetchmany(BLOCK):
        yield _unpack(rows, dim)


def read_vectors(
    sqlite: sqlite3.Connection, generation: int, dim: int, ids: Iterable[int]
) -> Vectors:
    """Return float32[n, dim], the vectors of these sightings in the order asked.

    Raises:
        StoreDamagedError: one is missing or has another length.
    """
    asked = np.fromiter(ids, dtype=np.int64)
    rows = sqlite.execute(
        f"SELECT sighting_id, vector FROM vectors_{generation:d} WHERE sighting_id IN"  # noqa: S608 (an int)
        " (SELECT value FROM json_each(?)) ORDER BY sighting_id",
        (json.dumps(asked.tolist()),),
    ).fetchall()
    present, found = _unpack(rows, dim)
    if np.array_equal(asked, present):
        return found
    missing = np.setdiff1d(asked, present)
    if len(missing):
        raise StoreDamagedError(
            f"sighting {missing[0]} has no vector; run reid-gallery verify to see what is damaged"
        )
    return found[np.searchsorted(present, asked)]


def count_vectors(sqlite: sqlite3.Connection, generation: int) -> int:
    """Return the number of rows."""
    return int(sqlite.execute(f"SELECT count(*) FROM vectors_{generation:d}").fetchone()[0])  # noqa: S608


def have_vectors(sqlite: sqlite3.Connection, generation: int, ids: Ids) -> bool:
    """Whether each of these sightings, int64[n] and no two the same, has a vector."""
    present = sqlite.execute(
        f"SELECT count(*) FROM vectors_{generation:d} WHERE sighting_id IN"  # noqa: S608 (an int)
        " (SELECT value FROM json_each(?))",
        (json.dumps(ids.tolist()),),
    ).fetchone()[0]
    return bool(present == len(ids))


def missing_vectors(sqlite: sqlite3.Connection, generation: int) -> Ids:
    """Return int64[n], the sightings that have no vector in a generation, ascending."""
    rows = sqlite.execute(
        f"SELECT id FROM sightings WHERE id NOT IN"  # noqa: S608 (an int)
        f" (SELECT sighting_id FROM vectors_{generation:d}) ORDER BY id"
    )
    return np.fromiter((row[0] for row in rows), dtype=np.int64)


def misshapen_vectors(sqlite: sqlite3.Connection, generation: int, dim: int) -> Ids:
    """Return int64[n], the sightings whose vector isn't ``dim`` numbers, ascending."""
    rows = sqlite.execute(
        f"SELECT sighting_id FROM vectors_{generation:d}"  # noqa: S608 (an int)
        " WHERE typeof(vector) <> 'blob' OR length(vector) <> ? ORDER BY sighting_id",
        (4 * dim,),
    )
    return np.fromiter((row[0] for row in rows), dtype=np.int64)


def _unpack(rows: list[tuple[int, bytes]], dim: int) -> tuple[Ids, Vectors]:
    ids = np.fromiter((number for number, _ in rows), dtype=np.int64, count=len(rows))
    joined = b"".join(vector if isinstance(vector, bytes) else b"?" for _, vector in rows)
    if len(joined) != 4 * dim * len(rows) or any(len(vector) != 4 * dim for _, vector in rows):
        raise StoreDamagedError(
            f"a stored vector near sighting {rows[0][0]} doesn't have {dim} numbers; "
            "run reid-gallery verify to see what is damaged"
        )
    return ids, np.frombuffer(joined, dtype="<f4").reshape(len(rows), dim).astype(
        np.float32, copy=False
    )

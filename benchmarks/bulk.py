"""Adding many sightings to a gallery, and to a bare table and index that do the least of it."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt
from people_like import PeopleLike
from reid_gallery import Gallery

CAMERAS = 20
"""Ordinary ones, of a twentieth of the sightings each."""

RARE, RAREST = "rare", "rarest"
"""Of a hundredth and of a ten thousandth, scattered: they are taken from the last ordinary one."""

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
CHUNK = 50_000

Vectors = npt.NDArray[np.float32]
People = npt.NDArray[np.int64]
Label = tuple[str, str, datetime]


def open_bare(file: Path) -> sqlite3.Connection:
    """Open a bare table, made if need be, with the gallery's own settings of SQLite."""
    table = sqlite3.connect(file)
    table.executescript(
        "PRAGMA page_size = 32768; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, pid TEXT, camera TEXT,"
        " time_us INTEGER, vector BLOB)"
    )
    return table


def labels_of(done: int, people: People, *, before: str = "p") -> list[Label]:
    """Pid, camera and time of the sightings that come after ``done`` others.

    A pid is the person's number with ``before`` before it.
    """
    return [
        (f"{before}{person}", camera_of(row), FIRST + timedelta(seconds=row))
        for row, person in enumerate(people.tolist(), start=done)
    ]


def camera_of(row: int) -> str:
    """Which camera saw the sighting of this number."""
    if row % 10_000 == CAMERAS - 1:
        return RAREST
    return RARE if row % 100 == CAMERAS - 1 else f"c{row % CAMERAS}"


def add_ours(gallery: Gallery, rows: Vectors, labels: list[Label]) -> None:
    """Add to a gallery."""
    pids, cameras, times = zip(*labels, strict=True)
    gallery.enroll_embeddings(rows, pids=pids, cameras=cameras, times=times)


def add_bare(
    table: sqlite3.Connection, index: faiss.Index, rows: Vectors, labels: list[Label]
) -> None:
    """What adding takes at least."""
    with table:
        table.executemany(
            "INSERT INTO rows (pid, camera, time_us, vector) VALUES (?, ?, ?, ?)",
            (
                (pid, camera, int(at.timestamp() * 1e6), row.data)
                for (pid, camera, at), row in zip(labels, rows, strict=True)
            ),
        )
    index.add(rows)


def chunks(like: PeopleLike, count: int, *, seed: int = 0) -> Iterator[tuple[Vectors, People]]:
    """Yield some `CHUNK` rows and their people at a time."""
    waiting: list[tuple[Vectors, People]] = []
    for rows, people in like.draw(count, seed=seed):
        waiting.append((rows, people))
        if sum(len(some) for some, _ in waiting) >= CHUNK:
            yield tuple(np.concatenate(column) for column in zip(*waiting, strict=True))
            waiting = []
    if waiting:
        yield tuple(np.concatenate(column) for column in zip(*waiting, strict=True))


def read_all(store: Path) -> faiss.Index:
    """Read all BLOBs and add them to a bare index: the floor of a rebuild."""
    database = sqlite3.connect(store / "gallery.sqlite3")
    cursor = database.execute("SELECT vector FROM vectors_1 ORDER BY sighting_id")
    index = None
    while rows := cursor.fetchmany(4096):
        some = np.frombuffer(b"".join(row for (row,) in rows), "<f4").reshape(len(rows), -1)
        index = index or faiss.IndexFlatIP(some.shape[1])
        index.add(some)
    database.close()
    return index

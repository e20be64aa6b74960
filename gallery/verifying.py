"""Verification: does the database agree with itself, with the index, and with the pictures?"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..index import VectorIndex
from .enrolling import Progress
from .errors import PictureError
from .index_keeper import IndexKeeper
from .pictures.read import content_hash, read_bytes
from .store.generations import Generation, current_generation
from .store.sightings import load_contents
from .store.store import Store
from .store.vectors import count_vectors, missing_vectors, read_blocks
from .types import Failure, Stats, VerifyReport


def database_problems(sqlite: sqlite3.Connection, generation: Generation) -> Iterator[str]:
    """Yield contradictions between the tables, and vectors that aren't unit."""
    missing = missing_vectors(sqlite, generation.id)
    if len(missing):
        yield f"{len(missing)} sightings have no vector (the first is {missing[0]})"
    sightings = sqlite.execute("SELECT count(*) FROM sightings").fetchone()[0]
    orphans = count_vectors(sqlite, generation.id) - (sightings - len(missing))
    if orphans:
        yield f"{orphans} vectors belong to no sighting"
    for ids, vectors in read_blocks(sqlite, generation.id, generation.dim):
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
        for row in np.flatnonzero(~(np.abs(lengths - 1) < 2e-3)):
            yield f"the vector of sighting {ids[row]} has length {lengths[row]:.4g}, not 1"


def index_problems(
    sqlite: sqlite3.Connection, generation: Generation, index: VectorIndex
) -> Iterator[str]:
    """Yield differences between an index, caught up, and the stored vectors."""
    in_index = set(index.ids().tolist())
    for ids, vectors in read_blocks(sqlite, generation.id, generation.dim):
        lacking = [number for number in ids.tolist() if number not in in_index]
        if lacking:
            yield f"the index lacks {len(lacking)} sightings (the first is {lacking[0]})"
        shared = np.array([number in in_index for number in ids.tolist()], dtype=bool)
        differs = (index.vectors(ids[shared]) != vectors[shared]).any(axis=1)
        for number in ids[shared][differs].tolist():
            yield f"the index has another vector for sighting {number}"
        in_index.difference_update(ids.tolist())
    if in_index:
        yield f"the index has {len(in_index)} sightings that the database lacks ({min(in_index)})"


def picture_problems(sqlite: sqlite3.Connection, progress: Progress) -> Iterator[Failure]:
    """Yield pictures that are gone, unreadable, or not those that were enrolled."""
    rows = sqlite.execute("SELECT id, path FROM sightings WHERE path IS NOT NULL ORDER BY id")
    for number, path in rows.fetchall():
        progress(1)
        try:
            content = content_hash(read_bytes(Path(path)))
        except PictureError as error:
            yield Failure(path, str(error))
            continue
        if content != load_contents(sqlite, [number]).get(number):
            yield Failure(path, f"changed since it was enrolled as sighting {number}")


def verify(store: Store, *, pictures: bool, progress: Progress) -> VerifyReport:
    """Look for differences everywhere; see `Gallery.verify`."""
    problems = store.connection.integrity_problems()
    with store.snapshot() as sqlite:
        generation = current_generation(sqlite)
        if generation is None:
            return VerifyReport(checked=0, database=tuple(problems))
        problems.extend(database_problems(sqlite, generation))
        index = IndexKeeper(store).refresh(sqlite)
        differences = () if index is None else index_problems(sqlite, generation, index)
        return VerifyReport(
            checked=count_vectors(sqlite, generation.id),
            database=tuple(problems),
            index=tuple(differences),
            pictures=tuple(picture_problems(sqlite, progress)) if pictures else (),
        )


def stats(store: Store) -> Stats:
    """Count what a store holds."""
    with store.snapshot() as sqlite:
        generation = current_generation(sqlite)
        people, sightings, cameras = sqlite.execute(
            "SELECT count(DISTINCT identity_id), count(*), count(DISTINCT camera) FROM sightings"
        ).fetchone()
    root = store.directory
    return Stats(
        identities=people,
        sightings=sightings,
        cameras=cameras,
        model=None if generation is None else generation.model,
        model_name=None if generation is None else generation.model_name,
        dim=None if generation is None else generation.dim,
        database_bytes=_bytes(root.root.glob(f"{root.database.name}*")),
        index_bytes=_bytes(root.index_folder.glob("*")),
    )


def _bytes(files: Iterable[Path]) -> int:
    """The size of files, of which any may be gone by now."""
    total = 0
    for file in files:
        with suppress(FileNotFoundError):
            total += file.stat().st_size if file.is_file() else 0
    return total

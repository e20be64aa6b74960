"""Verification: does the database agree with itself, with the index, and with the pictures?"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..index import VectorIndex
from .counted import counted
from .embeddings import find_not_unit
from .enrolling import Progress
from .errors import PictureError, StoreDamagedError
from .index_keeper import IndexKeeper
from .pictures.read import read_enrolled
from .store.counts import count_all_sightings, count_totals
from .store.generations import Generation, current_generation
from .store.sightings import enrolled_paths, load_contents
from .store.store import Store
from .store.vectors import count_vectors, misshapen_vectors, missing_vectors, read_blocks
from .types import Failure, Stats, VerifyReport


def database_problems(sqlite: sqlite3.Connection, generation: Generation) -> Iterator[str]:
    """Yield contradictions between the tables, and vectors that aren't unit."""
    missing = missing_vectors(sqlite, generation.id)
    if len(missing):
        lacking = counted(len(missing), "sighting", "have")
        yield f"{lacking} no vector (the first is {missing[0]})"
    sightings = count_all_sightings(sqlite)
    misshapen = misshapen_vectors(sqlite, generation.id, generation.dim)
    if len(misshapen):
        first = misshapen[0]
        torn = counted(len(misshapen), "vector", "are")
        yield f"{torn} not {generation.dim} numbers (sighting {first} first)"
    orphans = count_vectors(sqlite, generation.id) - (sightings - len(missing))
    if orphans:
        yield f"{counted(orphans, 'vector', 'are')} of no sighting"
    if len(misshapen):
        return  # they can't be read
    for ids, vectors in read_blocks(sqlite, generation.id, generation.dim):
        wrong, lengths = find_not_unit(vectors)
        for row in wrong.tolist():
            yield f"the vector of sighting {ids[row]} has length {lengths[row]:.4g}, not 1"


def index_problems(
    sqlite: sqlite3.Connection, generation: Generation, index: VectorIndex
) -> Iterator[str]:
    """Yield differences between an index, caught up, and the stored vectors."""
    in_index = set(index.ids().tolist())
    for ids, vectors in read_blocks(sqlite, generation.id, generation.dim):
        lacking = [number for number in ids.tolist() if number not in in_index]
        if lacking:
            yield f"the index lacks {counted(len(lacking), 'sighting')} (the first is {lacking[0]})"
        shared = np.array([number in in_index for number in ids.tolist()], dtype=bool)
        differs = ~index.holds(ids[shared], vectors[shared])
        for number in ids[shared][differs].tolist():
            yield f"the index has another vector for sighting {number}"
        in_index.difference_update(ids.tolist())
    if in_index:
        more = counted(len(in_index), "sighting")
        yield f"the index has {more} that the database lacks ({min(in_index)})"


EnrolledPicture = tuple[int, str, str | None]
"""A sighting's id, the path of its picture, and the sha256 of what it held, if that is known."""


def enrolled_pictures(sqlite: sqlite3.Connection) -> list[EnrolledPicture]:
    """Return what was enrolled from files."""
    paths = enrolled_paths(sqlite)
    contents = load_contents(sqlite, paths)
    return [(number, path, contents.get(number)) for number, path in paths.items()]


def picture_problems(enrolled: Sequence[EnrolledPicture], progress: Progress) -> Iterator[Failure]:
    """Yield pictures that are gone, unreadable, or not those that were enrolled."""
    for number, path, held in enrolled:
        progress(1)
        try:
            read_enrolled(Path(path), held)
        except PictureError as error:
            yield Failure(path, f"{error} (sighting {number})")


def verify(store: Store, *, pictures: bool, progress: Progress) -> VerifyReport:
    """Look for differences everywhere; see `Gallery.verify`."""
    problems = store.connection.integrity_problems()
    with store.snapshot() as sqlite:
        generation = current_generation(sqlite)
        if generation is None:
            lost = count_all_sightings(sqlite)
            if lost:
                problems.append(f"{counted(lost, 'sighting', 'have')} no vector: none is in force")
            return VerifyReport(checked=0, pictures_read=pictures, database=tuple(problems))
        differences, damage = _compare_index(store, sqlite, generation)
        problems += [*database_problems(sqlite, generation), *damage]
        checked = count_vectors(sqlite, generation.id)
        enrolled = enrolled_pictures(sqlite) if pictures else []
    # Reading pictures takes long; an open snapshot would keep what is removed meanwhile.
    return VerifyReport(
        checked=checked,
        pictures_read=pictures,
        database=tuple(problems),
        index=tuple(differences),
        pictures=tuple(picture_problems(enrolled, progress)),
    )


def _compare_index(
    store: Store, sqlite: sqlite3.Connection, generation: Generation
) -> tuple[list[str], list[str]]:
    """What differs in the index, and why it can't be told; first of all, before others save one."""
    keeper = IndexKeeper(store)
    try:
        index = keeper.refresh(sqlite)
        differences = [keeper.damage] if keeper.damage else []
        if index is not None:
            differences.extend(index_problems(sqlite, generation, index))
    except StoreDamagedError as error:
        return [], [f"the index can't be compared: {error}"]
    return differences, []


def stats(store: Store) -> Stats:
    """Count what a store holds."""
    with store.snapshot() as sqlite:
        generation = current_generation(sqlite)
        totals = count_totals(sqlite)
    root = store.directory
    return Stats(
        identities=totals.identities,
        sightings=totals.sightings,
        cameras=totals.cameras,
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

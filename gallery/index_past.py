"""Is a saved index of an earlier moment of this very store?"""

import sqlite3

import numpy as np

from ..index import VectorIndex
from .store.generations import Generation
from .store.store import Position, Store
from .store.vectors import have_vectors, read_vectors


def is_of_its_past(
    store: Store,
    sqlite: sqlite3.Connection,
    generation: Generation,
    index: VectorIndex,
    position: Position,
) -> bool:
    """Whether ``index``, saved at ``position``, can be caught up to the snapshot.

    The numbers alone don't tell a store that was put back from a backup and written to since; some
    rows, compared with the database, do.
    """
    now = store.position(sqlite)
    if position.generation != generation.id or position.revision > now.revision:
        return False
    if index.dim != generation.dim or position.last_removal > now.last_removal:
        return False
    gone = set(store.removed_since(sqlite, position.last_removal))
    sample = np.array(sorted(_spread(index) - gone), dtype=np.int64)
    if not have_vectors(sqlite, generation.id, sample):
        return False
    stored = read_vectors(sqlite, generation.id, generation.dim, sample.tolist())
    return bool(index.holds(sample, stored).all())


def _spread(index: VectorIndex) -> set[int]:
    """The first and the last id and two between."""
    ids = index.ids()
    return {int(ids[share * (len(ids) - 1) // 3]) for share in range(4)} if len(ids) else set()

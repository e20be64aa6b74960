"""A whole gallery at once: every sighting and its vector."""

import numpy as np

from ..types import Sighting
from .generations import Generation, current_generation
from .sightings import sightings_with_vectors
from .store import Store
from .vectors import Vectors, read_blocks


def read_everything(store: Store) -> tuple[Generation, list[Sighting], Vectors] | None:
    """Read every sighting in enrolment order, and float32[n, d] their vectors, from one snapshot.

    Returns:
        With the generation that the vectors are of; None for a store that never held any.

    Raises:
        StoreError: it can't be read, or is damaged.
    """
    sightings: list[Sighting] = []
    blocks = []
    with store.snapshot() as sqlite:
        generation = current_generation(sqlite)
        if generation is None:
            return None
        blocks.append(np.empty((0, generation.dim), np.float32))
        for ids, vectors in read_blocks(sqlite, generation.id, generation.dim):
            sightings.extend(sightings_with_vectors(sqlite, ids.tolist()))
            blocks.append(vectors)
    return generation, sightings, np.concatenate(blocks)

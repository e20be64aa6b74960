"""A whole gallery at once: every sighting and its vector."""

from collections.abc import Sequence

import numpy as np

from ..embeddings import find_not_unit
from ..errors import StoreDamagedError
from ..types import Sighting
from .generations import Generation, current_generation
from .sightings import load_contents, sightings_with_vectors
from .store import Store
from .vectors import Ids, Vectors, read_blocks


def read_everything(store: Store) -> tuple[Generation, list[Sighting], Vectors] | None:
    """Read every sighting in enrolment order, and float32[n, d] their vectors, from one snapshot.

    Returns:
        With the generation that the vectors are of; None for a store that never held any. The
        vectors are finite unit rows.

    Raises:
        StoreError: it can't be read.
        StoreDamagedError: a vector isn't a finite unit row of d numbers, or is of no sighting.
    """
    sightings: list[Sighting] = []
    blocks = []
    with store.snapshot() as sqlite:
        generation = current_generation(sqlite)
        if generation is None:
            return None
        blocks.append(np.empty((0, generation.dim), np.float32))
        for ids, vectors in read_blocks(sqlite, generation.id, generation.dim):
            _check_unit(store, ids, vectors)
            sightings.extend(sightings_with_vectors(sqlite, ids.tolist()))
            blocks.append(vectors)
    return generation, sightings, np.concatenate(blocks)


def read_contents(store: Store, sightings: Sequence[Sighting]) -> list[str | None]:
    """Return the sha256, in hex, of each sighting's picture when it was enrolled, if it is known.

    Raises:
        StoreError: it can't be read.
    """
    with store.snapshot() as sqlite:
        contents = load_contents(sqlite, (sighting.id for sighting in sightings))
    return [contents.get(sighting.id) for sighting in sightings]


def _check_unit(store: Store, ids: Ids, vectors: Vectors) -> None:
    """Refuse a vector that is damaged: what is compared with it would be judged wrongly, too."""
    wrong, lengths = find_not_unit(vectors)
    if len(wrong):
        first = wrong[0]
        raise StoreDamagedError(
            f"{store.directory.root}: the vector of sighting {ids[first]} has length "
            f"{lengths[first]:.4g}, not 1; reid-gallery verify lists what is damaged, then remove "
            "these sightings"
        )

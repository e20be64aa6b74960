"""Moving a store to another model: every picture is embedded again into a new generation.

The old generation answers until the last picture is done; an interrupted run goes on where it
stopped.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .counted import counted
from .enrolling import BATCH, Progress
from .errors import StoreError
from .extractor import Extractor
from .filelock import file_lock
from .loading import BadPicture, LoadedPicture, in_batches, load_pictures, separate
from .store.generations import Generation, ModelPin
from .store.sightings import identities_of, load_contents, load_sightings
from .store.store import Store
from .store.vectors import BLOCK, missing_vectors
from .types import Failure, Sighting

log = logging.getLogger("reid_gallery")

Loaded = LoadedPicture[Sighting]
Bad = BadPicture[Sighting]


def rebuild_with_model(
    store: Store, extractor: Extractor, pin: ModelPin, *, progress: Progress
) -> None:
    """Embed every sighting's picture with ``extractor``, then switch over.

    Raises:
        StoreError: pictures are missing, unreadable or changed; the old model goes on answering,
            and what was embedded is kept for the next try.
        StoreBusyError: another rebuild is going on.
    """
    lock = store.directory.rebuild_lock
    with file_lock(lock, wait_s=0, doing="moving the store to another model"):
        generation = store.begin_generation(pin)
        while not store.try_switch(generation):
            failures = [
                failure
                for batch in in_batches(_pictures(store, generation), BATCH)
                for failure in _embed_batch(store, extractor, generation, batch, progress)
            ]
            if failures:
                raise StoreError(_explain(failures))
    try:
        store.connection.compact()
    except StoreError as error:
        log.warning("done, but the space of the old vectors is still taken (%s)", error)


def _pictures(store: Store, generation: Generation) -> Iterator[Loaded | Bad]:
    """Load the pictures of all sightings that the generation lacks."""
    return load_pictures(_waiting(store, generation), lambda s: Path(s.path or ""))


def _waiting(store: Store, generation: Generation) -> Iterator[Sighting]:
    with store.snapshot() as sqlite:
        missing = missing_vectors(sqlite, generation.id).tolist()
    for block in in_batches(missing, BLOCK):
        with store.snapshot() as sqlite:
            found = load_sightings(sqlite, block)
        yield from found.values()


def _embed_batch(
    store: Store,
    extractor: Extractor,
    generation: Generation,
    batch: Sequence[Loaded | Bad],
    progress: Progress,
) -> list[Failure]:
    with store.snapshot() as sqlite:
        ids_now = [picture.item.id for picture in batch]
        present = identities_of(sqlite, ids_now)
        contents = load_contents(sqlite, ids_now)
    # What was removed since it was listed needs no vector, and no picture.
    loaded, bad = separate(picture for picture in batch if picture.item.id in present)
    good = [p for p in loaded if p.content == contents.get(p.item.id)]
    changed = [p.item for p in loaded if p.content != contents.get(p.item.id)]
    if good:
        ids = np.array([picture.item.id for picture in good], dtype=np.int64)
        embeddings = extractor.embed_fitted([picture.fitted for picture in good])
        store.fill_generation(generation, ids, embeddings)
    progress(len(batch))
    return [_failure(picture.item, picture.problem) for picture in bad] + [
        _failure(sighting, "the picture is not the one that was enrolled") for sighting in changed
    ]


def _failure(sighting: Sighting, reason: str) -> Failure:
    if sighting.path is None:
        return Failure(f"sighting {sighting.id}", "enrolled as an array or vector, without a file")
    return Failure(sighting.path, reason.removeprefix(f"{sighting.path}: "))


def _explain(failures: Sequence[Failure]) -> str:
    examples = "; ".join(f"{failure.path}: {failure.reason}" for failure in failures[:3])
    return (
        f"{counted(len(failures), 'sighting')} can't be embedded again, so the old model goes on "
        "answering; bring the pictures back, enroll them from where they are now, or remove these "
        "sightings, then run it again "
        f"({examples})"
    )

"""Moving a store to another model: every picture is embedded again into a new generation.

The old generation answers until the last picture is done; an interrupted run goes on where it
stopped.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .enrolling import BATCH, Progress
from .errors import StoreError
from .extractor import Extractor
from .filelock import file_lock
from .loading import LoadedPicture, in_batches, load_pictures
from .store.generations import Generation, ModelPin
from .store.sightings import load_contents, load_sightings
from .store.store import Store
from .store.vectors import missing_vectors
from .types import Failure, Sighting


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
    store.connection.compact()


def _pictures(store: Store, generation: Generation) -> Iterator[LoadedPicture[Sighting]]:
    """Load the pictures of all sightings that the generation lacks."""
    with store.snapshot() as sqlite:
        missing = missing_vectors(sqlite, generation.id).tolist()
        waiting = list(load_sightings(sqlite, missing).values())
    return load_pictures(waiting, lambda sighting: Path(sighting.path or ""))


def _embed_batch(
    store: Store,
    extractor: Extractor,
    generation: Generation,
    batch: Sequence[LoadedPicture[Sighting]],
    progress: Progress,
) -> list[Failure]:
    with store.snapshot() as sqlite:
        contents = load_contents(sqlite, [picture.item.id for picture in batch])
    problems = [_problem(picture, contents.get(picture.item.id)) for picture in batch]
    good = [picture for picture, problem in zip(batch, problems, strict=True) if problem is None]
    if good:
        ids = np.array([picture.item.id for picture in good], dtype=np.int64)
        embeddings = extractor.embed_fitted([picture.fitted for picture in good])
        store.fill_generation(generation, ids, embeddings)
    progress(len(batch))
    return [problem for problem in problems if problem is not None]


def _problem(picture: LoadedPicture[Sighting], content: str | None) -> Failure | None:
    sighting = picture.item
    if sighting.path is None or content is None:
        return Failure(f"sighting {sighting.id}", "enrolled as an array or vector, without a file")
    if picture.problem is not None:
        return Failure(sighting.path, picture.problem)
    if picture.content != content:
        return Failure(sighting.path, "the picture is not the one that was enrolled")
    return None


def _explain(failures: Sequence[Failure]) -> str:
    examples = "; ".join(f"{failure.path}: {failure.reason}" for failure in failures[:3])
    return (
        f"{len(failures)} sightings can't be embedded again, so the old model goes on answering; "
        f"bring the pictures back or remove these sightings, then run it again ({examples})"
    )

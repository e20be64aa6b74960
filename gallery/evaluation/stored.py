"""One's own gallery as a trial: every sighting asks for its person's others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import NotFoundError
from ..store.everything import read_contents, read_everything
from ..store.store import Store
from ..types import Sighting
from .embedding import Embedded
from .trials import Trial, flattering, name_view

Leave = Literal["camera", "sighting"]
"""What of the asking sighting's person is left out beside itself."""

_DESCRIPTIONS = {
    "camera": "every sighting asks, its person's sightings of its own camera (or, where that is "
    "not known, tracklet) left out",
    "sighting": "every sighting asks, and only itself is left out",
}


def read_stored_trial(root: Path, *, leave_out: Leave = "camera") -> tuple[Trial, Embedded]:
    """Read a gallery's stored vectors as a trial.

    Args:
        root: the store's directory.
        leave_out: ``camera`` asks the harder and more telling question: who is this, as another
            camera sees them? ``sighting`` suits a gallery of one camera.

    Returns:
        The trial, and its vectors with the model that made them.

    Raises:
        StoreError: there is no store, or it is damaged.
        NotFoundError: it is empty, or of one person only.
    """
    store = Store(root, create=False)
    try:
        everything = read_everything(store)
        if everything is None:
            raise NotFoundError(f"{root}: the gallery is empty; enroll people first")
        generation, sightings, vectors = everything
        contents = read_contents(store, sightings)
    finally:
        store.close()
    trial = _make_trial(sightings, contents, leave_out)
    return trial, Embedded(f"{generation.model_name} (stored)", generation.model, vectors)


def _make_trial(sightings: list[Sighting], contents: list[str | None], leave_out: Leave) -> Trial:
    everything = np.arange(len(sightings), dtype=np.int64)
    views = tuple(_views(sightings, leave_out))
    return Trial(
        name="store",
        description=_DESCRIPTIONS[leave_out] + (flattering(views) if leave_out == "camera" else ""),
        pids=tuple(sighting.pid for sighting in sightings),
        views=views,
        paths=tuple(None if s.path is None else Path(s.path) for s in sightings),
        splits=((everything, everything),),
        contents=tuple(contents),
    )


def _views(sightings: list[Sighting], leave_out: Leave) -> Iterator[str]:
    for row, sighting in enumerate(sightings):
        if leave_out == "camera":
            yield name_view(sighting.camera, sighting.tracklet, row)
        else:
            yield name_view(None, None, row)

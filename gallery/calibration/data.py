"""Who a model, or a gallery, is calibrated on: labelled embeddings from pictures or a store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import CalibrationError
from ..evaluation.embedding import embed_files
from ..extractor import Extractor
from ..pictures.labelled import LabelledPicture, once_each
from ..pictures.layouts import distractors_of
from ..pictures.whole import read_whole
from ..store.everything import read_everything
from ..store.generations import Generation
from ..store.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class LabelledEmbeddings:
    """What `places.part_places` takes: float32[n, d] unit rows, and n labels each."""

    embeddings: npt.NDArray[np.float32]
    pids: Sequence[str]
    cameras: Sequence[str | None]
    tracklets: Sequence[str | None]
    places: Sequence[str]


def read_people(sources: Sequence[tuple[Path, str]]) -> list[tuple[str, LabelledPicture]]:
    """Read the pictures of data sets, each with the name of its place.

    Args:
        sources: (folder or CSV manifest, layout) each. Whom a manifest says to have been trained
            on is left out, and so are distractors.

    Raises:
        LayoutError: a folder or manifest can't be read, a file in it doesn't follow the layout, or
            a picture is named as two people's.
    """
    place_of: dict[Path, str] = {}
    people: list[LabelledPicture] = []
    for number, (source, layout) in enumerate(sources):
        for picture in read_whole(source, layout):
            if picture.split != "training" and picture.pid not in distractors_of(layout):
                place_of.setdefault(picture.path, f"{number}/{picture.source or ''}")
                people.append(picture)
    return [(place_of[picture.path], picture) for picture in once_each(people)]


def embed_people(
    extractor: Extractor,
    people: Sequence[tuple[str, LabelledPicture]],
    *,
    progress: Callable[[int], None],
) -> LabelledEmbeddings:
    """Embed what `read_people` read.

    Raises:
        CalibrationError: there is nobody.
        PictureError: a picture can't be read.
    """
    if not people:
        raise CalibrationError("nobody to calibrate on: all are distractors, or were trained on")
    pictures = [picture for _, picture in people]
    return LabelledEmbeddings(
        embed_files(extractor, [picture.path for picture in pictures], progress=progress),
        pids=[picture.pid for picture in pictures],
        cameras=[picture.camera for picture in pictures],
        tracklets=[picture.tracklet for picture in pictures],
        places=[place for place, _ in people],
    )


def read_gallery(store: Store) -> tuple[Generation, LabelledEmbeddings]:
    """Read a gallery's own people: all in one place, every sighting taken to be its person's.

    Returns:
        Them, and before them the generation that their embeddings are of.

    Raises:
        CalibrationError: it is empty.
        StoreDamagedError: a vector isn't a finite unit row.
    """
    everything = read_everything(store)
    if everything is None:
        raise CalibrationError(f"{store.directory.root}: the gallery is empty; enroll people first")
    generation, sightings, vectors = everything
    people = LabelledEmbeddings(
        vectors,
        pids=[sighting.pid for sighting in sightings],
        cameras=[sighting.camera for sighting in sightings],
        tracklets=[sighting.tracklet for sighting in sightings],
        places=[""] * len(sightings),
    )
    return generation, people

"""Level a model on the cameras of data sets, or of a gallery: `extractor.levelling` on pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path

from .calibration.data import read_gallery
from .evaluation.embedding import embed_files
from .extractor import Extractor
from .extractor.files import check_out
from .extractor.levelling import Cameras, find_directions, level
from .extractor.spec import ModelSpec
from .model_choice import choose_extractor
from .pictures.labelled import LabelledPicture
from .pictures.whole import read_whole
from .store.store import Store

Progress = Callable[[int], None]
Sources = Sequence[tuple[Path, str]]


def level_model(
    extractor: Extractor, sources: Sources, out: Path, *, name: str = "", progress: Progress
) -> tuple[ModelSpec, Cameras]:
    """Level a model on data sets whose cameras are known; whom their pictures show doesn't matter.

    Args:
        extractor: the model.
        sources: (folder or CSV manifest, layout) each. Whom a manifest holds out is left out, so
            that the new model can be judged on them.
        out: the new model file.
        name: of the new model; by default the old one's and "-levelled".
        progress: called with the number of pictures embedded since the last call.

    Raises:
        ModelError: fewer than two cameras have enough pictures, or ``out`` can't be made.
        LayoutError, PictureError: the data can't be read.
    """
    check_out(out)
    camera_of = _read(sources)
    vectors = embed_files(extractor, list(camera_of), progress=progress)
    cameras = find_directions(vectors, list(camera_of.values()))
    return level(extractor, cameras, out, name=name), cameras


def level_by_gallery(root: Path, out: Path, *, name: str = "") -> tuple[ModelSpec, Cameras]:
    """Level a gallery's own model on the gallery's cameras; nothing is embedded again.

    The gallery stays with the model that it has, until `rebuild --model` gives it the new one.

    Args:
        root: the store's directory.
        out: the new model file.
        name: of the new model; by default the old one's and "-levelled".

    Raises:
        StoreError: there is no store, or it is damaged.
        CalibrationError: it is empty.
        ModelError: its model isn't found, fewer than two of its cameras have enough sightings, or
            ``out`` can't be made.
    """
    check_out(out)
    store = Store(root, create=False)
    try:
        generation, sightings = read_gallery(store)
        extractor = choose_extractor(store, generation, None)
    finally:
        store.close()
    cameras = find_directions(sightings.embeddings, sightings.cameras)
    return level(extractor, cameras, out, name=name), cameras


def _read(sources: Sources) -> dict[Path, str | None]:
    """Each picture's camera; those of two data sets are two, whatever their names."""
    camera_of: dict[Path, str | None] = {}
    several = len(sources) > 1
    for number, (source, layout) in enumerate(sources):
        camera_of |= {
            picture.path: picture.camera and _name(picture, number if several else None)
            for picture in read_whole(source, layout)
            if picture.split != "validation"
        }
    return camera_of


def _name(picture: LabelledPicture, number: int | None) -> str:
    """A camera's name, behind its data set's where there are several."""
    place = "" if number is None else f"data set {number + 1}, "
    return place + (f"{picture.source}, " if picture.source else "") + str(picture.camera)

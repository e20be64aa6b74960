"""Calibrate a model file, or a gallery."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..decision import Calibration, calibration_tree
from ..errors import CalibrationError
from ..extractor import Extractor
from ..extractor.files import check_out
from ..extractor.metadata import write_with_spec
from ..model_choice import choose_extractor
from ..store.generations import Generation, current_generation
from ..store.store import Store
from .data import LabelledEmbeddings, embed_people, read_gallery, read_people
from .fit import fit_calibration
from .places import part_places

Progress = Callable[[int], None]
Sources = Sequence[tuple[Path, str]]


def calibrate_model(
    extractor: Extractor, sources: Sources, out: Path, *, progress: Progress
) -> Calibration:
    """Calibrate a model on data sets, and write it with its calibration to a new file.

    Args:
        extractor: the model.
        sources: (folder or CSV manifest, layout) each, of people neither trained nor tested on.
        out: the new model file.
        progress: called with the number of pictures embedded since the last call.

    Raises:
        ModelError: ``out`` is there already, or can't be written.
        CalibrationError: the people are too few, or have too few pictures.
        LayoutError, PictureError: the data can't be read.
    """
    check_out(out)
    calibration = _fit(embed_people(extractor, read_people(sources), progress=progress))
    spec = replace(extractor.spec, calibration=calibration_tree(calibration))
    write_with_spec(extractor.path, out, spec)
    return calibration


def calibrate_store(root: Path, sources: Sources = (), *, progress: Progress) -> Calibration:
    """Calibrate a gallery, on its own people or on data sets; it is kept in the gallery.

    Neither its model nor its vectors change, so nothing is embedded again.

    Args:
        root: the store's directory.
        sources: as in `calibrate_model`, embedded by the gallery's model; none is its own people.
        progress: called with the number of pictures embedded since the last call.

    Raises:
        StoreError: there is no store, it is damaged, or it can't be written.
        CalibrationError: the people are too few, or have too few pictures.
        LayoutError, PictureError, ModelError: the data or the model can't be read.
    """
    store = Store(root, create=False)
    try:
        if sources:
            generation = _generation(store)
            extractor = choose_extractor(store, generation, None)
            people = embed_people(extractor, read_people(sources), progress=progress)
        else:
            generation, people = read_gallery(store)
        calibration = _fit(people)
        tree = json.dumps(calibration_tree(calibration))
        store.set_calibration(generation, tree, people=sum(p.people for p in calibration.places))
    finally:
        store.close()
    return calibration


def _generation(store: Store) -> Generation:
    with store.snapshot() as sqlite:
        generation = current_generation(sqlite)
    if generation is None:
        raise CalibrationError(f"{store.directory.root}: the gallery is empty; enroll people first")
    return generation


def _fit(people: LabelledEmbeddings) -> Calibration:
    places = part_places(
        people.embeddings,
        pids=people.pids,
        cameras=people.cameras,
        tracklets=people.tracklets,
        places=people.places,
    )
    return fit_calibration(places)

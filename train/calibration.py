"""The calibration that an exported model carries, measured on its held-out people."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..gallery.calibration.fit import fit_calibration
from ..gallery.calibration.places import part_places
from ..gallery.decision import calibration_tree
from ..gallery.errors import CalibrationError
from ..gallery.pictures.fit import fit
from ..gallery.pictures.read import read_crop
from .export import load_served_model
from .splitting import TrainingPicture

Vectors = npt.NDArray[np.float32]

_BATCH = 64


def calibrate(checkpoint: Path, held_out: Sequence[TrainingPicture]) -> dict[str, Any] | None:
    """Measure a checkpoint's model, as it serves, on held-out people.

    Returns:
        What `decision.parse_calibration` reads; None when there are too few people to tell.
    """
    if not held_out:
        return None
    return calibrate_embeddings(embed_served(checkpoint, held_out), held_out)


def embed_served(checkpoint: Path, pictures: Sequence[TrainingPicture]) -> Vectors:
    """Return float32[n, d] unit rows, by a checkpoint's model as it serves; at least one picture.

    Raises:
        PictureError: one can't be read.
    """
    served, _ = load_served_model(checkpoint)
    rows = []
    with torch.inference_mode():
        for start in range(0, len(pictures), _BATCH):
            batch = [fit(read_crop(p.path)) for p in pictures[start : start + _BATCH]]
            rows.append(served(torch.from_numpy(np.stack(batch))).numpy())
    return np.concatenate(rows)


def calibrate_embeddings(
    embeddings: npt.NDArray[np.float32], held_out: Sequence[TrainingPicture]
) -> dict[str, Any] | None:
    """Measure held-out people by their embeddings, float32[n, d] unit rows; see `calibrate`."""
    try:
        places = part_places(
            embeddings,
            pids=[p.person for p in held_out],
            cameras=[_known_camera(p) for p in held_out],
            tracklets=[p.tracklet for p in held_out],
            places=[p.source for p in held_out],
        )
        return calibration_tree(fit_calibration(places))
    except CalibrationError:
        return None


def _known_camera(picture: TrainingPicture) -> str | None:
    """Its camera; None where it has one of its own because none is known."""
    return None if picture.camera.partition(":")[2].startswith("?") else picture.camera

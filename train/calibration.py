"""The calibration that an exported model carries: how high strangers score."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..gallery.errors import NotFoundError
from ..gallery.evaluation.calibration import measure_strangers
from ..gallery.pictures.fit import fit
from ..gallery.pictures.read import read_crop
from .datasets import TrainingPicture
from .export import load_served_model

_BATCH = 64


def calibrate(checkpoint: Path, held_out: Sequence[TrainingPicture]) -> dict[str, Any] | None:
    """Measure a checkpoint's model, as it serves, on held-out people.

    Returns:
        What `decision.parse_calibration` reads; None when there are too few people to tell.
    """
    if not held_out:
        return None
    served, _ = load_served_model(checkpoint)
    rows = []
    with torch.inference_mode():
        for start in range(0, len(held_out), _BATCH):
            batch = [fit(read_crop(p.path)) for p in held_out[start : start + _BATCH]]
            rows.append(served(torch.from_numpy(np.stack(batch))).numpy())
    try:
        calibration = measure_strangers(
            np.concatenate(rows),
            [p.person for p in held_out],
            [p.person.split(":", 1)[0] for p in held_out],
        )
    except NotFoundError:
        return None
    return asdict(calibration)

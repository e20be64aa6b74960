"""How well the model ranks people it was not trained on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ..gallery.evaluation.intervals import Interval
from ..gallery.pictures.fit import fit
from .datasets import CropCache
from .held_out import rank_held_out
from .model import EmbeddingModel
from .splitting import TrainingPicture

BATCH = 64


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Means over the sources, each with the same weight, and 95 % intervals by person.

    An interval is None where one person is all there is in a source.
    """

    map: float
    rank1: float
    map_interval: tuple[float, float] | None = None
    rank1_interval: tuple[float, float] | None = None


def embed_crops(
    model: EmbeddingModel,
    crops: CropCache,
    *,
    height: int,
    width: int,
    numbers: Sequence[int] | None = None,
) -> npt.NDArray[np.float32]:
    """Return float32[n, d] unit rows of crops, each fitted to the size.

    Args:
        model: computes on the device it is on.
        crops: to embed.
        height: of the model's input.
        width: of the model's input.
        numbers: of the crops to embed; all by default.
    """
    model.eval()
    device = next(model.parameters()).device
    wanted = range(len(crops.paths)) if numbers is None else numbers
    rows = []
    with torch.inference_mode():
        for start in range(0, len(wanted), BATCH):
            fitted = [fit(crops[n], height=height, width=width) for n in wanted[start:][:BATCH]]
            batch = torch.from_numpy(np.stack(fitted)).to(device)
            rows.append(model.embed(batch).cpu().numpy())
    return np.concatenate(rows)


def validate(
    model: EmbeddingModel,
    pictures: Sequence[TrainingPicture],
    crops: CropCache,
    *,
    height: int,
    width: int,
) -> ValidationResult | None:
    """Each picture asks for its person's pictures of other cameras, source by source.

    Returns:
        The figures; None when no held-out person was seen by two cameras, in any source.
    """
    embeddings = embed_crops(model, crops, height=height, width=width)
    result = rank_held_out(embeddings, pictures)
    if result is None:
        return None
    return ValidationResult(
        map=result.figure("map"),
        rank1=result.figure("cmc_1"),
        map_interval=_known(result.interval("map")),
        rank1_interval=_known(result.interval("cmc_1")),
    )


def _known(interval: Interval) -> tuple[float, float] | None:
    return None if math.isnan(interval.low) else (interval.low, interval.high)

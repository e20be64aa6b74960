"""A model file on a protocol: what ``reid-gallery evaluate`` runs."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import PictureError
from ..extractor import Extractor
from ..loading import in_batches, load_pictures, separate
from .protocols import ProtocolResult, evaluate_protocol

_BATCH = 64


def evaluate_model(
    extractor: Extractor, protocol: str, folder: Path, *, progress: Callable[[int], None]
) -> ProtocolResult:
    """Embed a data set's pictures with a model and measure it.

    Args:
        extractor: the model.
        protocol: one of `protocols.PROTOCOLS`.
        folder: the data set, unpacked in its own layout.
        progress: called with the number of pictures embedded since the last call.

    Raises:
        LayoutError: the folder isn't of that data set.
        PictureError: one of its pictures can't be read.
    """

    def embed(paths: Sequence[Path]) -> npt.NDArray[np.float32]:
        rows = []
        for batch in in_batches(load_pictures(paths, lambda path: path), _BATCH):
            good, bad = separate(batch)
            if bad:
                raise PictureError(bad[0].problem)
            rows.append(extractor.embed_fitted([loaded.fitted for loaded in good]))
            progress(len(batch))
        return np.concatenate(rows)

    return evaluate_protocol(protocol, folder, embed)

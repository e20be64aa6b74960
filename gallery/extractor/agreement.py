"""Whether a model file gives what it should: the same embeddings as what it was made from."""

import numpy as np
import numpy.typing as npt

from ..errors import ModelError
from ..pictures.fit import HEIGHT, WIDTH
from .contract import Embeddings
from .onnx_extractor import Extractor

MIN_COSINE = 0.9999
"""Between an embedding by the file and by what it was made from."""


def check_agreement(
    extractor: Extractor, pictures: npt.NDArray[np.uint8], wanted: Embeddings
) -> None:
    """Compare embeddings, of several pictures at once as well as of one at a time.

    Args:
        extractor: the file.
        pictures: uint8[n, 256, 128, 3].
        wanted: float32[n, d] unit rows, by what the file was made from.

    Raises:
        ModelError: they differ, or the file isn't of the contract.
    """
    for batch_size in (8, 1):
        given = extractor.embed_fitted(pictures, batch_size=batch_size)
        worst = float((wanted * given).sum(1).min())
        if not worst >= MIN_COSINE:
            raise ModelError(
                f"{extractor.path}: at batch size {batch_size} a cosine of {worst:.6f} with the "
                f"embedding of what it was made from, and {MIN_COSINE} is needed"
            )


def noise_pictures(count: int) -> npt.NDArray[np.uint8]:
    """Return coarse coloured noise, uint8[count, 256, 128, 3], the same at every call."""
    random = np.random.default_rng(0)
    tiles = random.integers(0, 256, (count, HEIGHT // 16, WIDTH // 16, 3), dtype=np.uint8)
    return tiles.repeat(16, axis=1).repeat(16, axis=2)

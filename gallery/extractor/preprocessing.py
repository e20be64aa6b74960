"""What a third-party extractor wants done with a picture before it looks at it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import ModelError
from ..pictures.fit import HEIGHT, WIDTH

Channels = Literal["rgb", "bgr"]
Triple = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)

_LARGEST = 4096
"""Pixels a side; more is a mistake, and would take all memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """From uint8[n, 256, 128, 3] RGB to what the model takes: ``(scale * x / 255 - mean) / std``.

    Attributes:
        height: pixels of the model's input; where they differ from 256x128 the fitted picture is
            resized, bilinear with antialiasing, as Pillow does it.
        width: as ``height``.
        mean: subtracted, one a channel, in the model's order of channels.
        std: divided by, one a channel, in the model's order of channels.
        channels: the model's order.
        scale: what white is before ``mean`` is subtracted: 1, or 255.

    Raises:
        ModelError: on building it with values that can't be; all are listed.
    """

    height: int = HEIGHT
    width: int = WIDTH
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    channels: Channels = "rgb"
    scale: float = 1.0

    def __post_init__(self) -> None:
        mistakes = []
        if not (1 <= self.height <= _LARGEST and 1 <= self.width <= _LARGEST):
            mistakes.append(f"the size must be in 1..{_LARGEST}, not {self.height}x{self.width}")
        if not _are_finite(self.mean):
            mistakes.append(f"mean must be three numbers, not {self.mean}")
        if not (_are_finite(self.std) and min(self.std) > 0):
            mistakes.append(f"std must be three numbers above 0, not {self.std}")
        if self.channels not in get_args(Channels):
            mistakes.append(f"channels must be rgb or bgr, not {self.channels!r}")
        if not (math.isfinite(self.scale) and self.scale > 0):
            mistakes.append(f"scale must be above 0, not {self.scale}")
        if mistakes:
            raise ModelError("the preprocessing has mistakes: " + "; ".join(mistakes))

    @property
    def factors(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """float32[3] each: what a pixel of 0..255 is multiplied by, and what is added then."""
        mean, std = np.array(self.mean), np.array(self.std)
        return (self.scale / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)

    def apply(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return float32[n, height, width, 3] of uint8[n, 256, 128, 3], computed outside a graph.

        It is what an adopted graph is checked against, and shares nothing with it.
        """
        size = (self.width, self.height)
        resized = [
            np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))
            for picture in pictures
        ]
        ordered = np.stack(resized)[..., :: -1 if self.channels == "bgr" else 1]
        pixels = self.scale * ordered.astype(np.float64) / 255
        normalised = (pixels - np.array(self.mean)) / np.array(self.std)
        return np.asarray(normalised, dtype=np.float32)


def resizing_weights(old: int, new: int) -> npt.NDArray[np.float32]:
    """Return float32[new, old]: every new pixel's weights of the old ones, as Pillow has them."""
    identity = Image.fromarray(np.eye(old, dtype=np.float32))
    return np.asarray(identity.resize((old, new), Image.Resampling.BILINEAR))


def _are_finite(values: Sequence[float]) -> bool:
    return len(values) == 3 and all(math.isfinite(value) for value in values)

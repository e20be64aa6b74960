"""How good a picture of a person is, in four numbers that cost a millisecond.

Sharpness is the variance of the Laplacian (Pech-Pacheco et al. 2000, "Diatom autofocusing in
brightfield microscopy", eq. 6), contrast the root mean square of luminance (Peli 1990, "Contrast in
complex images", eq. 4). Both are measured on the picture as the extractor gets it, so that a small
crop, which is enlarged, is told for what it is: blurred. The aspect tells a truncated person: who
stands in the picture whole is two to three times as high as wide.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from .fit import HEIGHT, WIDTH
from .read import Crop


@dataclass(frozen=True, slots=True)
class Quality:
    """One picture's quality.

    Attributes:
        height: pixels.
        width: pixels.
        sharpness: variance of the Laplacian of luminance in [0, 255], enlarged or reduced to what
            fits into 256x128; a photograph has some hundreds, a blurred one some tens.
        contrast: standard deviation of luminance in [0, 1], so at most 0.5.
    """

    height: int
    width: int
    sharpness: float
    contrast: float

    @property
    def features(self) -> npt.NDArray[np.float64]:
        """float64[4]: logarithms of height, of height by width, of sharpness and of contrast."""
        aspect, sharp = self.height / self.width, np.log1p(self.sharpness)
        return np.array(
            [np.log(self.height), np.log(aspect), sharp, np.log(self.contrast + 1 / 255)]
        )


def measure_quality(crop: Crop) -> Quality:
    """Measure one crop, uint8[h, w, 3] RGB."""
    height, width = crop.shape[:2]
    scale = min(HEIGHT / height, WIDTH / width)
    size = (max(3, round(width * scale)), max(3, round(height * scale)))
    grey = Image.fromarray(crop).convert("L").resize(size, Image.Resampling.BILINEAR)
    light = np.asarray(grey, dtype=np.float32)
    return Quality(
        height=height,
        width=width,
        sharpness=float(_laplacian(light).var()),
        contrast=float(light.std() / 255),
    )


def _laplacian(light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Each inner pixel's four neighbours less four times itself."""
    middle = light[1:-1, 1:-1]
    around = light[:-2, 1:-1] + light[2:, 1:-1] + light[1:-1, :-2] + light[1:-1, 2:]
    return np.asarray(around - 4 * middle)

"""What a training picture goes through after `fit`: other light, other cameras, other boxes."""

import random

import albumentations as A  # noqa: N812 (the library's own convention)
import cv2
import numpy as np

from ..gallery.pictures.fit import FILL, fit
from ..gallery.pictures.read import Crop
from .config import AugmentConfig

cv2.setNumThreads(0)  # the workers are the parallelism; OpenCV's own threads would fight them


class Augmentation:
    """Fit a crop to the input size and change it at random, the same way for the same seed."""

    def __init__(self, config: AugmentConfig | None = None, *, height: int, width: int) -> None:
        self.height, self.width = height, width
        self._transform = A.Compose(_build_changes(config or AugmentConfig()))

    def __call__(self, crop: Crop, seed: int) -> Crop:
        """Take a crop of any size; return uint8[height, width, 3]."""
        # Not set_random_seed: that gives every transform the same seed, hence the same first draw,
        # and they would all be applied to the same few pictures.
        self._transform.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311
        fitted = self.fit(crop)
        return np.ascontiguousarray(self._transform(image=fitted)["image"])

    def fit(self, crop: Crop) -> Crop:
        """Fit a crop to the input size and change nothing; return uint8[height, width, 3]."""
        return fit(crop, height=self.height, width=self.width)


def _build_changes(config: AugmentConfig) -> list[A.BasicTransform | A.BaseCompose]:
    """Each change with its own probability; the magnitudes are those that people stay people at."""
    return [
        A.HorizontalFlip(p=config.flip),
        A.Affine(
            scale={"x": (0.85, 1.2), "y": (0.9, 1.2)},
            translate_percent={"x": (-0.08, 0.08), "y": (-0.06, 0.06)},
            rotate=(-6, 6),
            fill=FILL,
            p=config.box,
        ),
        A.ColorJitter(
            brightness=(0.6, 1.4),
            contrast=(0.7, 1.35),
            saturation=(0.6, 1.4),
            hue=(-0.04, 0.04),
            p=config.light,
        ),
        A.RGBShift(r_shift_limit=18, g_shift_limit=18, b_shift_limit=18, p=config.tint),
        A.ToGray(p=config.grey),
        A.OneOf(
            [
                A.GaussianBlur(blur_limit=(3, 5)),
                A.MotionBlur(blur_limit=(3, 5)),
                A.Downscale(scale_range=(0.35, 0.8)),
                A.ImageCompression(quality_range=(25, 70)),
                A.GaussNoise(std_range=(0.02, 0.08)),
            ],
            p=config.quality,
        ),
        A.CoarseDropout(
            num_holes_range=(1, 1),
            hole_height_range=(0.1, 0.45),
            hole_width_range=(0.2, 0.7),
            fill=FILL,
            p=config.erasing,
        ),
    ]

"""From linear light to the 8-bit picture that a cheap camera would have stored."""

import io

import numpy as np
from PIL import Image, ImageFilter

from ..pictures.read import Crop
from .camera import Lens
from .noise import Floats, smooth_noise

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def expose(light: Floats, lens: Lens, *, size: tuple[int, int], rng: np.random.Generator) -> Crop:
    """Tone, shrink, blur, add noise and compress.

    Args:
        light: float32[h, w, 3], linear.
        lens: the camera's.
        size: width and height of the result.
        rng: for the noise and what differs from picture to picture.

    Returns:
        uint8[size[1], size[0], 3] RGB.
    """
    picture = Image.fromarray(_tone(light, lens, rng)).resize(size, Image.Resampling.BOX)
    sigma = lens.blur * size[1] * float(rng.uniform(0.6, 1.8))
    if sigma > 0.2:
        picture = picture.filter(ImageFilter.GaussianBlur(sigma))
    if lens.sharpen > 0:
        picture = picture.filter(
            ImageFilter.UnsharpMask(radius=1.2, percent=round(100 * lens.sharpen), threshold=0)
        )
    return _compress(_add_noise(np.asarray(picture), lens, rng), lens.jpeg_quality)


def _tone(light: Floats, lens: Lens, rng: np.random.Generator) -> Crop:
    """White balance, exposure, gamma, contrast, saturation and haze."""
    wobble = float(np.exp(rng.normal(0, 0.12)))
    gains = np.array(lens.gains, dtype=np.float32) * np.float32(lens.exposure * wobble)
    value = np.sqrt(np.minimum(light * gains, 1.3))
    value = (value - 0.45) * np.float32(lens.contrast) + 0.45
    grey = (value @ _LUMA)[..., None]
    value = grey + np.float32(lens.saturation) * (value - grey)
    value = lens.haze + (1 - lens.haze) * value
    return (np.clip(value, 0, 1) * 255).astype(np.uint8)


def _add_noise(picture: Crop, lens: Lens, rng: np.random.Generator) -> Crop:
    """Shot noise, a part of it in patches as encoders leave it."""
    fine = rng.standard_normal(picture.shape, dtype=np.float32)
    patches = smooth_noise(rng, size=128, cells=(42, 42))
    rows = np.arange(picture.shape[0]) % 128
    columns = np.arange(picture.shape[1]) % 128
    grain = 0.6 * fine + 0.8 * patches[rows[:, None], columns][..., None]
    strength = lens.noise * (0.6 + 0.4 * np.sqrt(picture.astype(np.float32) / 128))
    return np.clip(picture + strength * grain, 0, 255).astype(np.uint8)


def _compress(picture: Crop, quality: int) -> Crop:
    """Leave the blocks that a JPEG of this quality leaves."""
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, format="JPEG", quality=quality)
    return np.array(Image.open(stored).convert("RGB"))

"""From a file to a crop: decode what can be decoded, refuse the rest with its reason.

Colour is always sRGB-like 8-bit RGB: EXIF rotation is applied, palettes and CMYK are converted,
16-bit is scaled down, transparency lies on black, and of an animation the first frame counts.
"""

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from ..errors import PictureError

Crop = npt.NDArray[np.uint8]
"""uint8[h, w, 3], RGB, of any size."""

MAX_PIXELS = 50_000_000
"""More than any crop of one person; a decompression bomb is far above it."""

MIN_SIDE = 8
"""Pixels; below it there is no person to recognise."""


def read_crop(path: Path) -> Crop:
    """Decode one picture file.

    Returns:
        uint8[h, w, 3] RGB.

    Raises:
        PictureError: it is missing, unreadable, no picture, truncated, too large or too small.
    """
    return decode_crop(read_bytes(path), where=str(path))


def read_bytes(path: Path) -> bytes:
    """Read a whole picture file, or say why not."""
    try:
        if not path.is_file():
            reason = "a directory or device, not a picture file" if path.exists() else "no such file"
            raise PictureError(f"{path}: {reason}")
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path}: can't be read ({error.strerror or error})") from error


def content_hash(content: bytes | Crop) -> str:
    """Sha256, hex, by which the same picture is known again.

    Of a file the hash covers its bytes (a decoder's version can't change them); of an array its
    shape and pixels.
    """
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256(str(content.shape).encode())
    digest.update(np.ascontiguousarray(content).tobytes())
    return digest.hexdigest()


def decode_crop(content: bytes, *, where: str) -> Crop:
    """Decode a picture held in memory; ``where`` names it in errors.

    Returns:
        uint8[h, w, 3] RGB.

    Raises:
        PictureError: as `read_crop`.
    """
    if not content:
        raise PictureError(f"{where}: the file is empty")
    try:
        with warnings.catch_warnings():
            # Pillow warns about broken metadata and near-bombs; the limits here are our own.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content)) as opened:
                _check_size(opened.size, where)
                picture = _to_rgb(ImageOps.exif_transpose(opened))
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(f"{where}: too many pixels ({error})") from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, TypeError, KeyError) as error:
        raise PictureError(f"{where}: not a picture that can be decoded ({error})") from error
    return np.array(picture, dtype=np.uint8)


def _check_size(size: tuple[int, int], where: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"{where}: {width}x{height} is over {MAX_PIXELS:,} pixels; enroll crops of one person"
        )
    if min(width, height) < MIN_SIDE:
        raise PictureError(
            f"{where}: {width}x{height} is too small; a crop needs {MIN_SIDE} pixels a side"
        )


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Convert any Pillow mode to RGB without losing bits that show."""
    if picture.mode.startswith("I;16") or picture.mode in {"I", "F"}:
        return _scale_to_8_bits(picture).convert("RGB")
    if picture.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return Image.alpha_composite(ground, rgba).convert("RGB")
    return picture.convert("RGB")


def _scale_to_8_bits(picture: Image.Image) -> Image.Image:
    """16-bit and 32-bit grey to 8 bits: by the type's range, or the data's where that is smaller."""
    values = np.asarray(picture, dtype=np.float64)
    top = 65535.0 if values.max(initial=0.0) > 255.0 else 255.0
    return Image.fromarray(np.clip(values / top * 255.0, 0, 255).astype(np.uint8), mode="L")

"""From a file to a crop: decode what can be decoded, refuse the rest with its reason.

Colour is always sRGB-like 8-bit RGB: EXIF rotation is applied, palettes and CMYK are converted,
16-bit is scaled down, transparency lies on black, and of an animation the first frame counts.
An embedded ICC profile is not applied: crops come from cameras, whose profiles say little, and
what a wide-gamut one would change is far below what another camera's white balance does.
"""

import hashlib
import io
import stat
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from ..errors import PictureError
from .modes import to_rgb
from .quiet import quiet

Crop = npt.NDArray[np.uint8]
"""uint8[h, w, 3], RGB, of any size."""

MAX_PIXELS = 25_000_000
"""3500x7000: more than any crop of one person. Decoding as many takes up to 0.5 GB for a while."""

MAX_SIDE = 16_384
"""Pixels. Each line of a picture costs time: a crafted 20x2,000,000 would hold up a batch."""

MIN_SIDE = 8
"""Pixels; below it there is no person to recognise."""

MAX_BYTES = 256 * 2**20
"""More than `MAX_PIXELS` take in any format; a larger file is not even read."""

_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP", "TIFF", "JPEG2000", "AVIF")
"""Pillow reads many more, some by starting other programs (EPS); none of those holds a crop."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation."""

_ORIENTATION_TAG = 0x0112
_TILE_WIDTH_TAG, _TILE_HEIGHT_TAG = 322, 323


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
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device"
            raise PictureError(f"{path}: {kind}, not a picture file")
        if status.st_size > MAX_BYTES:
            raise PictureError(f"{path}: {status.st_size:,} bytes are too many for a crop")
        return path.read_bytes()
    except FileNotFoundError as error:
        reason = "a link to a file that is gone" if path.is_symlink() else "no such file"
        raise PictureError(f"{path}: {reason}") from error
    except OSError as error:
        raise PictureError(f"{path}: can't be read ({error.strerror or error})") from error
    except ValueError as error:
        raise PictureError(f"{path!r}: no file can have this name ({error})") from error


def read_enrolled(path: Path, held: str | None) -> bytes:
    """Read a picture that was enrolled.

    Args:
        path: where it lay then.
        held: the sha256, in hex, of what it held; None where that isn't known.

    Raises:
        PictureError: it is gone, can't be read, or is another one by now.
    """
    content = read_bytes(path)
    if held is not None and content_hash(content) != held:
        raise changed(path)
    return content


def changed(path: Path) -> PictureError:
    """What to raise of a file that holds another picture than was enrolled from it."""
    return PictureError(f"{path}: changed since it was enrolled")


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
        with quiet, Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
            _check_size(opened.size, where)
            _check_tiles(opened, where)
            opened.load()
            _check_size(opened.size, where)
            return np.array(to_rgb(_turn_upright(opened)), dtype=np.uint8)
    except PictureError:
        raise
    except (UnidentifiedImageError, KeyError) as error:
        # KeyError: a Pillow built without one of the formats, having tried all the others.
        raise PictureError(f"{where}: not a picture, or its beginning is damaged") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"{where}: too many pixels ({error})") from error
    except Exception as error:
        # Decoders fail on hostile bytes in every way there is (struct.error, IndexError, ...).
        raise PictureError(f"{where}: can't be decoded ({error})") from error


def _check_size(size: tuple[int, int], where: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise PictureError(
            f"{where}: {width}x{height} is over {MAX_PIXELS:,} pixels, or {MAX_SIDE:,} a side;"
            " enroll crops of one person"
        )
    if min(width, height) < MIN_SIDE:
        raise PictureError(
            f"{where}: {width}x{height} is too small; a crop needs {MIN_SIDE} pixels a side"
        )


def _check_tiles(picture: Image.Image, where: str) -> None:
    """Refuse a TIFF whose tiles are far larger than it: a few kB would take gigabytes."""
    tags = getattr(picture, "tag_v2", None) or {}
    tile_pixels = int(tags.get(_TILE_WIDTH_TAG, 0)) * int(tags.get(_TILE_HEIGHT_TAG, 0))
    if tile_pixels > MAX_PIXELS:
        raise PictureError(f"{where}: its tiles are {tile_pixels:,} pixels, over {MAX_PIXELS:,}")


def _turn_upright(picture: Image.Image) -> Image.Image:
    """Apply the EXIF orientation of a decoded picture; broken EXIF counts as none."""
    try:
        turn = _TURNS.get(picture.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # any of them: the pixels are sound, only the metadata isn't
        return picture
    return picture if turn is None else picture.transpose(turn)

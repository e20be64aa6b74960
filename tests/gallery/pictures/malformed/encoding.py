"""The picture that all odd files show, and ways to write it by hand."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

RED, GREEN, BLUE, PALE = (200, 40, 30), (30, 180, 60), (40, 60, 200), (230, 220, 210)
HEIGHT, WIDTH = 64, 32
"""Each quadrant is whole 16x16 blocks of a JPEG, so that no block mixes colours."""


def quadrants() -> Pixels:
    """uint8[64, 32, 3]: red, green; blue, pale. No turn or flip of it looks the same."""
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2], pixels[: HEIGHT // 2, WIDTH // 2 :] = RED, GREEN
    pixels[HEIGHT // 2 :, : WIDTH // 2], pixels[HEIGHT // 2 :, WIDTH // 2 :] = BLUE, PALE
    return pixels


def grey(pixels: Pixels) -> Pixels:
    """The luma of ITU-R BT.601, which Pillow's mode L holds, in three equal channels."""
    luma = np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return np.repeat(luma[..., None], 3, axis=2)


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture file as bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png(
    width: int, height: int, lines: bytes, *, depth: int = 8, colour: int = 2, extra: bytes = b""
) -> bytes:
    """A PNG written by hand: ``lines`` are the raw lines, each with its filter byte."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    packed = [pack_chunk(*chunk) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + packed[0] + extra + packed[1] + packed[2]


def pack_chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def tiled_tiff(width: int, height: int, tile_width: int, tile_height: int, data: bytes) -> bytes:
    """A TIFF of one deflated RGB tile, written by hand."""
    tags = [(256, width), (257, height), (258, 8), (259, 8), (262, 2), (277, 3)]
    tags += [(322, tile_width), (323, tile_height), (324, 0), (325, len(data))]
    at = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, at if tag == 324 else value) for tag, value in tags
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def orientation(value: int) -> Image.Exif:
    """EXIF with nothing but the orientation."""
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}
"""What a viewer does to the stored pixels, by EXIF 2.32, 4.6.4 A: 6 is a quarter turn clockwise."""

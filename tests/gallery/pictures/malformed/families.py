"""The odd files that are no more than their content."""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageCms, features

from .encoding import (
    HEIGHT,
    RED,
    TURNS,
    WIDTH,
    Pixels,
    encode,
    grey,
    orientation,
    png,
    quadrants,
    tiled_tiff,
)

Made = tuple[str, bytes, Pixels | None, int]
"""File name, content, what it shows, tolerance."""


def _rotated() -> Iterator[Made]:
    pixels = quadrants()
    picture = Image.fromarray(pixels)
    for value, turn in TURNS.items():
        shows = np.ascontiguousarray(turn(pixels))
        yield f"exif{value}.jpg", encode(picture, "JPEG", exif=orientation(value)), shows, 8
        yield f"exif{value}.png", encode(picture, "PNG", exif=orientation(value)), shows, 0
    turned = np.ascontiguousarray(TURNS[6](pixels))
    yield "exif6.tif", encode(picture, "TIFF", exif=orientation(6)), turned, 0
    yield "exif6.webp", encode(picture, "WEBP", lossless=True, exif=orientation(6)), turned, 0
    broken = b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(range(40))
    yield "exif_broken.jpg", encode(picture, "JPEG", exif=broken), pixels, 8
    unknown = encode(picture, "JPEG", exif=orientation(77))
    yield "exif_unknown.jpg", unknown, pixels, 8


def _modes() -> Iterator[Made]:
    pixels = quadrants()
    picture, shown_grey = Image.fromarray(pixels), grey(quadrants())
    luma = shown_grey[..., 0]
    yield "plain.png", encode(picture, "PNG"), pixels, 0
    yield "plain.jpg", encode(picture, "JPEG", quality=95), pixels, 6
    yield "progressive.jpg", encode(picture, "JPEG", progressive=True), pixels, 8
    yield "cmyk_adobe.jpg", encode(picture.convert("CMYK"), "JPEG", quality=95), pixels, 6
    yield "cmyk.tif", encode(picture.convert("CMYK"), "TIFF"), pixels, 1
    yield "grey.jpg", encode(Image.fromarray(luma), "JPEG", quality=95), shown_grey, 4
    yield "grey.png", encode(Image.fromarray(luma), "PNG"), shown_grey, 0
    bits = np.where(luma > 100, 255, 0).astype(np.uint8)
    shown_bits = np.repeat(bits[..., None], 3, axis=2)
    yield "one_bit.png", encode(Image.fromarray(bits).convert("1"), "PNG"), shown_bits, 0
    yield "palette.png", encode(picture.quantize(4), "PNG"), pixels, 4
    yield "grey16.png", encode(Image.fromarray(luma.astype(np.uint16) * 257), "PNG"), shown_grey, 0
    dim = np.repeat((luma // 16)[..., None], 3, axis=2)
    dark = (luma // 16).astype(np.uint16) * 257
    yield "grey16_dark.png", encode(Image.fromarray(dark), "PNG"), dim, 0
    yield "grey16.tif", encode(Image.fromarray(luma.astype(np.uint16) * 257), "TIFF"), shown_grey, 0
    big_endian = Image.frombytes("I;16B", picture.size, (luma.astype(">u2") * 257).tobytes())
    yield "grey16_big_endian.tif", encode(big_endian, "TIFF"), shown_grey, 0
    pgm = b"P5 32 64 65535\n" + (luma.astype(">u2") * 257).tobytes()
    yield "grey16.pgm", pgm, shown_grey, 0
    yield "int8range.tif", encode(Image.fromarray(luma.astype(np.int32)), "TIFF"), shown_grey, 0
    wide = luma.astype(np.int32) * 257
    yield "int16range.tif", encode(Image.fromarray(wide), "TIFF"), shown_grey, 0
    unit = luma.astype(np.float32) / 255
    yield "float_unit.tif", encode(Image.fromarray(unit), "TIFF"), shown_grey, 0
    yield "float_255.tif", encode(Image.fromarray(luma.astype(np.float32)), "TIFF"), shown_grey, 0
    holes, shown_holes = unit.copy(), shown_grey.copy()
    holes[:8], shown_holes[:8] = np.nan, 0
    holes[8:16], shown_holes[8:16] = np.inf, 0
    yield "float_nan.tif", encode(Image.fromarray(holes), "TIFF"), shown_holes, 0
    huge, shown_huge = np.full((HEIGHT, WIDTH), -3e38, np.float32), np.zeros_like(pixels)
    huge[:, 16:], shown_huge[:, 16:] = 3e38, 255
    yield "float_huge.tif", encode(Image.fromarray(huge), "TIFF"), shown_huge, 0
    deep = b"".join(b"\0" + (row.astype(">u2") * 257).tobytes() for row in pixels)
    yield "rgb16.png", png(WIDTH, HEIGHT, deep, depth=16), pixels, 0
    yield "ycbcr.tif", encode(picture.convert("YCbCr"), "TIFF"), pixels, 3


def _transparent() -> Iterator[Made]:
    pixels = quadrants()
    picture = Image.fromarray(pixels)
    shown = pixels.copy()
    shown[: HEIGHT // 2, : WIDTH // 2] = 0
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[: HEIGHT // 2, : WIDTH // 2] = 0
    rgba = Image.fromarray(np.dstack([pixels, alpha]))
    yield "rgba.png", encode(rgba, "PNG"), shown, 0
    yield "rgba.webp", encode(rgba, "WEBP", lossless=True), shown, 0
    yield "rgba.tif", encode(rgba, "TIFF"), shown, 0
    half = np.dstack([pixels, np.full((HEIGHT, WIDTH), 128, np.uint8)])
    shown_half = np.rint(pixels * (128 / 255)).astype(np.uint8)
    yield "rgba_half.png", encode(Image.fromarray(half), "PNG"), shown_half, 1
    luma = grey(pixels)[..., 0]
    shown_grey = grey(pixels)
    shown_grey[: HEIGHT // 2, : WIDTH // 2] = 0
    yield "la.png", encode(Image.fromarray(np.dstack([luma, alpha])), "PNG"), shown_grey, 0
    palette = picture.quantize(4)
    index = palette.getpixel((2, 2))
    by_index = encode(palette, "PNG", transparency=index)
    yield "palette_transparent.png", by_index, shown, 4
    opacity = bytes(0 if i == index else 255 for i in range(4))
    yield (
        "palette_opacities.png",
        encode(palette, "PNG", transparency=opacity, optimize=True),
        shown,
        4,
    )
    yield "gif_transparent.gif", encode(palette, "GIF", transparency=index), shown, 4
    yield "rgb_key.png", encode(picture, "PNG", transparency=RED), shown, 0


def _kinds() -> Iterator[Made]:
    pixels = quadrants()
    picture = Image.fromarray(pixels)
    other = Image.fromarray(255 - pixels)
    both: dict[str, Any] = {"save_all": True, "append_images": [other], "duration": 100}
    yield "animated.gif", encode(picture, "GIF", **both), pixels, 4
    yield "animated.webp", encode(picture, "WEBP", lossless=True, **both), pixels, 0
    yield "animated.png", encode(picture, "PNG", **both), pixels, 0
    yield "pages.tif", encode(picture, "TIFF", save_all=True, append_images=[other]), pixels, 0
    yield "two_views.jpg", encode(picture, "MPO", **both, quality=95), pixels, 6
    yield "plain.bmp", encode(picture, "BMP"), pixels, 0
    yield "plain.ppm", encode(picture, "PPM"), pixels, 0
    yield "lossy.webp", encode(picture, "WEBP", quality=95), pixels, 8
    yield "lzw.tif", encode(picture, "TIFF", compression="tiff_lzw"), pixels, 0
    tile = np.zeros((HEIGHT, 48, 3), np.uint8)
    tile[:, :WIDTH] = pixels
    tiled = tiled_tiff(WIDTH, HEIGHT, 48, HEIGHT, zlib.compress(tile.tobytes()))
    yield "tiled.tif", tiled, pixels, 0
    if features.check("jpg_2000"):
        yield "plain.jp2", encode(picture, "JPEG2000"), pixels, 0
    if features.check("avif"):
        yield "plain.avif", encode(picture, "AVIF", quality=95), pixels, 8
    # A wide-gamut profile is left unapplied: the values stay what the file says.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    yield "profile.png", encode(picture, "PNG", icc_profile=profile), pixels, 0
    yield "png_named.jpg", encode(picture, "PNG", compress_level=1), pixels, 0
    yield "jpeg_named.png", encode(picture, "JPEG", quality=96), pixels, 6
    yield "bytes_after_end.jpg", encode(picture, "JPEG", quality=97) + bytes(500), pixels, 6
    yield "no_end_chunk.png", encode(picture, "PNG", compress_level=2)[:-12], pixels, 0
    column = np.repeat(pixels[:, :8], 20, axis=0)
    yield "tall.png", encode(Image.fromarray(column), "PNG"), column, 0
    least = np.full((8, 8, 3), RED, np.uint8)
    yield "least.png", encode(Image.fromarray(least), "PNG"), least, 0


def _damaged() -> Iterator[Made]:
    noise = np.random.default_rng(0).integers(0, 256, (48, 24, 3)).astype(np.uint8)
    picture = Image.fromarray(noise)
    for kind, ending in [
        ("JPEG", "jpg"),
        ("PNG", "png"),
        ("GIF", "gif"),
        ("WEBP", "webp"),
        ("TIFF", "tif"),
        ("BMP", "bmp"),
    ]:
        content = encode(picture, kind)
        for percent in (1, 30, 90):
            yield f"cut{percent}.{ending}", content[: len(content) * percent // 100], None, 0
    flipped = bytearray(encode(picture, "PNG"))
    flipped[len(flipped) // 2] ^= 0x10
    yield "flipped_bit.png", bytes(flipped), None, 0
    yield "only_marker.jpg", b"\xff\xd8\xff", None, 0
    yield "only_signature.png", b"\x89PNG\r\n\x1a\n", None, 0


def _not_pictures() -> Iterator[Made]:
    yield "empty.jpg", b"", None, 0
    yield "text.jpg", b"This is not a picture.\n" * 20, None, 0
    yield "page.jpg", b"<!DOCTYPE html><html><body>404</body></html>", None, 0
    yield (
        "drawing.png",
        b'<svg width="64" height="64"/>',
        None,
        0,
    )
    yield (
        "postscript.jpg",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n",
        None,
        0,
    )
    yield "document.jpg", b"%PDF-1.4\n%%EOF\n", None, 0
    yield "archive.png", b"PK\x03\x04" + bytes(60), None, 0
    yield "zeros.jpg", bytes(5000), None, 0
    yield "noise.bmp", b"BM" + np.random.default_rng(1).bytes(3000), None, 0


def _sizes() -> Iterator[Made]:
    yield "one_pixel.png", encode(Image.new("RGB", (1, 1)), "PNG"), None, 0
    yield "narrow.png", encode(Image.new("RGB", (7, 100)), "PNG"), None, 0
    line = b"\0" + bytes(3 * 24)
    yield "bomb.png", png(60_000, 60_000, line * 48), None, 0
    yield "bomb_small.png", png(6_000, 6_000, line * 48), None, 0
    yield "endless_line.png", png(2_000_000, 10, line * 48), None, 0
    gif = bytearray(encode(Image.new("RGB", (24, 48)), "GIF"))
    gif[6:10] = struct.pack("<HH", 65_535, 65_535)
    yield "bomb.gif", bytes(gif), None, 0
    yield "bomb.ppm", b"P6 60000 60000 255\n" + bytes(100), None, 0
    yield "bomb.tif", tiled_tiff(64, 64, 32_768, 32_768, zlib.compress(bytes(10_000_000))), None, 0


FAMILIES = (_rotated, _modes, _transparent, _kinds, _damaged, _not_pictures, _sizes)

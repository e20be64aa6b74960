"""A page to draw on: smooth shapes and text, with Pillow alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw

from .lettering import letter, shorten

Colour = tuple[int, int, int]
Align = Literal["left", "right", "centre"]

_SMOOTH = 4
"""Pillow draws shapes with hard edges; they are drawn this many times as large and reduced."""


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels: left and top are inside, right and bottom outside."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column outside."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row outside."""
        return self.top + self.height

    def grown(self, by: int) -> "Box":
        """The same box with ``by`` more pixels on every side."""
        return Box(self.left - by, self.top - by, self.width + 2 * by, self.height + 2 * by)


class Canvas:
    """A picture being drawn."""

    def __init__(self, width: int, height: int, colour: Colour) -> None:
        self.picture = Image.new("RGB", (width, height), colour)
        self._draw = ImageDraw.Draw(self.picture)

    def fill(self, box: Box, colour: Colour, *, radius: int = 0) -> None:
        """Fill a box, its corners round."""
        if not radius:
            self.picture.paste(colour, (box.left, box.top, box.right, box.bottom))
            return

        def shape(draw: ImageDraw.ImageDraw, scale: int) -> None:
            corner = (box.width * scale - 1, box.height * scale - 1)
            draw.rounded_rectangle((0, 0, *corner), radius * scale, fill=255)

        self._stamp(box, colour, shape)

    def frame(
        self, box: Box, colour: Colour, *, width: int = 1, radius: int = 0, dashed: bool = False
    ) -> None:
        """Draw a line just inside a box."""

        def shape(draw: ImageDraw.ImageDraw, scale: int) -> None:
            right, bottom = box.width * scale - 1, box.height * scale - 1
            draw.rounded_rectangle(
                (0, 0, right, bottom), radius * scale, outline=255, width=width * scale
            )
            if dashed:
                _cut_gaps(draw, right, bottom, width * scale)

        self._stamp(box, colour, shape)

    def line(self, points: list[tuple[float, float]], colour: Colour, width: int) -> None:
        """Draw a line through points, its ends round."""
        left, top = (int(min(p[axis] for p in points)) - width for axis in (0, 1))
        right, bottom = (int(max(p[axis] for p in points)) + width + 1 for axis in (0, 1))

        def shape(draw: ImageDraw.ImageDraw, scale: int) -> None:
            scaled = [((x - left) * scale, (y - top) * scale) for x, y in points]
            draw.line(scaled, fill=255, width=width * scale, joint="curve")
            for x, y in (scaled[0], scaled[-1]):
                draw.circle((x, y), width * scale / 2, fill=255)

        self._stamp(Box(left, top, right - left, bottom - top), colour, shape)

    def text(
        self,
        x: int,
        baseline: int,
        text: str,
        *,
        size: int,
        colour: Colour,
        width: int = 10_000,
        align: Align = "left",
        bold: bool = False,
    ) -> int:
        """Write one line, shortened to ``width``; ``x`` is its left, right or middle.

        Returns:
            The width that was used.
        """
        written, font = letter(text, size)
        written = shorten(written, font, width)
        length = font.getlength(written)
        start = x - {"left": 0.0, "right": length, "centre": length / 2}[align]
        # The built-in font has one weight: a second impression half a pixel aside makes it bold.
        for shift in (0.0, 0.5) if bold else (0.0,):
            self._draw.text((start + shift, baseline), written, colour, font, anchor="ls")
        return round(length)

    def paste(self, picture: Image.Image, left: int, top: int) -> None:
        """Put a picture onto the page."""
        self.picture.paste(picture, (left, top))

    def _stamp(
        self, box: Box, colour: Colour, shape: Callable[[ImageDraw.ImageDraw, int], None]
    ) -> None:
        stencil = Image.new("L", (box.width * _SMOOTH, box.height * _SMOOTH))
        shape(ImageDraw.Draw(stencil), _SMOOTH)
        self.picture.paste(colour, (box.left, box.top), stencil.reduce(_SMOOTH))


def _cut_gaps(draw: ImageDraw.ImageDraw, right: int, bottom: int, width: int) -> None:
    """Make a frame dashed: gaps at even steps across its four lines, none at a corner."""
    for start, end in _gaps(right, width):
        draw.rectangle((start, 0, end, width), fill=0)
        draw.rectangle((start, bottom - width, end, bottom), fill=0)
    for start, end in _gaps(bottom, width):
        draw.rectangle((0, start, width, end), fill=0)
        draw.rectangle((right - width, start, right, end), fill=0)


def _gaps(length: int, width: int) -> list[tuple[float, float]]:
    steps = max(1, round(length / (8 * width)))
    return [(length * (step + 0.3) / steps, length * (step + 0.7) / steps) for step in range(steps)]

"""A contact sheet of people: a row each, with some of their pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ...gallery.reports.canvas import Box, Canvas, Colour
from ...gallery.reports.tiles import TILE_HEIGHT, TILE_WIDTH, draw_tile

TILES = 10
"""Pictures in a row."""

_PAPER: Colour = (244, 245, 247)
_INK: Colour = (24, 29, 36)
_MUTED: Colour = (98, 106, 117)
_MARKED: Colour = (204, 80, 0)

_MARGIN, _GAP, _HEADER, _CAPTION = 28, 10, 64, 34
_ROW = _CAPTION + TILE_HEIGHT + 40


@dataclass(frozen=True, slots=True)
class AlbumPicture:
    """One picture of a row: its file, what is written below, and whether it has a frame."""

    path: Path
    label: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class AlbumRow:
    """One person: what is written above, and pictures, of which the first 10 are drawn."""

    title: str
    note: str
    pictures: Sequence[AlbumPicture]


def draw_album(rows: Sequence[AlbumRow], title: str, path: Path) -> None:
    """Draw people into a PNG file."""
    columns = max(4, *(min(TILES, len(row.pictures)) for row in rows))
    width = 2 * _MARGIN + columns * (TILE_WIDTH + _GAP) - _GAP
    canvas = Canvas(width, _HEADER + len(rows) * _ROW, _PAPER)
    room = width - 2 * _MARGIN
    canvas.text(_MARGIN, 42, title, size=22, colour=_INK, width=room, bold=True)
    for at, row in enumerate(rows):
        _draw_row(canvas, row, top=_HEADER + at * _ROW, room=room)
    _save(canvas.picture, path)


def _draw_row(canvas: Canvas, row: AlbumRow, *, top: int, room: int) -> None:
    used = canvas.text(
        _MARGIN, top + 22, row.title, size=16, colour=_INK, width=room // 2, bold=True
    )
    left = _MARGIN + used + 12
    canvas.text(left, top + 22, row.note, size=14, colour=_MUTED, width=room - used - 12)
    for at, picture in enumerate(row.pictures[:TILES]):
        x, y = _MARGIN + at * (TILE_WIDTH + _GAP), top + _CAPTION
        canvas.paste(draw_tile(picture.path), x, y)
        if picture.marked:
            canvas.frame(Box(x, y, TILE_WIDTH, TILE_HEIGHT).grown(3), _MARKED, width=3, radius=3)
        colour = _MARKED if picture.marked else _MUTED
        below = y + TILE_HEIGHT + 18
        canvas.text(x, below, picture.label, size=12, colour=colour, width=TILE_WIDTH)


def _save(picture: Image.Image, path: Path) -> None:
    picture.save(path, "PNG", compress_level=4)

"""How a contact sheet looks: where everything stands, and in which colours."""

from collections.abc import Sequence

from PIL import Image

from .canvas import Box, Canvas, Colour
from .lettering import letter, wrap
from .rows import SheetMatch, SheetRow
from .tiles import TILE_HEIGHT, TILE_WIDTH, draw_mosaic, draw_tile

MAX_MATCHES = 10

_PAPER: Colour = (244, 245, 247)
_CARD: Colour = (255, 255, 255)
_PANEL: Colour = (233, 238, 245)
_EDGE: Colour = (222, 226, 231)
_INK: Colour = (24, 29, 36)
_MUTED: Colour = (98, 106, 117)
_QUERY: Colour = (38, 70, 110)
# Okabe and Ito's bluish green and vermillion, darkened for contrast on white: told apart by all
# kinds of colour vision. Symbol and border say the same again.
_RIGHT: Colour = (0, 132, 96)
_WRONG: Colour = (204, 80, 0)

_MARGIN, _GAP, _PAD = 36, 16, 20
_STEP = TILE_WIDTH + 22
_PANEL_WIDTH = TILE_WIDTH + 2 * 26
_TILE_TOP = 36
_ROW_HEIGHT = _TILE_TOP + TILE_HEIGHT + 70
_HEADER = 96
_FOOTER = 34
_LEAST_WIDTH = 680


def draw_page(
    rows: Sequence[SheetRow],
    *,
    title: str,
    total: int,
    noun: tuple[str, str] = ("query", "queries"),
) -> Image.Image:
    """Draw rows under a header.

    Args:
        rows: what is drawn.
        title: stands above.
        total: of how many the rows are the first.
        noun: what a row is about, one and several.
    """
    columns = min(MAX_MATCHES, max((len(row.matches) for row in rows), default=1))
    card = _PANEL_WIDTH + 2 * _PAD + max(1, columns) * _STEP - (_STEP - TILE_WIDTH)
    width = max(_LEAST_WIDTH, card + 2 * _MARGIN)
    height = _HEADER + len(rows) * (_ROW_HEIGHT + _GAP) + _FOOTER
    canvas = Canvas(width, height, _PAPER)
    _draw_header(canvas, rows, title, total, noun)
    for at, row in enumerate(rows):
        top = _HEADER + at * (_ROW_HEIGHT + _GAP)
        _draw_row(canvas, Box(_MARGIN, top, width - 2 * _MARGIN, _ROW_HEIGHT), row, noun[0])
    return canvas.picture


def _draw_header(
    canvas: Canvas, rows: Sequence[SheetRow], title: str, total: int, noun: tuple[str, str]
) -> None:
    width = canvas.picture.width
    firsts = [row.matches[0].right for row in rows if row.matches]
    judged = [right for right in firsts if right is not None]
    legend = 190 if judged else 0
    room = width - 2 * _MARGIN - legend
    canvas.text(_MARGIN, 50, title, size=25, colour=_INK, width=room, bold=True)
    summary = _summary(len(rows), total, judged, noun)
    canvas.text(_MARGIN, 75, summary, size=14, colour=_MUTED, width=room)
    if judged:
        _draw_legend(canvas, width - _MARGIN)


def _summary(shown: int, total: int, judged: list[bool], noun: tuple[str, str]) -> str:
    parts = [f"{total:,} {noun[total != 1]}"]
    if shown < total:
        parts = [f"the first {shown} of {total:,} {noun[1]}"]
    if judged:
        parts.append(f"first match right: {sum(judged)} of {len(judged)}")
    return "  ·  ".join(parts)


def _draw_legend(canvas: Canvas, right: int) -> None:
    for name, is_right in (("wrong", False), ("right", True)):
        used = canvas.text(right, 75, name, size=14, colour=_MUTED, align="right")
        _draw_badge(canvas, right - used - 18, 70, right=is_right)
        right -= used + 50


def _draw_row(canvas: Canvas, box: Box, row: SheetRow, noun: str) -> None:
    canvas.fill(box.grown(1), _EDGE, radius=11)
    canvas.fill(box, _CARD, radius=10)
    panel = Box(box.left, box.top, _PANEL_WIDTH, box.height)
    canvas.fill(panel, _PANEL, radius=10)
    canvas.fill(Box(panel.right - 12, panel.top, 12, panel.height), _PANEL)
    _draw_query(canvas, panel, row, noun)
    left = panel.right + _PAD
    for rank, match in enumerate(row.matches[:MAX_MATCHES], start=1):
        _draw_match(canvas, left, box.top, rank, match)
        left += _STEP
    if not row.matches:
        canvas.text(left, box.top + _ROW_HEIGHT // 2, "nobody matches", size=15, colour=_MUTED)
    if (more := len(row.matches) - MAX_MATCHES) > 0:
        note = f"and {more} more"
        canvas.text(box.right - _PAD, box.top + 24, note, size=13, colour=_MUTED, align="right")


def _draw_query(canvas: Canvas, panel: Box, row: SheetRow, noun: str) -> None:
    left, top = panel.left + 26, panel.top + _TILE_TOP
    tile = Box(left, top, TILE_WIDTH, TILE_HEIGHT)
    number = len(row.pictures)
    name = noun if number == 1 else f"{noun} · {number} pictures"
    canvas.text(left, panel.top + 24, name, size=13, colour=_QUERY, width=TILE_WIDTH + 20)
    canvas.paste(draw_mosaic(row.pictures), left, top)
    canvas.frame(tile.grown(2), _QUERY, width=2, radius=3)
    room = TILE_WIDTH + 20
    baseline = tile.bottom + 23
    canvas.text(left, baseline, row.caption, size=15, colour=_INK, width=room, bold=True)
    _draw_verdict(canvas, left, baseline + 19, room, row)


def _draw_verdict(canvas: Canvas, left: int, baseline: int, room: int, row: SheetRow) -> None:
    if row.known is not None:
        said = "known" if row.known else "unknown"
        canvas.text(left, baseline, said, size=14, colour=_QUERY, width=room, bold=True)
        baseline += 17
    written, font = letter(row.verdict, 13)
    for line in wrap(written, font, room, 2 if row.known is None else 1):
        canvas.text(left, baseline, line, size=13, colour=_QUERY)
        baseline += 16


def _draw_match(canvas: Canvas, left: int, top: int, rank: int, match: SheetMatch) -> None:
    tile = Box(left, top + _TILE_TOP, TILE_WIDTH, TILE_HEIGHT)
    canvas.text(left, top + 24, str(rank), size=13, colour=_MUTED)
    canvas.paste(draw_tile(match.picture), tile.left, tile.top)
    if match.right is None:
        canvas.frame(tile.grown(1), _EDGE)
    else:
        colour = _RIGHT if match.right else _WRONG
        width = 4 if match.right else 2
        canvas.frame(tile.grown(width), colour, width=width, radius=3, dashed=not match.right)
        _draw_badge(canvas, tile.right - 4, tile.top + 4, right=match.right)
    _draw_labels(canvas, tile, match)


def _draw_labels(canvas: Canvas, tile: Box, match: SheetMatch) -> None:
    """Write pid, score and camera below a match's tile."""
    pid_line, score_line = tile.bottom + 23, tile.bottom + 42
    canvas.text(tile.left, pid_line, match.pid, size=15, colour=_INK, width=TILE_WIDTH, bold=True)
    used = canvas.text(tile.left, score_line, f"{match.score:.3f}", size=14, colour=_INK)
    room = TILE_WIDTH - used - 10
    x, camera = tile.right, match.camera or ""
    canvas.text(x, score_line, camera, size=13, colour=_MUTED, width=room, align="right")


def _draw_badge(canvas: Canvas, x: int, y: int, *, right: bool) -> None:
    """A tick on a disc, or a cross on a square, around a point."""
    place = Box(x - 11, y - 11, 22, 22)
    canvas.fill(place.grown(2), _CARD, radius=13 if right else 6)
    canvas.fill(place, _RIGHT if right else _WRONG, radius=11 if right else 4)
    if right:
        canvas.line([(x - 5, y), (x - 1.5, y + 4), (x + 5, y - 4)], _CARD, 2)
    else:
        canvas.line([(x - 4, y - 4), (x + 4, y + 4)], _CARD, 2)
        canvas.line([(x - 4, y + 4), (x + 4, y - 4)], _CARD, 2)

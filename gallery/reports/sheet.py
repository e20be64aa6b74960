"""The contact sheet: queries on the left, their matches on the right, as one PNG."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..atomic import replacing
from ..errors import ReportError
from .page import draw_page
from .png import check_png_path
from .rows import SheetMatch, SheetRow

__all__ = ["MAX_ROWS", "SheetMatch", "SheetRow", "write_sheet"]

MAX_ROWS = 60
"""Rows of one sheet; more would make a picture that no viewer likes."""


def write_sheet(
    path: Path,
    rows: Sequence[SheetRow],
    *,
    title: str = "Contact sheet",
    noun: tuple[str, str] = ("query", "queries"),
) -> int:
    """Draw a contact sheet into a PNG file, which appears whole or not at all.

    Args:
        path: ends in ``.png``; its folder must exist. An older file is replaced.
        rows: from top to bottom; the first 60 are drawn, and the sheet says how many there are.
        title: stands above it.
        noun: what a row is about, one and several.

    Returns:
        The number of rows drawn.

    Raises:
        ReportError: the file has another ending, or can't be written.
    """
    check_png_path(path)
    shown = rows[:MAX_ROWS]
    _save(draw_page(shown, title=title, total=len(rows), noun=noun), path)
    return len(shown)


def _save(picture: Image.Image, path: Path) -> None:
    try:
        with replacing(path) as temporary:
            picture.save(temporary, "PNG", compress_level=4)  # half the time of 6, 4% larger
    except OSError as error:
        raise ReportError(f"{path}: can't be written ({error.strerror or error})") from error

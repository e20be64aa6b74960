"""Text that fits: a font that has its letters, control characters gone, long names shortened."""

import unicodedata
from collections.abc import Callable
from functools import lru_cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "arial.ttf",
    "msyh.ttc",
    "PingFang.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
)
"""Tried in turn for letters that Pillow's own font lacks, which has ASCII and little else."""

_LONGEST = 300
"""Characters that are looked at, half from each end: a name of a million costs nothing."""

_NOT_DRAWN = frozenset({"Cc", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories: control characters, unassigned ones, breaks of lines and paragraphs."""


def letter(text: str, size: int) -> tuple[str, Font]:
    """Choose how to write ``text``: what of it can be drawn on one line, and a font that has it.

    Where no font at hand has all its letters, those beyond ASCII are written as their numbers, so
    that two names never look the same.
    """
    plain = _clean(text)
    for name in (None, *_SYSTEM_FONTS):
        font = load_font(name, size)
        if font is not None and all(_has(name, character) for character in set(plain)):
            return plain, font
    return plain.encode("ascii", "backslashreplace").decode(), _built_in(size)


def shorten(text: str, font: Font, width: float) -> str:
    """Cut the middle out of ``text`` until it fits: the ends tell names apart."""
    if font.getlength(text) <= width:
        return text

    def cut(kept: int) -> str:
        head = (kept + 1) // 2
        return text[:head] + "..." + text[len(text) - (kept - head) :]

    return cut(_largest(len(text), lambda kept: font.getlength(cut(kept)) <= width))


def wrap(text: str, font: Font, width: float, lines: int) -> list[str]:
    """Break ``text`` at blanks into at most so many lines; the last one is shortened."""
    words, broken = text.split(), [""]
    for at, word in enumerate(words):
        longer = f"{broken[-1]} {word}".strip()
        if font.getlength(longer) <= width or not broken[-1]:
            broken[-1] = longer
        elif len(broken) == lines:
            broken[-1] = " ".join([broken[-1], *words[at:]])
            break
        else:
            broken.append(word)
    return [shorten(line, font, width) for line in broken if line]


@lru_cache(maxsize=64)
def load_font(name: str | None, size: int) -> Font | None:
    """A font of the system by file name, or Pillow's own; None if it isn't there."""
    if name is None:
        return _built_in(size)
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


def _built_in(size: int) -> Font:
    return ImageFont.load_default(size=size)


@lru_cache(maxsize=4096)
def _has(name: str | None, character: str) -> bool:
    """Whether a font has a glyph: it draws it otherwise than a character that no font has."""
    font = load_font(name, 20)
    if font is None:
        return False
    return character == " " or _ink(font, character) != _ink(font, "\uffff")


def _ink(font: Font, character: str) -> bytes:
    return bytes(font.getmask(character))


def _clean(text: str) -> str:
    """One line of valid characters: names of files may hold any bytes."""
    text = text.strip()
    if len(text) > _LONGEST:
        text = text[: _LONGEST // 2] + text[-_LONGEST // 2 :]
    valid = text.encode("utf-8", "backslashreplace").decode()
    return "".join("?" if unicodedata.category(c) in _NOT_DRAWN else c for c in valid)


def _largest(limit: int, fits: Callable[[int], bool]) -> int:
    """The largest number below ``limit`` that fits, by bisection; 0 if none does."""
    low, high = 0, limit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low

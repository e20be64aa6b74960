"""Find the pictures below a folder."""

import os
from pathlib import Path

from ..errors import LayoutError

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".webp", ".gif"}
    | {".tif", ".tiff", ".ppm", ".pgm", ".pnm", ".jp2", ".avif"}
)
"""File names with these endings, in any case, are taken as pictures when a folder is read."""

Failures = list[tuple[Path, str]]
"""What can't be read, with the reason: a whole sentence that names the path."""


NOT_UTF8 = "its name is not UTF-8 and can't be stored; rename it"


def is_picture_name(name: str) -> bool:
    """Whether a file called ``name`` is taken as a picture."""
    return Path(name).suffix.lower() in PICTURE_SUFFIXES and not name.startswith(".")


def failure(path: Path, reason: str) -> tuple[Path, str]:
    """A path and why it can't be read; bytes of it that aren't UTF-8 become printable."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return Path(text), f"{text}: {reason}"


def has_utf8_name(path: Path) -> bool:
    """Whether a path can be stored and printed; a file system takes any bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def walk_pictures(folder: Path) -> tuple[list[Path], Failures]:
    """All files below ``folder`` that are named like pictures, sorted, and what can't be looked at.

    Hidden files and folders are left out. Links to folders are followed once all real folders are
    read, and each folder is read once: so real ones keep their names, and links that lead in
    circles do no harm.

    Raises:
        LayoutError: there is no such folder.
    """
    if not folder.is_dir():
        raise LayoutError(f"{folder}: no such folder")
    pictures: list[Path] = []
    failed: Failures = []
    seen: set[tuple[int, int]] = set()

    def note(error: OSError) -> None:
        failed.append(failure(Path(error.filename), f"can't be listed ({error.strerror})"))

    waiting = [folder]
    while waiting:
        top = waiting.pop(0)
        if not _first_time(top, seen):
            continue
        for place, below, names in os.walk(top, onerror=note):
            below[:], links = _enter(Path(place), below, seen, failed)
            waiting += links
            pictures.extend(Path(place, name) for name in names if is_picture_name(name))
    failed += [failure(path, NOT_UTF8) for path in sorted(pictures) if not has_utf8_name(path)]
    return sorted(filter(has_utf8_name, pictures)), failed


def _enter(
    place: Path, below: list[str], seen: set[tuple[int, int]], failed: Failures
) -> tuple[list[str], list[Path]]:
    """Choose which of the folders in ``place`` to go into; return links to folders beside them."""
    chosen, links = [], []
    for name in sorted(below):
        path = place / name
        if is_picture_name(name):
            failed.append(failure(path, "a folder, though named like a picture; not looked into"))
        elif name.startswith("."):
            continue
        elif os.path.islink(path):  # noqa: PTH114 - can't fail
            links.append(path)
        elif _first_time(path, seen):
            chosen.append(name)
    return chosen, links


def _first_time(path: Path, seen: set[tuple[int, int]]) -> bool:
    try:
        status = path.stat()
    except OSError:
        return True  # listing it will fail too, and be noted
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return False
    seen.add(identity)
    return True

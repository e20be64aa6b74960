"""Label pictures by a layout: one, or all of a folder."""

from pathlib import Path

from ...errors import LayoutError
from ..folders import walk_pictures
from ..labelled import LabelledPicture, Reading
from ..manifest import warn_of_unread_manifest
from .folders import read_folders
from .guessing import guess_layout, warn_of_another_layout
from .labels import Reader
from .table import find_layout


def label_picture(reader: Reader, path: Path, relative: Path, reading: Reading) -> None:
    """Label one picture and put it into the list of ``reading`` where it belongs.

    Args:
        reader: the layout.
        path: of the picture.
        relative: of it, below what the user named: that is where `folders` begins. Data sets' own
            layouts see all of the path, since a folder that was named may be one of theirs.
        reading: is added to.
    """
    try:
        labels = reader(relative if reader is read_folders else path.absolute())
        if isinstance(labels, str):
            reading.ignored.append((path, f"{path}: {labels}"))
        else:
            reading.pictures.append(LabelledPicture(path=path, **labels))
    except ValueError as error:
        reading.failed.append((path, f"{path}: {error}"))
    except LayoutError as error:
        reading.failed.append((path, str(error)))


def read_layout(name: str, folder: Path) -> Reading:
    """Label every picture below ``folder`` by the layout called ``name``.

    Raises:
        LayoutError: the layout is unknown, or the folder missing or without one such picture.
    """
    reader = find_layout(name)
    if name == "folders":
        warn_of_unread_manifest(folder)
    paths, failed = walk_pictures(folder)
    reading = Reading(failed=failed)
    for path in paths:
        label_picture(reader, path, path.relative_to(folder), reading)
    if not reading.pictures:
        reason = f"{folder}: no picture follows the layout {name!r}{_first(reading)}"
        if guess := guess_layout(paths):
            reason += f"; the names are those of the layout {guess[0]}"
        raise LayoutError(reason)
    if name == "folders":
        warn_of_another_layout(reading.pictures)
    return reading


def _first(reading: Reading) -> str:
    reasons = [reason for _, reason in (*reading.failed, *reading.ignored)]
    return f" ({reasons[0]})" if reasons else " (no picture at all)"

"""From a data set's file names to labelled pictures: one small reader a layout.

Each reader gets a picture's path relative to the folder and returns its labels, a reason (`str`)
for leaving it out on purpose, or raises `ValueError` when the name doesn't follow the convention.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from ..errors import LayoutError
from .folders import walk_pictures
from .labelled import LabelledPicture, Reading


class Labels(TypedDict, total=False):
    """The labels that a file name carries."""

    pid: str
    camera: str
    tracklet: str
    frame: int


Reader = Callable[[Path], Labels | str]


def read_folders(path: Path) -> Labels | str:
    """``PID/anything.jpg``: the folder that holds the picture names the person."""
    if len(path.parts) < 2:
        raise ValueError("it lies in no person's folder; the layout is PID/*.jpg")
    return Labels(pid=path.parts[-2])


_MARKET = re.compile(
    r"(?P<pid>-?\d+)_c(?P<camera>\d+)s(?P<sequence>\d+)_(?P<frame>\d+)_\d+(\.jpg)?"
)


def read_market1501(path: Path) -> Labels | str:
    """``0002_c1s1_000451_03.jpg``: person, camera, sequence, frame, box.

    Person -1 is junk (pieces of detections) and left out; 0000 are distractors, and stay.
    """
    found = _parse(_MARKET, path, "0002_c1s1_000451_03.jpg")
    if found["pid"] == "-1":
        return "junk (person -1)"
    return Labels(pid=found["pid"], camera=f"c{found['camera']}", frame=int(found["frame"]))


_CUHK03 = re.compile(r"(?P<pid>\d{4})_(?P<number>\d{2})")


def read_cuhk03(path: Path) -> Labels | str:
    """``0012_07.jpg``: person, picture; 00-04 are of the pair's first camera, 05-09 the other."""
    found = _parse(_CUHK03, path, "0012_07.jpg")
    return Labels(pid=found["pid"], camera="a" if int(found["number"]) < 5 else "b")


_CUHK01 = re.compile(r"(?P<pid>\d{4})(?P<number>\d{3})")


def read_cuhk01(path: Path) -> Labels | str:
    """``0012003.jpg``: person 0012; pictures 001 and 002 are of camera a, 003 and 004 of b."""
    found = _parse(_CUHK01, path, "0012003.jpg")
    return Labels(pid=found["pid"], camera="a" if int(found["number"]) < 3 else "b")


_VIPER = re.compile(r"(?P<pid>\d{3,4})_\d+")


def read_viper(path: Path) -> Labels | str:
    """``cam_a/012_45.png``: the folder is the camera, then person and viewing angle."""
    found = _parse(_VIPER, path, "cam_a/012_45.png")
    if len(path.parts) < 2:
        raise ValueError("it lies in no camera's folder; the layout is cam_a/012_45.png")
    return Labels(pid=found["pid"], camera=path.parts[-2])


_GRID = re.compile(r"(?P<pid>\d{4})_(?P<camera>\d+)_(?P<frame>\d+)(_\d+){4}")


def read_grid(path: Path) -> Labels | str:
    """``0012_2_25004_107_32_106_221.jpeg``: person, camera, frame, box; 0000 are distractors."""
    found = _parse(_GRID, path, "0012_2_25004_107_32_106_221.jpeg")
    return Labels(pid=found["pid"], camera=found["camera"], frame=int(found["frame"]))


LAYOUTS: dict[str, Reader] = {
    "folders": read_folders,
    "market1501": read_market1501,
    "cuhk03": read_cuhk03,
    "cuhk01": read_cuhk01,
    "viper": read_viper,
    "grid": read_grid,
}


def find_layout(name: str) -> Reader:
    """The reader of the layout called ``name``.

    Raises:
        LayoutError: there is none.
    """
    if name not in LAYOUTS:
        raise LayoutError(f"layout {name!r} is unknown; choose one of {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


def label_picture(reader: Reader, path: Path, relative: Path, reading: Reading) -> None:
    """Label one picture and put it into the list of ``reading`` where it belongs.

    Args:
        reader: the layout.
        path: of the picture.
        relative: what the reader gets to see of it.
        reading: is added to.
    """
    try:
        labels = reader(relative)
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
    paths, failed = walk_pictures(folder)
    reading = Reading(failed=failed)
    for path in paths:
        label_picture(reader, path, path.relative_to(folder), reading)
    if not reading.pictures:
        raise LayoutError(f"{folder}: no picture follows the layout {name!r}{_first(reading)}")
    return reading


def _first(reading: Reading) -> str:
    reasons = [reason for _, reason in (*reading.failed, *reading.ignored)]
    return f" ({reasons[0]})" if reasons else " (no picture at all)"


def _parse(pattern: re.Pattern[str], path: Path, example: str) -> dict[str, str]:
    found = pattern.fullmatch(path.stem)
    if found is None:
        raise ValueError(f"the name is not like {example}")
    return found.groupdict()

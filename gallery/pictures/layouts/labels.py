"""What a layout's reader gives, and how it takes a name apart.

A reader gets a picture's path relative to the folder and returns its labels, a reason (`str`) for
leaving it out on purpose, or raises `ValueError` when the name doesn't follow the convention.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict


class NameLabels(TypedDict, total=False):
    """The labels that a file name carries."""

    pid: str
    camera: str
    tracklet: str
    frame: int


Reader = Callable[[Path], NameLabels | str]


def parse(pattern: re.Pattern[str], text: str, example: str) -> dict[str, str]:
    """Take a name apart by a pattern's named groups; those that took no part are empty.

    Raises:
        ValueError: the whole of it doesn't follow the pattern.
    """
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(f"the name is not like {example}")
    return found.groupdict(default="")


def last_parts(path: Path, number: int, example: str) -> tuple[str, ...]:
    """The last ``number`` parts of a path, the name without its ending.

    Raises:
        ValueError: it lies less deep than that.
    """
    if len(path.parts) < number:
        raise ValueError(f"it lies in no such folders as in {example}")
    return (*path.parts[-number:-1], path.stem)

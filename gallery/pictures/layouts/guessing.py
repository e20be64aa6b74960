"""Notice that folders' names were taken for people's where the files' names tell of others."""

import logging
from collections.abc import Sequence
from pathlib import Path

from ...errors import LayoutError
from ..labelled import LabelledPicture
from .table import LAYOUTS

log = logging.getLogger("reid_gallery")

_MANY = 2
"""So many times as many people as there are folders: a name may look like a layout's by chance."""


def warn_of_another_layout(pictures: Sequence[LabelledPicture]) -> None:
    """A data set's folder, or its parts, would be taken as one person each, whoever they show."""
    folders = {picture.pid for picture in pictures}
    guess = guess_layout([picture.path for picture in pictures])
    if guess is None or guess[1] < _MANY * len(folders):
        return
    layout, people = guess
    taken = f"one person, {folders.pop()!r}" if len(folders) == 1 else f"{len(folders):,} people"
    log.warning(
        "%s pictures are taken as %s, after their folders; their names are those of %s people in "
        "the layout %s: --layout %s would tell them apart",
        f"{len(pictures):,}",
        taken,
        f"{people:,}",
        layout,
        layout,
    )


def guess_layout(paths: Sequence[Path]) -> tuple[str, int] | None:
    """The first data set's layout that all names follow, and how many people it tells of."""
    for layout, reader in LAYOUTS.items():
        if layout == "folders":
            continue
        try:
            told = [reader(path.absolute()) for path in paths]
        except (LayoutError, ValueError):
            continue
        people = {labels["pid"] for labels in told if not isinstance(labels, str)}
        if people:
            return layout, len(people)
    return None

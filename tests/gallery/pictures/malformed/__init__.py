"""Unusual and malformed picture files, each with what must become of it.

Loaded by the fixture ``malformed_pictures``: ``malformed_pictures(folder)`` writes all of them
straight into the folder and returns them by file name. No two that decode have the same bytes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .encoding import Pixels
from .families import FAMILIES
from .special import write_special


@dataclass(frozen=True)
class OddPicture:
    """A file and what it must decode to.

    Attributes:
        path: the file.
        shows: uint8[h, w, 3]; None when it must be refused.
        tolerance: by how much a value may differ; 0 where nothing is lost.
    """

    path: Path
    shows: Pixels | None
    tolerance: int = 0

    @property
    def decodes(self) -> bool:
        return self.shows is not None

    def agrees(self, crop: Pixels) -> bool:
        """Whether ``crop`` shows it: everywhere, or near no quadrant's edge if coding is lossy."""
        if self.shows is None or crop.shape != self.shows.shape:
            return False
        difference = np.abs(crop.astype(int) - self.shows).max(axis=2)
        if self.tolerance:
            down, across = crop.shape[0] // 2, crop.shape[1] // 2
            difference[down - 4 : down + 4] = 0
            difference[:, across - 4 : across + 4] = 0
        return int(difference.max()) <= self.tolerance


def write_malformed_pictures(folder: Path) -> dict[str, OddPicture]:
    """Write all of them into ``folder``, which is made; by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    odd = [OddPicture(path, shows) for path, shows in write_special(folder)]
    for family in FAMILIES:
        for name, content, shows, tolerance in family():
            (folder / name).write_bytes(content)
            odd.append(OddPicture(folder / name, shows, tolerance))
    return {picture.path.name: picture for picture in odd}

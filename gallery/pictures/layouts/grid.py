"""QMUL GRID (Loy et al. 2009)."""

import re
from pathlib import Path

from .labels import NameLabels, parse

_GRID = re.compile(r"(?P<pid>\d{4})_(?P<camera>\d+)_(?P<frame>\d+)(_\d+){4}")


def read_grid(path: Path) -> NameLabels | str:
    """``0012_2_25004_107_32_106_221.jpeg``: person, camera, frame, box; 0000 are distractors."""
    found = parse(_GRID, path.stem, "0012_2_25004_107_32_106_221.jpeg")
    return NameLabels(pid=found["pid"], camera=found["camera"], frame=int(found["frame"]))

"""CUHK01 (Li et al. 2012)."""

import re
from pathlib import Path

from .labels import NameLabels, parse

_CUHK01 = re.compile(r"(?P<pid>\d{4})(?P<number>\d{3})")


def read_cuhk01(path: Path) -> NameLabels | str:
    """``0012003.jpg``: person 0012; pictures 001 and 002 are of camera a, 003 and 004 of b."""
    found = parse(_CUHK01, path.stem, "0012003.jpg")
    return NameLabels(pid=found["pid"], camera="a" if int(found["number"]) < 3 else "b")

"""CUHK03 (Li et al. 2014), as folders of pictures."""

import re
from pathlib import Path

from .labels import NameLabels, parse

_FLAT = re.compile(r"(?P<pid>\d{4})_(?P<number>\d{2})")
_PAIRS = re.compile(r"(?P<pair>\d)_(?P<pid>\d{3})_(?P<view>[12])_\d{2}")


def read_cuhk03(path: Path) -> NameLabels | str:
    """``0012_07.jpg``: person, picture; 00-04 are of the pair's first camera, 05-09 the other.

    Or ``1_012_2_07.png``, as most tools unpack the authors' file: pair of cameras, person of that
    pair, camera of the pair, picture.
    """
    if pairs := _PAIRS.fullmatch(path.stem):
        pair, pid, view = pairs["pair"], pairs["pid"], pairs["view"]
        return NameLabels(pid=f"{pair}-{pid}", camera=f"{pair}{'ab'[int(view) - 1]}")
    found = parse(_FLAT, path.stem, "0012_07.jpg")
    return NameLabels(pid=found["pid"], camera="a" if int(found["number"]) < 5 else "b")

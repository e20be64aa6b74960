"""Market-1501 (Zheng et al. 2015)."""

import re
from pathlib import Path

from .labels import NameLabels, parse

_MARKET = re.compile(
    r"(?P<pid>-?\d+)_c(?P<camera>\d+)s(?P<sequence>\d+)_(?P<frame>\d+)_\d+(\.jpg)?"
)


def read_market1501(path: Path) -> NameLabels | str:
    """``0002_c1s1_000451_03.jpg``: person, camera, sequence, frame, box.

    Person -1 is junk (pieces of detections) and left out; 0000 are distractors, and stay, each on
    its own. A person's crops of one sequence are one tracklet.
    """
    found = parse(_MARKET, path.stem, "0002_c1s1_000451_03.jpg")
    pid, camera, sequence = found["pid"], f"c{found['camera']}", f"s{found['sequence']}"
    if pid == "-1":
        return "junk (person -1)"
    labels = NameLabels(pid=pid, camera=camera, frame=int(found["frame"]))
    if pid != "0000":
        labels["tracklet"] = f"{pid}-{camera}{sequence}"
    return labels

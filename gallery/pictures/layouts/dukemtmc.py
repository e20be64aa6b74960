"""DukeMTMC-reID (Zheng et al. 2017)."""

import re
from pathlib import Path

from .labels import NameLabels, parse

_DUKE = re.compile(r"(?P<pid>\d{4})_c(?P<camera>\d)_f(?P<frame>\d{7})(\.jpg)?")


def read_dukemtmc(path: Path) -> NameLabels | str:
    """``0001_c2_f0046182.jpg``: person, camera, frame of that camera's video.

    Its gallery has distractors, but each is a person with a number; no name tells tracklets.
    """
    found = parse(_DUKE, path.stem, "0001_c2_f0046182.jpg")
    return NameLabels(pid=found["pid"], camera=f"c{found['camera']}", frame=int(found["frame"]))

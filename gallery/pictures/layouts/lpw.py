"""Labeled Pedestrian in the Wild (Song et al. 2018)."""

import re
from pathlib import Path

from .labels import NameLabels, last_parts, parse

_EXAMPLE = "scen1/view2/66/10213.jpg"
_LPW = re.compile(r"scen(?P<scene>\d)/view(?P<view>\d)/(?P<person>\d+)/(?P<frame>\d+)")


def read_lpw(path: Path) -> NameLabels | str:
    """``scen1/view2/66/10213.jpg``: scene, camera, person, frame.

    A person's number means the same in all views of a scene, and somebody else in another scene;
    so do the views. Frames are numbered in the order of the video. A person's crops of one view
    are one tracklet.
    """
    found = parse(_LPW, "/".join(last_parts(path, 4, _EXAMPLE)), _EXAMPLE)
    pid, camera = f"s{found['scene']}-{found['person']}", f"s{found['scene']}-view{found['view']}"
    return NameLabels(
        pid=pid, camera=camera, tracklet=f"{pid}-view{found['view']}", frame=int(found["frame"])
    )

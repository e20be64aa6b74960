"""PRID 2011 (Hirzer et al. 2011), multi-shot and single-shot."""

import re
from pathlib import Path

from .labels import NameLabels, last_parts, parse

_IN_BOTH = 200
"""Persons up to this number are the same in both cameras; the others are seen by one."""

_MULTI = re.compile(r"cam_(?P<camera>[ab])/person_(?P<pid>\d{4})/(?P<frame>\d+)")
_SINGLE = re.compile(r"cam_(?P<camera>[ab])/person_(?P<pid>\d{4})")


def read_prid2011(path: Path) -> NameLabels | str:
    """``cam_a/person_0012/0003.png``: camera, person, frame; or ``cam_a/person_0012.png``.

    Persons 0001-0200 are the same in both cameras. From 0201 on, the same number in cam_a and in
    cam_b is two people; the camera's letter is put before it.
    """
    example = "cam_a/person_0012/0003.png"
    single = _SINGLE.fullmatch("/".join((*path.parts[-2:-1], path.stem)))
    found = (
        {**single.groupdict(), "frame": ""}
        if single
        else parse(_MULTI, "/".join(last_parts(path, 3, example)), example)
    )
    camera, number, frame = found["camera"], found["pid"], found["frame"]
    pid = number if int(number) <= _IN_BOTH else f"{camera}-{number}"
    labels = NameLabels(pid=pid, camera=f"cam_{camera}")
    if frame:
        labels["frame"], labels["tracklet"] = int(frame), f"{pid}-cam_{camera}"
    return labels

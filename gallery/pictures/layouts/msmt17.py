"""MSMT17 (Wei et al. 2018), version 1 and 2."""

import re
from pathlib import Path

from .labels import NameLabels, parse

_MSMT = re.compile(
    r"(?P<pid>\d{4})_\d{3}_(?P<camera>\d{2})_(?P<slot>\d{4}(morning|noon|afternoon))"
    r"_(?P<frame>\d+)_\d+(_ex)?"
)

_HALF = re.compile(r"(?:mask_)?(train|test)(?:_v2)?")


def read_msmt17(path: Path) -> NameLabels | str:
    """``train/0000/0000_000_01_0303morning_0015_0.jpg``: person, picture, camera, day, frame, box.

    Persons are numbered from 0000 in ``train`` (``mask_train_v2``) and again in ``test``
    (``mask_test_v2``): they are others, and those whose nearest such folder is ``test`` get it into
    their pid. A person's crops of one camera and time of day are one tracklet.
    """
    found = parse(_MSMT, path.stem, "0000_000_01_0303morning_0015_0.jpg")
    halves = [half[1] for part in path.parts[:-1] if (half := _HALF.fullmatch(part))]
    pid = f"test-{found['pid']}" if halves[-1:] == ["test"] else found["pid"]
    return NameLabels(
        pid=pid,
        camera=f"c{found['camera']}",
        tracklet=f"{pid}-c{found['camera']}-{found['slot']}",
        frame=int(found["frame"]),
    )

"""VIPeR (Gray et al. 2007)."""

import re
from pathlib import Path

from .labels import NameLabels, parse

_VIPER = re.compile(r"(?P<pid>\d{3,4})_\d+")


def read_viper(path: Path) -> NameLabels | str:
    """``cam_a/012_45.png``: the folder is the camera, then person and viewing angle."""
    found = parse(_VIPER, path.stem, "cam_a/012_45.png")
    if len(path.parts) < 2:
        raise ValueError("it lies in no camera's folder; the layout is cam_a/012_45.png")
    return NameLabels(pid=found["pid"], camera=path.parts[-2])

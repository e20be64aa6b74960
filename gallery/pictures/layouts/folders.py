"""``PID/*.jpg``: a folder a person."""

from pathlib import Path

from .labels import NameLabels


def read_folders(path: Path) -> NameLabels | str:
    """``PID/anything.jpg``: the folder that holds the picture names the person."""
    if len(path.parts) < 2:
        raise ValueError("it lies in no person's folder; the layout is PID/*.jpg")
    return NameLabels(pid=path.parts[-2])

"""Where a picture can be written."""

from pathlib import Path

from ..errors import ReportError


def check_png_path(path: Path) -> None:
    """Say, before the work is done, whether a picture can't be written there.

    Raises:
        ReportError: another ending than ``.png``, or no such folder.
    """
    if path.suffix.lower() != ".png":
        raise ReportError(f"{path}: is written as a PNG; give it a name that ends in .png")
    if not path.parent.is_dir():
        raise ReportError(f"{path}: there is no folder {path.parent}; make it first")

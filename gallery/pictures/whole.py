"""A data set of which nothing may be missing: a folder in a layout, or a manifest."""

from pathlib import Path

from ..errors import LayoutError
from .labelled import LabelledPicture, Reading
from .layouts import read_layout
from .manifest import is_manifest, read_manifest


def read_whole(source: Path, layout: str) -> list[LabelledPicture]:
    """Read every picture of a folder in ``layout``, or of a CSV manifest; its own order is kept.

    Raises:
        LayoutError: one of them can't be read or has no label; the text says how many.
    """
    if is_manifest(source):
        return _all_of(read_manifest(source), f"in {source}")
    return read_whole_folder(layout, source)


def read_whole_folder(layout: str, folder: Path) -> list[LabelledPicture]:
    """Read a folder that holds pictures of this layout only.

    Raises:
        LayoutError: a name in it doesn't follow the layout.
    """
    return _all_of(read_layout(layout, folder), f"of the {layout} data set in {folder}")


def _all_of(reading: Reading, what: str) -> list[LabelledPicture]:
    if reading.failed:
        path, reason = reading.failed[0]
        raise LayoutError(
            f"{path}: not {what} ({reason.removeprefix(f'{path}: ')}); "
            f"move out or mend such pictures ({len(reading.failed)})"
        )
    return reading.pictures

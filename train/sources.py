"""What a person trains on: folders in a layout, manifests, galleries; each read as pictures."""

from dataclasses import replace
from pathlib import Path

from ..gallery.errors import LayoutError
from ..gallery.pictures.labelled import Reading
from ..gallery.pictures.layouts import distractors_of, find_layout, read_layout
from ..gallery.pictures.manifest import is_manifest, read_manifest
from ..gallery.store_pictures import is_store, read_store


def check_source(place: Path, layout: str) -> None:
    """Say, before the work begins, whether a source can't be read.

    Raises:
        LayoutError: it isn't there, or no layout is called so.
    """
    find_layout(layout)
    if not place.exists():
        raise LayoutError(f"{place}: no such folder or manifest")
    if not place.is_dir() and not is_manifest(place):
        raise LayoutError(f"{place}: neither a folder nor a manifest, whose name ends in .csv")


def read_source(place: Path, layout: str) -> Reading:
    """Read a CSV manifest, a gallery's store, or a folder in a layout.

    Distractors (boxes that hold nobody in particular) are not of one person, and ignored.

    Raises:
        LayoutError: the folder or manifest can't be read.
        StoreError: the store can't be read.
    """
    if is_manifest(place):
        return read_manifest(place)
    if is_store(place):
        return read_store(place)
    reading = read_layout(layout, place)
    distractors = distractors_of(layout)
    people = [picture for picture in reading.pictures if picture.pid not in distractors]
    nobody = [picture for picture in reading.pictures if picture.pid in distractors]
    ignored = [(p.path, f"{p.path}: a distractor (person {p.pid})") for p in nobody]
    return replace(reading, pictures=people, ignored=reading.ignored + ignored)


def name_layout(place: Path, layout: str) -> str:
    """Say how a source is read: ``manifest``, ``gallery``, or the layout of a folder."""
    if is_manifest(place):
        return "manifest"
    return "gallery" if is_store(place) else layout

"""A gallery as labelled pictures: whom its people's pictures show, as confirmed there."""

from pathlib import Path

from .errors import PictureError
from .pictures.labelled import LabelledPicture, Reading
from .pictures.read import read_enrolled
from .store.directory import StoreDirectory
from .store.sightings import all_owners, load_contents, load_sightings
from .store.store import Store


def is_store(folder: Path) -> bool:
    """Whether a folder is a gallery's store."""
    return StoreDirectory(folder).database.is_file()


def read_store(folder: Path) -> Reading:
    """Read a gallery's sightings as labelled pictures, in enrolment order.

    The gallery is not changed. A sighting without a picture, or whose picture is gone or no longer
    the one that was enrolled, is listed in ``failed``.

    Raises:
        StoreError: there is no store, or it can't be read.
    """
    store = Store(folder, create=False)
    try:
        with store.snapshot() as sqlite:
            sightings = load_sightings(sqlite, all_owners(sqlite))
            contents = load_contents(sqlite, sightings)
    finally:
        store.close()
    reading = Reading()
    for number, sighting in sightings.items():
        if sighting.path is None:
            name = f"{folder}, sighting {number}"
            reading.failed.append((folder, f"{name}: was enrolled without a picture"))
            continue
        path = Path(sighting.path)
        if problem := _problem(path, contents.get(number)):
            reading.failed.append((path, problem))
            continue
        reading.pictures.append(
            LabelledPicture(
                path=path,
                pid=sighting.pid,
                camera=sighting.camera,
                time=sighting.time,
                tracklet=sighting.tracklet,
            )
        )
    return reading


def _problem(path: Path, content: str | None) -> str | None:
    """Say why a picture can't be used; None if it is the one that was enrolled."""
    try:
        read_enrolled(path, content)
    except PictureError as error:
        return str(error)
    return None

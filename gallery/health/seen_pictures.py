"""The gallery's pictures as an audit needs them: their quality, and a thumbnail each."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import PictureError
from ..loading import map_ahead
from ..pictures.quality import Quality, measure_quality
from ..pictures.read import Crop, decode_crop, read_crop, read_enrolled
from ..types import Failure, Sighting
from .twins import Thumbnails, thumbnail


@dataclass(frozen=True, slots=True, eq=False)
class SeenPictures:
    """What was seen of m pictures out of n sightings.

    Attributes:
        at: intp[m], which sightings have a picture that can be read, ascending.
        qualities: m of them.
        thumbnails: uint8[m, 32, 16, 3].
        unread: pictures that can't be read, or are others than were enrolled.
    """

    at: npt.NDArray[np.intp]
    qualities: tuple[Quality, ...] = ()
    thumbnails: Thumbnails | None = None
    unread: tuple[Failure, ...] = ()


def look_through(
    sightings: Sequence[Sighting], contents: Sequence[str | None], progress: Callable[[int], None]
) -> SeenPictures:
    """Read every sighting's picture once; one that can't be read is told, and stops nothing.

    Args:
        sightings: n of them.
        contents: the sha256 of what each one's picture held, see `read_contents`. A file that
            holds another by now says nothing of its sighting.
        progress: called with the number of pictures read since the last call.
    """
    at, qualities, thumbnails, unread = [], [], [], []
    with_picture = [row for row, sighting in enumerate(sightings) if sighting.path is not None]
    looks = map_ahead(_look, ((sightings[row], contents[row]) for row in with_picture))
    for row, seen in zip(with_picture, looks, strict=True):
        progress(1)
        if isinstance(seen, Failure):
            unread.append(seen)
            continue
        at.append(row)
        qualities.append(seen[0])
        thumbnails.append(seen[1])
    small = np.stack(thumbnails) if thumbnails else None
    return SeenPictures(np.array(at, np.intp), tuple(qualities), small, tuple(unread))


def read_again(sightings: Iterable[Sighting]) -> list[Crop]:
    """Decode pictures that `look_through` could read.

    Raises:
        PictureError: one is gone meanwhile.
    """
    return [read_crop(Path(sighting.path or "")) for sighting in sightings]


def _look(enrolled: tuple[Sighting, str | None]) -> tuple[Quality, Thumbnails] | Failure:
    sighting, held = enrolled
    path = Path(sighting.path or "")
    try:
        crop = decode_crop(read_enrolled(path, held), where=str(path))
    except PictureError as error:
        return Failure(str(path), str(error))
    return measure_quality(crop), thumbnail(crop)

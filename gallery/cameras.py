"""The cameras that a gallery knows: a mistyped one would filter nothing, or all, in silence."""

import difflib
import logging
import sqlite3
from collections.abc import Sequence

from .store.sightings import has_camera, list_cameras

log = logging.getLogger("reid_gallery")

_LISTED = 10


def warn_of_unknown(sqlite: sqlite3.Connection, named: Sequence[str], known: set[str]) -> None:
    """Say which of the cameras that a query names no sighting is of, and which ones there are.

    Args:
        sqlite: a snapshot.
        named: the cameras.
        known: those that are known to have sightings; what is found is added.
    """
    asked = [camera for camera in dict.fromkeys(named) if camera not in known]
    unknown = [camera for camera in asked if not has_camera(sqlite, camera)]
    known.update(set(asked) - set(unknown))
    if unknown:
        names = " or ".join(map(repr, unknown))
        there = _name_some(list_cameras(sqlite), unknown)
        log.warning("no sighting is of camera %s; %s", names, there)


def _name_some(cameras: Sequence[str], unknown: Sequence[str]) -> str:
    """Some of the cameras that there are, those first whose names are like the unknown ones."""
    if not cameras:
        return "none has a camera"
    near = {like for name in unknown for like in difflib.get_close_matches(str(name), cameras)}
    listed = sorted(cameras, key=lambda camera: camera not in near)[:_LISTED]
    more = len(cameras) - len(listed)
    return f"there are {', '.join(listed)}" + (f" and {more} more" if more else "")

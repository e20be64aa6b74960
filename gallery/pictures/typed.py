"""What a path, as a user types it, stands for: a file, a folder, or all a pattern matches."""

import glob
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from .folders import NOT_UTF8, Failures, failure, has_utf8_name, is_picture_name, walk_pictures


@dataclass(frozen=True, slots=True)
class Place:
    """Pictures found in one place.

    Attributes:
        root: absolute; what lies between it and a picture is what its labels are read from.
        pictures: as typed, relative or absolute; sorted.
        failed: what can't be found or looked at.
    """

    root: Path
    pictures: list[Path] = field(default_factory=list)
    failed: Failures = field(default_factory=list)


def absolute(path: Path) -> Path:
    """Absolute and without ``..``, links left as they are: the folder's name may be a pid."""
    return Path(os.path.normpath(path.absolute()))


def find_places(text: str) -> list[Place]:
    """Find what ``text`` stands for; a file's own name goes before its reading as a pattern."""
    if os.path.lexists(text) or not glob.has_magic(text):
        places, nothing = [_look(Path(text))], "the folder holds no picture"
    else:
        places, nothing = _expand(text), "no picture matches this pattern"
    if not any(place.pictures or place.failed for place in places):
        places = [_failure(Path(text), nothing)]
    return places


def _expand(pattern: str) -> list[Place]:
    """All that a pattern matches, each picture once, though ``**`` matches it and its folders."""
    names = glob.glob(_at_home(pattern), recursive=True)  # noqa: PTH207 - takes absolute ones too
    matches = [Path(name) for name in sorted(names)]
    places = [_look(path) for path in matches if _is_folder(path) or is_picture_name(path.name)]
    seen: set[Path] = set()
    return [_leave_out(place, seen) for place in places]


def _is_folder(path: Path) -> bool:
    """Whether it is one, as far as can be seen: `Path.is_dir` fails where one may not look."""
    return os.path.isdir(path)  # noqa: PTH112


def _leave_out(place: Place, seen: set[Path]) -> Place:
    fresh = [picture for picture in place.pictures if absolute(picture) not in seen]
    seen.update(map(absolute, fresh))
    return Place(place.root, fresh, place.failed)


def _at_home(pattern: str) -> str:
    """Read ``~`` as the shell does when a pattern isn't quoted."""
    return os.path.expanduser(pattern)  # noqa: PTH111 - Path would fail on an unknown user


def _look(path: Path) -> Place:
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return _failure(path, "a link to nothing" if path.is_symlink() else "no such file")
    except (OSError, ValueError) as error:
        return _failure(path, str(getattr(error, "strerror", None) or error))
    if is_folder:
        return _look_into(path)
    if not has_utf8_name(path):
        return _failure(path, NOT_UTF8)
    return Place(absolute(path).parent.parent, [path])


def _look_into(folder: Path) -> Place:
    pictures, failed = walk_pictures(folder)
    whole = absolute(folder)
    flat = all(picture.parent == folder for picture in pictures)
    return Place(whole.parent if flat else whole, pictures, failed)


def _failure(path: Path, reason: str) -> Place:
    return Place(absolute(path).parent, failed=[failure(path, reason)])

"""Several data sets joined, and split: no ids collide, and everyone is on one side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...gallery.errors import LayoutError
from ...gallery.pictures.labelled import LabelledPicture, once_each
from ...gallery.pictures.manifest import is_manifest
from ..sources import name_layout, read_source
from ..splitting import by_source, find_held_out

_OF_FOLDER = {"folders", "manifest", "gallery"}
"""What is read so is called after its folder or file; a data set after its layout."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What all data sets hold; every reason is a whole sentence that names the path.

    Attributes:
        pictures: each with its source and split, ids unique across sources.
        ignored: left out on purpose.
        failed: can't be used.
    """

    pictures: list[LabelledPicture] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def join(data: Sequence[tuple[Path, str]], *, validation_share: float, seed: int) -> Joined:
    """Read data sets and split the people of each; see `held_out_people`.

    Where there are several, each gets a name, which is put before its pids, cameras and tracklets.
    A manifest's own sources and splits are kept.

    Args:
        data: (folder, store or manifest, layout) each.
        validation_share: of each source's people, in [0, 1).
        seed: of the choice.

    Raises:
        LayoutError: a data set can't be read, or contradicts itself.
        StoreError: a gallery can't be read.
    """
    joined = Joined()
    parts: dict[str, list[LabelledPicture]] = {}
    for place, layout in data:
        reading = read_source(place, layout)
        joined.ignored.extend(reason for _, reason in reading.ignored)
        joined.failed.extend(reason for _, reason in reading.failed)
        for pictures in by_source(once_each(reading.pictures)):
            name = pictures[0].source or _name(place, layout)
            parts[_unused(name, parts)] = pictures
    for name, pictures in parts.items():
        held_out = find_held_out(pictures, validation_share, seed)
        prefix = f"{name}-" if len(parts) > 1 and not _has_prefix(pictures, f"{name}-") else ""
        joined.pictures.extend(_settle(p, name, prefix, p.pid in held_out) for p in pictures)
    _check_apart(joined.pictures)
    return joined


def _name(place: Path, layout: str) -> str:
    kind = name_layout(place, layout)
    if kind not in _OF_FOLDER:
        return layout
    whole = place.resolve()
    return whole.stem if is_manifest(place) else whole.name


def _unused(name: str, used: dict[str, list[LabelledPicture]]) -> str:
    number, chosen = 1, name
    while chosen in used:
        number += 1
        chosen = f"{name}-{number}"
    return chosen


def _has_prefix(pictures: Sequence[LabelledPicture], prefix: str) -> bool:
    """Whether a manifest was joined before: then its pids have the name already."""
    return all(p.source is not None and p.pid.startswith(prefix) for p in pictures)


def _check_apart(pictures: Iterable[LabelledPicture]) -> None:
    """See that no two people have one pid; a manifest keeps no spaces around one."""
    whose: dict[str, LabelledPicture] = {}
    for picture in pictures:
        other = whose.setdefault(picture.pid.strip(), picture)
        if (other.pid, other.source) != (picture.pid, picture.source):
            raise LayoutError(
                f"{picture.path}: its person would be called {picture.pid.strip()!r}, as the other "
                f"one in {other.path}; rename one"
            )


def _settle(picture: LabelledPicture, name: str, prefix: str, held_out: bool) -> LabelledPicture:
    def put(label: str | None) -> str | None:
        return None if label is None else prefix + label

    return replace(
        picture,
        pid=prefix + picture.pid,
        camera=put(picture.camera),
        tracklet=put(picture.tracklet),
        source=name,
        split="validation" if held_out else "training",
    )

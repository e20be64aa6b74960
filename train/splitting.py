"""Hold people out: sources joined, and each person on one side, the same for the same seed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ..gallery.errors import LayoutError
from ..gallery.pictures.labelled import LabelledPicture, once_each
from .balancing import small_people
from .sources import read_source

_LEAST_HELD_OUT = 2
"""One person alone can't be ranked among others."""

_LEAST_TRAINED_ON = 3


@dataclass(frozen=True, slots=True)
class TrainingPicture:
    """One picture; ``person``, ``camera`` and ``tracklet`` are unique across sources.

    Where the camera is unknown the tracklet stands for it, as when `evaluate` asks; where that is
    unknown, too, a picture has a camera of its own. ``tracklet`` is None if unknown.
    """

    path: Path
    person: str
    camera: str
    tracklet: str | None = None

    @property
    def source(self) -> str:
        """The data set it comes from: the number of the source, and its name in a manifest."""
        return self.person.split(":", 1)[0]


@dataclass(frozen=True, slots=True)
class Split:
    """People to train on, and others to validate on; no person is in both.

    Attributes:
        training: pictures to train on.
        validation: pictures of the people held out.
        left_out: files that could not be labelled, with the reason.
    """

    training: list[TrainingPicture]
    validation: list[TrainingPicture]
    left_out: list[str]


def split_people(
    sources: Sequence[tuple[Path, str]],
    *,
    validation_share: float,
    seed: int,
    drop_quantile: float = 0.0,
) -> Split:
    """Join sources and hold out people of each; then leave out those with few pictures.

    A manifest that tells the split decides it; see `held_out_people` for all else.

    Args:
        sources: (folder, store or manifest, layout) each; ids of different sources never meet,
            those of a manifest that joins several neither.
        validation_share: of each source's people, in [0, 1).
        seed: of the choice.
        drop_quantile: people to train on with fewer pictures than this quantile of their source's
            are left out; see `small_people`.

    Raises:
        LayoutError: a manifest contradicts itself, or fewer than three people remain to train on.
    """
    split = Split([], [], [])
    for number, (place, layout) in enumerate(sources):
        reading = read_source(place, layout)
        split.left_out.extend(reason for _, reason in reading.failed)
        for pictures in by_source(once_each(reading.pictures)):
            held_out = find_held_out(pictures, validation_share, seed)
            training = [p.pid for p in pictures if p.pid not in held_out]
            small = small_people(training, drop_quantile)
            for position, picture in enumerate(pictures):
                if picture.pid not in small:
                    part = split.validation if picture.pid in held_out else split.training
                    part.append(_own(picture, number, position))
    if len({p.person for p in split.training}) < _LEAST_TRAINED_ON:
        raise LayoutError(f"training needs pictures of at least {_LEAST_TRAINED_ON} people")
    return split


def find_held_out(pictures: Sequence[LabelledPicture], share: float, seed: int) -> set[str]:
    """Whom of one source's people to hold out: those a manifest says, else see `held_out_people`.

    Raises:
        LayoutError: a manifest contradicts itself.
    """
    told = _told_split(pictures)
    return held_out_people((p.pid for p in pictures), share, seed) if told is None else told


def held_out_people(pids: Iterable[str], share: float, seed: int) -> set[str]:
    """Choose whom to hold out of one source's people.

    Everyone draws a lot in [0, 1), made of the seed and the pid alone; those below the share are
    held out. So nobody changes sides when others join, and the number is about the share. Only
    where chance made it less than half or more than one and a half times that, as it may among
    few people, are the next lots taken or the last given back. One alone is never held out, but
    two, or nobody where fewer than `_LEAST_TRAINED_ON` would be left.
    """
    people = sorted(set(pids), key=lambda pid: _lot(pid, seed))
    chosen = sum(_lot(pid, seed) < share for pid in people)
    exact = round(share * len(people))
    if exact == 1:
        enough = len(people) >= _LEAST_HELD_OUT + _LEAST_TRAINED_ON
        return set(people[:_LEAST_HELD_OUT]) if enough else set()
    least = max(min(_LEAST_HELD_OUT, exact), exact - exact // 2)
    return set(people[: min(max(chosen, least), exact + exact // 2)])


def _lot(pid: str, seed: int) -> float:
    return int.from_bytes(sha256(f"{seed}/{pid}".encode()).digest()[:6]) / 2**48


def by_source(pictures: Iterable[LabelledPicture]) -> list[list[LabelledPicture]]:
    """Part a manifest's pictures by the data set they come from; of one data set, all."""
    parts: dict[str | None, list[LabelledPicture]] = {}
    for picture in pictures:
        parts.setdefault(picture.source, []).append(picture)
    return list(parts.values())


def _told_split(pictures: Sequence[LabelledPicture]) -> set[str] | None:
    """Whom a manifest holds out; None if it tells of nobody."""
    told = [p for p in pictures if p.split is not None]
    if not told:
        return None
    if len(told) < len(pictures):
        untold = next(p for p in pictures if p.split is None)
        raise LayoutError(f"{untold.path}: has no split, but others of its source have; tell all")
    held_out = {p.pid for p in pictures if p.split == "validation"}
    for picture in pictures:
        if picture.split == "training" and picture.pid in held_out:
            raise LayoutError(
                f"{picture.path}: person {picture.pid} is in both parts; put each into one"
            )
    return held_out


def _own(picture: LabelledPicture, number: int, position: int) -> TrainingPicture:
    """Make a picture's ids unique across sources."""
    source = str(number)
    if picture.source is not None:
        source += "/" + picture.source.replace("%", "%25").replace(":", "%3A")
    camera = picture.camera
    if camera is None:
        camera = f"?{position}" if picture.tracklet is None else f"?of {picture.tracklet}"
    tracklet = None if picture.tracklet is None else f"{source}:{picture.tracklet}"
    return TrainingPicture(picture.path, f"{source}:{picture.pid}", f"{source}:{camera}", tracklet)

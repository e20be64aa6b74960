"""What is known of a picture before it is enrolled: where it is and whom it shows."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from ..errors import LayoutError

Part = Literal["training", "validation"]
"""Which part of a training set a picture belongs to."""

PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPicture:
    """One picture file and its labels; everything but path and pid is optional.

    Blanks around a name don't count, wherever it comes from: nobody sees them.

    ``source`` is the data set it comes from, within which its pid and camera are unique; ``split``
    the part of it that its person is in. Training, measuring and calibrating heed them, a gallery
    doesn't.
    """

    path: Path
    pid: str
    camera: str | None = None
    time: datetime | None = None
    tracklet: str | None = None
    frame: int | None = None
    source: str | None = None
    split: Part | None = None

    def __post_init__(self) -> None:
        for name in ("pid", "camera", "tracklet"):
            if value := getattr(self, name):
                object.__setattr__(self, name, value.strip())
        if not self.pid:
            raise LayoutError(f"{self.path}: the pid is empty; every picture needs a person")
        if self.split is not None and self.split not in PARTS:
            raise LayoutError(
                f"{self.path}: split {self.split!r} is unknown; it is {' or '.join(PARTS)}"
            )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder or manifest held.

    Attributes:
        pictures: in path order (folders) or line order (manifests).
        ignored: left out on purpose by the layout's convention, with the reason.
        failed: meant to be read but can't be, with the reason.

    Every reason is a whole sentence that names the path.
    """

    pictures: list[LabelledPicture] = field(default_factory=list)
    ignored: list[tuple[Path, str]] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)


def once_each(pictures: Iterable[LabelledPicture]) -> list[LabelledPicture]:
    """Leave out what is named again: it would find itself, or be a stranger who looks the same.

    Raises:
        LayoutError: a picture is named as two people's, or in two parts.
    """
    first: dict[Path, LabelledPicture] = {}
    for picture in pictures:
        known = first.setdefault(picture.path, picture)
        if _labels(known) != _labels(picture):
            raise LayoutError(
                f"{picture.path}: named twice, as {_labels(known)} and as {_labels(picture)}; "
                "leave one out"
            )
    return list(first.values())


def _labels(picture: LabelledPicture) -> str:
    source = f" of {picture.source}" if picture.source else ""
    return picture.pid + source + (f" for {picture.split}" if picture.split else "")


_BEYOND = 2200
"""No picture is of this year, or of a later one."""


def parse_time(text: str) -> datetime:
    """Read a time: ISO 8601, or seconds since 1970; without a zone it is UTC.

    Eight digits that begin with a year (20260501) are that date. A year alone, and a date with a
    time all in digits (202605011230), are refused: as seconds they would be other moments. So are
    seconds beyond 2200, which are thousandths.

    Raises:
        ValueError: it is neither.
    """
    text = text.strip()
    try:
        moment = _parse_moment(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"time {text!r} is neither ISO 8601 (2026-05-01T12:30:00) nor seconds since 1970"
        ) from None


def _parse_moment(text: str) -> datetime:
    if text.isascii() and text.isdigit():
        begins_with_year = 1900 <= int(text[:4]) < _BEYOND
        if begins_with_year and len(text) == 8:
            return datetime.fromisoformat(text)
        if begins_with_year and len(text) in {4, 12, 14}:
            raise ValueError
        return _parse_seconds(text)
    with suppress(ValueError):
        return _parse_seconds(text)
    return datetime.fromisoformat(text)


def _parse_seconds(text: str) -> datetime:
    moment = datetime.fromtimestamp(float(text), tz=UTC)
    if moment.year >= _BEYOND:
        raise ValueError
    return moment

"""What sightings are labelled with, column by column: checked at once, stored at once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import repeat
from numbers import Integral
from typing import Any, TypeVar

from ..errors import EmbeddingError, LabelError
from ..times import from_microseconds, to_microseconds

Value = TypeVar("Value")
Times = Sequence[datetime | None]
Names = Sequence[str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The labels of n sightings; a column that is None has none.

    Attributes:
        pids: n names.
        contents: n sha256 in hex, or None.
        paths: n texts or None.
        cameras: n texts or None.
        times: n datetimes or None; without a zone they are UTC.
        tracklets: n texts or None.
    """

    pids: Sequence[str]
    contents: Sequence[str | None] | None = None
    paths: Sequence[str | None] | None = None
    cameras: Sequence[str | None] | None = None
    times: Sequence[datetime | None] | None = None
    tracklets: Sequence[str | None] | None = None

    def __len__(self) -> int:
        return len(self.pids)

    @classmethod
    def checked(
        cls,
        pids: Sequence[str],
        *,
        cameras: Sequence[str | None] | None = None,
        times: Sequence[datetime | None] | None = None,
        tracklets: Sequence[str | None] | None = None,
    ) -> "Labels":
        """Labels of sightings without a picture.

        What is the same for many is checked once: at a million sightings that is most of it.

        Raises:
            LabelError: a value can't be stored, or a pid is empty.
        """
        _check_each(check_pid, pids)
        _check_each(partial(check_name, "camera"), cameras or ())
        _check_each(partial(check_name, "tracklet"), tracklets or ())
        _check_times(times or ())
        return cls(pids=pids, cameras=cameras, times=times, tracklets=tracklets)

    def known_among(self, known: dict[str, Any]) -> list[int]:
        """Rows whose picture is among the ``known`` contents, ascending."""
        if not known or self.contents is None:
            return []
        return [row for row, content in enumerate(self.contents) if content in known]

    def without(self, rows: Sequence[int]) -> "Labels":
        """The other rows."""
        if not rows:
            return self
        gone = set(rows)
        kept = [row for row in range(len(self)) if row not in gone]
        return Labels(
            pids=[self.pids[row] for row in kept],
            contents=_cut(self.contents, kept),
            paths=_cut(self.paths, kept),
            cameras=_cut(self.cameras, kept),
            times=_cut(self.times, kept),
            tracklets=_cut(self.tracklets, kept),
        )

    def stored_columns(self) -> tuple[Any, ...]:
        """Contents as bytes, paths, cameras, microseconds and tracklets; None repeats for ever.

        An empty name is none.
        """
        return (
            _converted(bytes.fromhex, self.contents),
            self.paths or repeat(None),
            _converted(_or_none, self.cameras),
            _converted(to_microseconds, self.times),
            _converted(_or_none, self.tracklets),
        )


def labels_for(
    count: int,
    pids: Sequence[str],
    cameras: Names | None,
    times: Times | None,
    tracklets: Names | None,
) -> Labels:
    """What a caller holds in memory, as labels of ``count`` rows.

    Raises:
        EmbeddingError: a column is of another length.
        LabelError: a value can't be stored, a pid is empty, or a column is one text.
    """
    columns = {"pids": pids, "cameras": cameras, "times": times, "tracklets": tracklets}
    for name, column in columns.items():
        if isinstance(column, str):
            raise LabelError(f"{name} are a list, not one text; put {column!r} in brackets")
        if column is not None and len(column) != count:
            raise EmbeddingError(f"{count} rows but {len(column)} {name}; give one each")
    return Labels.checked(
        as_texts(pids),
        cameras=None if cameras is None else as_texts(cameras),
        times=None if times is None else list(times),
        tracklets=None if tracklets is None else as_texts(tracklets),
    )


def as_texts(labels: Iterable[Any]) -> list[Any]:
    """Labels; numbers of cameras and people are fine as such, in numpy's types as well."""
    labels = list(labels)
    if {str, type(None)}.issuperset(map(type, labels)):
        return labels
    return [str(label) if isinstance(label, Integral) else label for label in labels]


def check_pid(pid: str) -> None:
    """Refuse what can't be a person's name.

    Raises:
        LabelError: it is empty, or no name that can be stored.
    """
    if pid is None or (isinstance(pid, str) and not pid.strip()):
        raise LabelError("the pid is empty; every sighting needs a person")
    check_name("pid", pid)


def check_name(name: str, value: object) -> None:
    """Refuse what is neither None nor empty nor the name of a person, camera or tracklet.

    Raises:
        LabelError: it has blanks around it, which nobody sees, or is no text that can be stored.
    """
    check_text(name, value)
    if isinstance(value, str) and value.strip() != value:
        raise LabelError(f"the {name} {value!r} begins or ends with a blank; leave it off")


def check_text(name: str, value: object) -> None:
    """Refuse what is neither None nor text that can be stored.

    Raises:
        LabelError: it is that.
    """
    if value is None:
        return
    if not isinstance(value, str):
        raise LabelError(f"the {name} must be text, not {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise LabelError(f"the {name} {value!a} is not Unicode text and can't be stored") from error
    if "\0" in value:
        raise LabelError(f"the {name} {value!a} has a NUL character and can't be stored")


def check_time(time: object) -> None:
    """Refuse what is no moment that can be stored.

    Raises:
        LabelError: it is no datetime, or out of range.
    """
    if not isinstance(time, datetime):
        raise LabelError(f"the time must be a datetime, not {time!r}")
    try:
        from_microseconds(to_microseconds(time))
    except (OverflowError, ValueError, TypeError) as error:
        raise LabelError(f"the time {time!r} is out of the range of years 1 to 9999") from error


def _check_each(check: Callable[[Any], None], column: Sequence[Any]) -> None:
    """Check every value, the equal ones once if all are text or None."""
    plain = {str, type(None)}.issuperset(map(type, column))
    for value in set(column) if plain else column:
        check(value)


def _check_times(times: Sequence[object]) -> None:
    """Check the first and the last of all; each of them if anything is out of the ordinary."""
    given = [time for time in times if time is not None]
    try:
        ordinary = {datetime}.issuperset(map(type, given))
        extremes = [min(given), max(given)] if given and ordinary else given  # type: ignore[type-var]
    except TypeError:  # with a zone and without can't be compared
        extremes = given
    for time in extremes:
        check_time(time)


def _or_none(name: str) -> str | None:
    return name or None


def _cut(column: Sequence[Value] | None, rows: Sequence[int]) -> list[Value] | None:
    return None if column is None else [column[row] for row in rows]


def _converted(convert: Callable[[Any], Any], column: Sequence[Any] | None) -> Any:
    if column is None:
        return repeat(None)
    return (None if value is None else convert(value) for value in column)

"""Which kind of index suits a gallery of some size, and which file holds one.

A kind that was asked for is kept, noted in the file itself; else the size decides. An index is
derived, so if its file is lost the size decides again, and nothing else is lost with it.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from ..index import IndexFileError, Stamp, kinds, read_stamp
from .errors import QueryError
from .store.store import Position

log = logging.getLogger("reid_gallery")

AUTOMATIC = "auto"

_STEPS = ((0, "flat"), (25_000, "certified"), (2_000_000, "two-stage"))
"""From how many sightings on each kind is the better one; see docs/performance.md."""


def check_choice(choice: str) -> str:
    """A kind, or `AUTOMATIC`.

    Raises:
        QueryError: it is neither.
    """
    if choice not in (AUTOMATIC, *kinds()):
        raise QueryError(f"no index is called {choice!r}; there are: auto, {', '.join(kinds())}")
    return choice


def suitable_kind(choice: str, count: int, *, now: str | None = None) -> str:
    """The kind of index for ``count`` sightings.

    Args:
        choice: what was asked for.
        count: of sightings.
        now: the kind that is there; it is kept until the gallery has shrunk to half of where it
            begins, lest a gallery at a limit change its index to and fro.
    """
    if choice != AUTOMATIC:
        return choice
    kind = _by_size(count)
    return now if now is not None and now == _by_size(2 * count) else kind


def _by_size(count: int) -> str:
    return [kind for limit, kind in _STEPS if count >= limit][-1]


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved index.

    Attributes:
        path: its file.
        position: how far it has come.
        choice: what was asked for when it was made.
        number: of the saving, rising; of two files that have come as far, the later one counts.
    """

    path: Path
    position: Position
    choice: str
    number: int

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file's stamp.

        Raises:
            IndexFileError: it isn't whole, or has no such stamp.
        """
        return cls.of(path, read_stamp(path))

    @classmethod
    def of(cls, path: Path, stamp: Stamp) -> Self:
        """Understand the stamp of a file, or of an index that was opened from it.

        Raises:
            IndexFileError: it is no gallery's.
        """
        fields = dict(stamp)
        choice = str(fields.pop("choice", AUTOMATIC))
        try:
            number = int(fields.pop("number", 0))
            position = Position(**{name: int(value) for name, value in fields.items()})
        except (TypeError, ValueError) as error:
            raise IndexFileError(f"{path}: its stamp is not a gallery's ({error})") from error
        return cls(path, position, choice if choice in kinds() else AUTOMATIC, number)

    def how_far(self) -> tuple[int, int, int]:
        """What of several files the newest has most of."""
        return self.position.generation, self.position.revision, self.number


def next_stamp(folder: Path, position: Position, choice: str) -> Mapping[str, int | str]:
    """What `Saved.read` reads of the file that is saved next; by whoever may save."""
    number = 1 + max((saved.number for saved in _whole_files(folder)[0]), default=0)
    return {**asdict(position), "choice": choice, "number": number}


def index_path(folder: Path, kind: str) -> Path:
    """Where an index of a kind lies."""
    return folder / f"{kind}.index"


def index_files(folder: Path) -> list[Path]:
    """The files of all kinds that are there: one, or while kinds are being changed two."""
    return [path for kind in kinds() if (path := index_path(folder, kind)).exists()]


def newest_saved(folder: Path) -> Saved | None:
    """The saved index that has come farthest; None if none is there.

    Raises:
        IndexFileError: there are files, but none is whole.
    """
    saved, damage = _whole_files(folder)
    if not saved and damage is not None:
        raise damage
    return max(saved, key=Saved.how_far, default=None)


def _whole_files(folder: Path) -> tuple[list[Saved], IndexFileError | None]:
    """Those that can be read, and what is wrong with one that can't."""
    saved, damage = [], None
    for path in index_files(folder):
        try:
            saved.append(Saved.read(path))
        except IndexFileError as error:
            damage = error
    return saved, damage


def delete_others(folder: Path, path: Path) -> None:
    """Delete the files of other kinds: they lack what is new and hold what was removed.

    Only whoever may save may do so: else what is deleted is what another has just saved.
    """
    unfinished = folder.glob(".*.index.*.tmp")  # what a process left that was killed while saving
    for other in (*index_files(folder), *unfinished):
        if other != path:
            other.unlink(missing_ok=True)

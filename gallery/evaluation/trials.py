"""A trial: a data set's labels and which of its pictures ask which; it only lacks embeddings.

Two models measured on one trial are asked the same questions, so that they can be compared.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import NotFoundError
from .counting import Rows


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Labels of n pictures, and the splits as rows of them.

    Attributes:
        name: the protocol's, or what was done with a store.
        description: what asks what.
        pids: n identities.
        views: n names; pictures of one person in one view (camera, tracklet, or the picture
            itself) don't count for one another.
        paths: n files; None where there is none.
        contents: the sha256 of what each of n files has to hold, where that is known; or none.
        splits: (int64[q], int64[g]) a split: the rows that ask, and those that are asked.
        distractors: pids that aren't one person.
        seed: what random splits were drawn from.
    """

    name: str
    description: str
    pids: tuple[str, ...]
    views: tuple[str, ...]
    paths: tuple[Path | None, ...]
    splits: tuple[tuple[Rows, Rows], ...]
    distractors: frozenset[str] = field(default=frozenset())
    seed: int = 0
    contents: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        people = set(self.pids) - self.distractors
        if len(people) < 2:
            whom = "one person alone" if people else "nobody"
            raise NotFoundError(
                f"{self.name}: shows {whom}; it takes two people at least to tell them apart"
            )
        for query, gallery in self.splits:
            if not self._can_be_asked(query, gallery):
                raise NotFoundError(
                    f"{self.name}: none of {len(query)} queries has its person among "
                    f"{len(gallery)} gallery pictures (those of its own camera don't count); "
                    "check that both sides write pids alike"
                )

    def _can_be_asked(self, query: Rows, gallery: Rows) -> bool:
        """Whether one query at least has its person in another view."""
        views: dict[str, set[str]] = {}
        for row in gallery.tolist():
            views.setdefault(self.pids[row], set()).add(self.views[row])
        return any(views.get(self.pids[row], set()) - {self.views[row]} for row in query.tolist())

    @property
    def people(self) -> tuple[str, ...]:
        """The n identities, those that stand for many people counted as one person a picture."""
        return tuple(
            f"{pid}\0{row}" if pid in self.distractors else pid for row, pid in enumerate(self.pids)
        )

    @property
    def files(self) -> list[Path]:
        """The n pictures to embed.

        Raises:
            NotFoundError: one has no file.
        """
        found = [path for path in self.paths if path is not None]
        if len(found) < len(self.paths):
            raise NotFoundError(f"{self.name}: not every sighting has a picture to embed")
        return found


def name_view(camera: str | None, tracklet: str | None, row: int) -> str:
    """From which view a picture is: its camera's, or its tracklet's, or its very own."""
    if camera is not None:
        return f"camera {camera}"
    return f"picture {row}" if tracklet is None else f"tracklet {tracklet}"


def flattering(views: Iterable[str]) -> str:
    """What a trial's description ends with where pictures of one moment find each other."""
    if any(not view.startswith("picture ") for view in views):
        return ""
    return (
        "; neither cameras nor tracklets are known, so only the asking picture is left out, and "
        "the figures flatter"
    )

"""What a contact sheet shows: queries and their matches, checked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ReportError
from ..pictures.read import Crop
from .tiles import Picture


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SheetMatch:
    """One match as it is drawn.

    Attributes:
        picture: uint8[h, w, 3] RGB, or its file, or None where it is gone.
        pid: of any length, in any script.
        score: cosine.
        camera: None if unknown.
        right: whether it is the person asked about; None where that isn't known.
    """

    picture: Picture
    pid: str
    score: float
    camera: str | None = None
    right: bool | None = None

    def __post_init__(self) -> None:
        _check_picture(self.picture, f"the picture of {self.pid}")
        if not math.isfinite(self.score):
            raise ReportError(f"the score of {self.pid} is {self.score}; a cosine was expected")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SheetRow:
    """One query and its answer as they are drawn.

    Attributes:
        query: one picture or several of the same person; crops uint8[h, w, 3] RGB or files.
        matches: best first; the first 10 are drawn and the rest is counted.
        caption: a name for the query.
        verdict: what was said, in a few words: the threshold, for one.
        known: whether the query was said to be known; None if nothing was said.
    """

    query: Crop | Path | Sequence[Crop | Path]
    matches: Sequence[SheetMatch]
    caption: str = ""
    verdict: str = ""
    known: bool | None = None

    def __post_init__(self) -> None:
        if not self.pictures:
            raise ReportError(f"the query {self.caption!r} has no picture")
        for picture in self.pictures:
            _check_picture(picture, f"the query {self.caption!r}")

    @property
    def pictures(self) -> list[Crop | Path]:
        """The query's pictures, also when it is one."""
        one = isinstance(self.query, Path | np.ndarray)
        return [self.query] if one else list(self.query)  # type: ignore[list-item, arg-type]


def _check_picture(picture: object, what: str) -> None:
    if picture is None or isinstance(picture, Path):
        return
    if not isinstance(picture, np.ndarray):
        raise ReportError(f"{what} is a {type(picture).__name__}; an array or a Path was expected")
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ReportError(
            f"{what} is {picture.dtype}{list(picture.shape)}; uint8[h, w, 3] was expected"
        )

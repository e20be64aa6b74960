"""The protocols: how each data set is asked, and the trial that comes of a folder of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from ..errors import LayoutError
from ..pictures.labelled import LabelledPicture, once_each
from ..pictures.layouts import distractors_of
from ..pictures.whole import read_whole
from .counting import Rows
from .random_splits import (
    CUHK03_PEOPLE,
    CUHK03_SPLITS,
    RANDOM_SPLITS,
    cuhk03_splits,
    grid_splits,
    prid2011_splits,
    viper_splits,
)
from .splits import Split, dukemtmc_splits, market1501_splits, msmt17_splits
from .trials import Trial, flattering, name_view

ALL_TO_ALL = "all-to-all"
"""The protocol for any folder or manifest."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a data set is asked: a sentence for people, and the splits of a folder and a seed.

    Attributes:
        description: what is asked of what.
        splits: reads a folder.
        distractors: pids that stand for nobody, or for many people; they never ask.
    """

    description: str
    splits: Callable[[Path, int], list[Split]]
    distractors: frozenset[str] = frozenset()


_HALVES = f"{RANDOM_SPLITS} random halves of the people"

PROTOCOLS: dict[str, Protocol] = {
    "market1501": Protocol(
        "single query; distractors stay, junk is out",
        market1501_splits,
        distractors_of("market1501"),
    ),
    "dukemtmc": Protocol("single query; distractors stay, junk is out", dukemtmc_splits),
    "msmt17": Protocol("single query; junk is out", msmt17_splits),
    "cuhk03": Protocol(
        f"{CUHK03_SPLITS} random draws of up to {CUHK03_PEOPLE} people, camera a asking one "
        "picture a person of camera b",
        cuhk03_splits,
    ),
    "viper": Protocol(f"{_HALVES}, either camera asking the other", viper_splits),
    "grid": Protocol(f"{_HALVES}, distractors in the gallery", grid_splits, distractors_of("grid")),
    "prid2011": Protocol(f"{_HALVES}, distractors in the gallery", prid2011_splits),
    ALL_TO_ALL: Protocol(
        "every picture asks for its person's others: those of other cameras where cameras are "
        "known, else of other tracklets, else all; whom a manifest trains on is left out",
        lambda folder, seed: _all_to_all(folder, "folders"),
    ),
}


def read_trial(name: str, source: Path, *, seed: int = 0, layout: str = "folders") -> Trial:
    """Read a data set for one of `PROTOCOLS`.

    Args:
        name: which protocol.
        source: the data set's folder in its own layout; for all-to-all any folder or CSV manifest.
        seed: of random splits.
        layout: of the folder, for all-to-all only.

    Raises:
        LayoutError: the protocol is unknown, or ``source`` isn't of that data set.
        NotFoundError: there are fewer than two people.
    """
    if name not in PROTOCOLS:
        raise LayoutError(f"protocol {name!r} is unknown; choose one of {', '.join(PROTOCOLS)}")
    protocol = PROTOCOLS[name]
    if name == ALL_TO_ALL:
        splits, distractors = _all_to_all(source, layout), distractors_of(layout)
    else:
        splits, distractors = protocol.splits(source, seed), protocol.distractors
    if not all(split.query and split.gallery for split in splits):
        raise LayoutError(f"{source}: too few people for the protocol {name!r}")
    row_of, pictures = _number(splits)
    views = tuple(
        name_view(picture.camera, picture.tracklet, row) for row, picture in enumerate(pictures)
    )
    return Trial(
        name=name,
        description=protocol.description + flattering(views),
        pids=tuple(picture.pid for picture in pictures),
        views=views,
        paths=tuple(picture.path for picture in pictures),
        splits=tuple(
            (_rows(split.query, row_of), _rows(split.gallery, row_of)) for split in splits
        ),
        distractors=distractors,
        seed=seed,
    )


def _all_to_all(source: Path, layout: str) -> list[Split]:
    read = [picture for picture in read_whole(source, layout) if picture.split != "training"]
    pictures, distractors = _tell_sources_apart(read), distractors_of(layout)
    return [Split([p for p in pictures if p.pid not in distractors], pictures)]


def _tell_sources_apart(pictures: list[LabelledPicture]) -> list[LabelledPicture]:
    """Put its source before a pid that two sources have: within one alone it means one person."""
    sources: dict[str, set[str | None]] = {}
    for picture in pictures:
        sources.setdefault(picture.pid, set()).add(picture.source)
    return [
        replace(picture, pid=f"{picture.source or ''}:{picture.pid}")
        if len(sources[picture.pid]) > 1
        else picture
        for picture in pictures
    ]


def _number(splits: list[Split]) -> tuple[dict[Path, int], list[LabelledPicture]]:
    """Give every picture of all splits one row."""
    pictures = once_each(chain.from_iterable((*split.query, *split.gallery) for split in splits))
    return {picture.path: row for row, picture in enumerate(pictures)}, pictures


def _rows(pictures: list[LabelledPicture], row_of: dict[Path, int]) -> Rows:
    rows = dict.fromkeys(row_of[picture.path] for picture in pictures)  # a file asks once
    return np.fromiter(rows, dtype=np.int64, count=len(rows))

"""The people of one place, and comparisons drawn among them as a gallery would make them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..counted import counted
from ..embeddings import check_embeddings
from ..errors import CalibrationError, EmbeddingError

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

MOST_SIGHTINGS = 5
MOST_PICTURES = 4
"""What a drawn person is enrolled with, and asked with, where there are so many."""

LEAST_PEOPLE = 20
"""Of one place; with fewer, chance decides how alike the most similar strangers are."""

_MOST_PEOPLE = 1000
"""Drawn for one round: bounds its memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Pictures of people who were seen by the same cameras.

    Attributes:
        embeddings: float32[n, d] unit rows.
        people: int64[n], whom each shows, from 0.
        sides: int64[n], where from, from 0: its camera. Of a person whose cameras aren't known the
            tracklets, or else the pictures, are dealt to two sides.
    """

    embeddings: Vectors
    people: Rows
    sides: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """Every probe of one side compared with everyone enrolled from the others.

    Attributes:
        one: float32[q, g], one picture against one sighting.
        sightings: float32[q, g], one picture against up to `MOST_SIGHTINGS`, the best of them.
        pictures: float32[q, g], up to `MOST_PICTURES` pictures' mean against one sighting.
        sighting_counts: int64[g], of each person enrolled.
        picture_counts: int64[q], of each probe.
        probes: int64[q], who asks.
        enrolled: int64[g], who is enrolled.
    """

    one: Vectors
    sightings: Vectors
    pictures: Vectors
    sighting_counts: Rows
    picture_counts: Rows
    probes: Rows
    enrolled: Rows

    @property
    def own(self) -> npt.NDArray[np.bool_]:
        """bool[q, g], where probe and enrolled are one person."""
        same: npt.NDArray[np.bool_] = self.probes[:, np.newaxis] == self.enrolled
        return same


def part_places(
    embeddings: npt.NDArray[np.float32],
    *,
    pids: Sequence[str],
    cameras: Sequence[str | None] | None = None,
    tracklets: Sequence[str | None] | None = None,
    places: Sequence[str] | None = None,
) -> list[Place]:
    """Check labelled embeddings and part them by place; people of two places are never compared.

    Args:
        embeddings: float32[n, d] unit rows.
        pids: n names.
        cameras: n names or None each; None knows of none.
        tracklets: n names or None each, used where the camera isn't known.
        places: n names; None is one place.

    Returns:
        The places with at least `LEAST_PEOPLE` people who were seen from two sides.

    Raises:
        EmbeddingError: rows aren't unit, or the labels of another number.
        CalibrationError: no place has so many people.
    """
    rows = check_embeddings(embeddings)
    unknown: list[str | None] = [None] * len(rows)
    columns: list[list[str | None]] = [
        list(pids),
        list(cameras or unknown),
        list(tracklets or unknown),
    ]
    where = np.array(list(places) if places is not None else [""] * len(rows))
    if any(len(column) != len(rows) for column in columns) or len(where) != len(rows):
        raise EmbeddingError(f"{len(rows)} embeddings and another number of labels; give one each")
    random = np.random.default_rng(0)
    found = []
    largest = 0
    for name in np.unique(where):
        chosen = np.flatnonzero(where == name)
        labels = [[column[n] for n in chosen.tolist()] for column in columns]
        place = _make_place(rows[chosen], labels, random)
        count = len(np.unique(place.people))
        largest = max(largest, count)
        if count >= LEAST_PEOPLE:
            found.append(place)
    if not found:
        raise CalibrationError(
            f"{counted(largest, 'person', 'were')} seen by two cameras (or, without camera "
            f"labels, twice), and calibrating takes {LEAST_PEOPLE} of one place at the least, "
            "better some hundreds"
        )
    return found


def draw_rounds(place: Place, count: int, *, seed: int = 0) -> Iterator[Round]:
    """Draw ``count`` rounds, the sides asking in turn."""
    random = np.random.default_rng(seed)
    sides = np.unique(place.sides)
    for number in range(count):
        yield _draw_round(place, sides[number % len(sides)], random)


def _make_place(
    embeddings: Vectors, labels: list[list[str | None]], random: np.random.Generator
) -> Place:
    """Number people and sides; leave out whoever was seen from one side only."""
    pids, cameras, tracklets = labels
    people = np.unique(np.array(pids), return_inverse=True)[1].astype(np.int64)
    names = [
        camera if camera is not None else ("dealt", side)
        for camera, side in zip(cameras, _deal(people, cameras, tracklets, random), strict=True)
    ]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    sides = np.array([numbers[name] for name in names], dtype=np.int64)
    pairs = np.unique(np.column_stack((people, sides)), axis=0)
    often = np.bincount(pairs[:, 0], minlength=1) >= 2
    kept = often[people] if len(people) else np.zeros(0, dtype=bool)
    return Place(embeddings[kept], people[kept], sides[kept])


def _deal(
    people: Rows,
    cameras: list[str | None],
    tracklets: list[str | None],
    random: np.random.Generator,
) -> list[int]:
    """Deal what has no camera to sides 0 and 1 in turn, in random order; a tracklet stays whole."""
    sides = [0] * len(people)
    dealt: dict[int, int] = {}
    known: dict[tuple[int, str], int] = {}
    for row in random.permutation(len(people)).tolist():
        person, tracklet = int(people[row]), tracklets[row]
        if cameras[row] is not None:
            continue
        if tracklet is not None and (person, tracklet) in known:
            sides[row] = known[person, tracklet]
            continue
        sides[row] = dealt.get(person, 0) % 2
        dealt[person] = dealt.get(person, 0) + 1
        if tracklet is not None:
            known[person, tracklet] = sides[row]
    return sides


def _draw_round(place: Place, side: np.int64, random: np.random.Generator) -> Round:
    everyone = np.unique(place.people)
    drawn = random.permutation(everyone)[:_MOST_PEOPLE]
    present = np.isin(place.people, drawn)
    asking, asking_starts = _take(place, present & (place.sides == side), MOST_PICTURES, random)
    stored, stored_starts = _take(place, present & (place.sides != side), MOST_SIGHTINGS, random)
    first = place.embeddings[asking[asking_starts]]
    sums = np.add.reduceat(place.embeddings[asking], asking_starts, axis=0)
    mean = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    gallery = place.embeddings[stored]
    every = first @ gallery.T
    return Round(
        one=every[:, stored_starts],
        sightings=np.maximum.reduceat(every, stored_starts, axis=1),
        pictures=mean @ gallery[stored_starts].T,
        sighting_counts=np.diff(stored_starts, append=len(stored)),
        picture_counts=np.diff(asking_starts, append=len(asking)),
        probes=place.people[asking[asking_starts]],
        enrolled=place.people[stored[stored_starts]],
    )


def _take(
    place: Place, allowed: npt.NDArray[np.bool_], most: int, random: np.random.Generator
) -> tuple[Rows, Rows]:
    """Draw up to ``most`` rows a person; return them by person, and where each person begins."""
    rows = random.permutation(np.flatnonzero(allowed))
    rows = rows[np.argsort(place.people[rows], kind="stable")]
    owners = place.people[rows]
    begins = np.flatnonzero(np.diff(owners, prepend=-1))
    position = np.arange(len(rows)) - np.repeat(begins, np.diff(begins, append=len(rows)))
    rows = rows[position < most]
    return rows, np.flatnonzero(np.diff(place.people[rows], prepend=-1))

"""Whom the report's sheets show: the people with most and fewest pictures, suspects, pairs."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ...gallery.counted import counted
from ...gallery.pictures.labelled import LabelledPicture
from ..balancing import draw_pictures
from .album import TILES, AlbumPicture, AlbumRow
from .duplicates import NearPairs, Numbers
from .suspects import Suspect

People = dict[str, list[LabelledPicture]]


def group_people(pictures: Sequence[LabelledPicture]) -> People:
    """Everyone's pictures, who has most first."""
    people: People = defaultdict(list)
    for picture in pictures:
        people[picture.pid].append(picture)
    return dict(sorted(people.items(), key=lambda item: -len(item[1])))


def person_row(pid: str, pictures: Sequence[LabelledPicture]) -> AlbumRow:
    """One person, with pictures over their cameras and tracklets."""
    views = [(p.camera, p.tracklet) for p in pictures]
    count = min(TILES, len(pictures))
    at = draw_pictures(
        range(len(pictures)), views, count, group=count, random=np.random.default_rng(0)
    )
    return AlbumRow(pid, _note(pictures), [_tile(pictures[n]) for n in sorted(at)])


def suspect_row(suspect: Suspect) -> AlbumRow:
    """One suspect: the doubtful pictures first, with a frame."""
    rather = f", more like {suspect.rather}" if suspect.rather else ""
    tiles = [_tile(p, marked=n < suspect.doubtful) for n, p in enumerate(suspect.pictures)]
    return AlbumRow(suspect.pid, f"chance of a wrong label {suspect.chance:.2f}{rather}", tiles)


def pair_rows(
    pictures: Sequence[LabelledPicture], near: NearPairs, chosen: Numbers
) -> list[AlbumRow]:
    """Pairs of pictures that are alike, five a row, nearest first."""
    tiles = []
    for at in chosen.tolist():
        for position in (near.first[at], near.second[at]):
            picture = pictures[position]
            tiles.append(AlbumPicture(picture.path, picture.pid))
    return [
        AlbumRow(
            f"pairs {start // 2 + 1} to {min(start + TILES, len(tiles)) // 2}",
            f"of {len(chosen)} shown, nearest first",
            tiles[start : start + TILES],
        )
        for start in range(0, len(tiles), TILES)
    ]


def _tile(picture: LabelledPicture, *, marked: bool = False) -> AlbumPicture:
    return AlbumPicture(picture.path, picture.camera or picture.path.name, marked)


def _note(pictures: Sequence[LabelledPicture]) -> str:
    cameras = {p.camera for p in pictures if p.camera}
    tracklets = {p.tracklet for p in pictures if p.tracklet}
    parts = [counted(len(pictures), "picture")]
    parts += [counted(len(cameras), "camera")] if cameras else []
    parts += [counted(len(tracklets), "tracklet")] if tracklets else []
    return ", ".join([*parts, pictures[0].split or ""])

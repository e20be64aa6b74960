"""Splits of the small data sets: random halves or draws of the people, averaged over.

They depend on nothing but the pids, the seed and the split's number, so that they are the same on
every machine and with every version of Python and numpy.
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from ..pictures.labelled import LabelledPicture
from ..pictures.layouts import distractors_of
from ..pictures.whole import read_whole_folder
from .splits import Split

RANDOM_SPLITS = 10
"""How many random halves of the people VIPeR, GRID and PRID 2011 are averaged over."""

CUHK03_SPLITS = 20
CUHK03_PEOPLE = 100
"""Random draws of so many people that CUHK03 is averaged over (Li et al. 2014)."""

Views = dict[str, list[LabelledPicture]]


def viper_splits(folder: Path, seed: int) -> list[Split]:
    """Random halves of the people (316 of 632), one picture a camera, each camera to the other.

    Two splits a half: cam_a asks cam_b, then cam_b asks cam_a (Gray et al. 2007).
    """
    views = _by_pid(read_whole_folder("viper", folder))
    people = _seen_by_two(views)
    splits = []
    for number in range(RANDOM_SPLITS):
        chosen = [picture for pid in _draw_half(people, seed, number) for picture in views[pid]]
        cam_a = [picture for picture in chosen if picture.camera == "cam_a"]
        cam_b = [picture for picture in chosen if picture.camera == "cam_b"]
        splits += [Split(cam_a, cam_b), Split(cam_b, cam_a)]
    return splits


def grid_splits(folder: Path, seed: int) -> list[Split]:
    """Random halves of the pairs (125 of 250) against their partners and all 775 distractors.

    A pair is one person seen by two cameras; the picture of the lower camera number is the probe.
    Distractors are the people seen once, whether all are called 0000, as the authors' folders
    have it, or each has a number of their own (Loy et al. 2009).
    """
    pictures = read_whole_folder("grid", folder)
    views = _by_pid(p for p in pictures if p.pid not in distractors_of("grid"))
    pairs = {
        pid: sorted(views[pid], key=lambda picture: str(picture.camera))
        for pid in _seen_by_two(views)
    }
    distractors = [picture for picture in pictures if picture.pid not in pairs]
    splits = []
    for number in range(RANDOM_SPLITS):
        half = _draw_half(pairs, seed, number)
        partners = [pairs[pid][1] for pid in half]
        splits.append(Split([pairs[pid][0] for pid in half], partners + distractors))
    return splits


def prid2011_splits(folder: Path, seed: int) -> list[Split]:
    """Random halves of the people both cameras saw (100 of 200), single shot.

    The lower camera asks the other's partners and all 549 people that only the other saw
    (Hirzer et al. 2011). ``folder`` is the data set's ``single_shot``, or holds it.
    """
    inner = folder / "single_shot"
    pictures = read_whole_folder("prid2011", inner if inner.is_dir() else folder)
    views = _by_pid(pictures)
    people = _seen_by_two(views)
    asking = min((str(picture.camera) for picture in pictures), default="")
    both = set(people)
    distractors = [p for p in pictures if p.pid not in both and p.camera != asking]
    splits = []
    for number in range(RANDOM_SPLITS):
        chosen = [picture for pid in _draw_half(people, seed, number) for picture in views[pid]]
        query = [picture for picture in chosen if picture.camera == asking]
        partners = [picture for picture in chosen if picture.camera != asking]
        splits.append(Split(query, partners + distractors))
    return splits


def cuhk03_splits(folder: Path, seed: int) -> list[Split]:
    """Random draws of 100 people, single shot, averaged over 20 (Li et al. 2014).

    Every picture of a person's first camera asks; the gallery holds one of the second camera's
    pictures of each person, drawn anew in every split. A folder of fewer people is used whole.
    Give a folder of people that the model wasn't trained on, such as the data set's test people.
    """
    views = _by_pid(read_whole_folder("cuhk03", folder))
    people = _seen_by_two(views)
    splits = []
    for number in range(CUHK03_SPLITS):
        chosen = sorted(_shuffle(people, seed, number)[:CUHK03_PEOPLE])
        sides = [_part_cameras(views[pid]) for pid in chosen]
        query = [picture for first, _ in sides for picture in first]
        splits.append(Split(query, [_draw_one(second, seed, number) for _, second in sides]))
    return splits


def _by_pid(pictures: Iterable[LabelledPicture]) -> Views:
    views: Views = {}
    for picture in pictures:
        views.setdefault(picture.pid, []).append(picture)
    return views


def _seen_by_two(views: Views) -> list[str]:
    return [pid for pid, seen in views.items() if len({picture.camera for picture in seen}) == 2]


def _part_cameras(
    pictures: list[LabelledPicture],
) -> tuple[list[LabelledPicture], list[LabelledPicture]]:
    """Part pictures of two cameras, the camera whose name comes first before the other."""
    first = min(str(picture.camera) for picture in pictures)
    return (
        [picture for picture in pictures if picture.camera == first],
        [picture for picture in pictures if picture.camera != first],
    )


def _draw_half(pids: Iterable[str], seed: int, number: int) -> list[str]:
    """Half of the pids, in pid order."""
    drawn = _shuffle(pids, seed, number)
    return sorted(drawn[: len(drawn) // 2])


def _shuffle(pids: Iterable[str], seed: int, number: int) -> list[str]:
    """Pids by the hash of their lot: it draws alike everywhere, a library's stream may not."""
    return sorted(pids, key=lambda pid: _lot(pid, seed, number))


def _draw_one(pictures: list[LabelledPicture], seed: int, number: int) -> LabelledPicture:
    return min(pictures, key=lambda picture: _lot(picture.path.name, seed, number))


def _lot(text: str, seed: int, number: int) -> bytes:
    return sha256(f"{seed}/{number}/{text}".encode()).digest()

"""Which pictures of a public data set are queries and which are the gallery.

Random splits depend on nothing but the pids, the seed and the split's number, so that they are
the same on every machine and with every version of Python and numpy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ..errors import LayoutError
from ..pictures.labelled import LabelledPicture
from ..pictures.layouts import read_layout

RANDOM_SPLITS = 10
"""How many random halves of the people the small data sets are averaged over."""


@dataclass(frozen=True, slots=True)
class Split:
    """One set of queries asked of one gallery."""

    query: list[LabelledPicture]
    gallery: list[LabelledPicture]


def market1501_splits(folder: Path, seed: int) -> list[Split]:
    """``query/`` against ``bounding_box_test/``; there is nothing random, ``seed`` is not used.

    Junk (pid -1) is out; the distractors (pid 0000) stay, as one identity (Zheng et al. 2015).
    """
    query = _read("market1501", folder / "query")
    return [Split(query, _read("market1501", folder / "bounding_box_test"))]


def viper_splits(folder: Path, seed: int) -> list[Split]:
    """Random halves of the people (316 of 632), one picture a camera, each camera to the other.

    Two splits a half: cam_a asks cam_b, then cam_b asks cam_a (Gray et al. 2007).
    """
    views = _by_pid(_read("viper", folder))
    people = [pid for pid, pictures in views.items() if len({p.camera for p in pictures}) == 2]
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
    pictures = _read("grid", folder)
    views = _by_pid(picture for picture in pictures if picture.pid != "0000")
    pairs = {
        pid: sorted(seen, key=lambda picture: str(picture.camera))
        for pid, seen in views.items()
        if len({picture.camera for picture in seen}) == 2
    }
    distractors = [picture for picture in pictures if picture.pid not in pairs]
    splits = []
    for number in range(RANDOM_SPLITS):
        half = _draw_half(pairs, seed, number)
        partners = [pairs[pid][1] for pid in half]
        splits.append(Split([pairs[pid][0] for pid in half], partners + distractors))
    return splits


def _read(layout: str, folder: Path) -> list[LabelledPicture]:
    reading = read_layout(layout, folder)
    if reading.failed:
        path, reason = reading.failed[0]
        raise LayoutError(
            f"{path}: not of the {layout} data set ({reason}); "
            f"move such pictures ({len(reading.failed)}) out of {folder}"
        )
    return reading.pictures


def _by_pid(pictures: Iterable[LabelledPicture]) -> dict[str, list[LabelledPicture]]:
    views: dict[str, list[LabelledPicture]] = {}
    for picture in pictures:
        views.setdefault(picture.pid, []).append(picture)
    return views


def _draw_half(pids: Iterable[str], seed: int, number: int) -> list[str]:
    """Half of the pids, in pid order; a hash draws alike everywhere, a library's stream may not."""

    def lot(pid: str) -> bytes:
        return sha256(f"{seed}/{number}/{pid}".encode()).digest()

    drawn = sorted(pids, key=lot)
    return sorted(drawn[: len(drawn) // 2])

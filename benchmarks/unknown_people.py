"""The people of `unknown.py`: read, embedded, and calibrated on as the command does."""

from pathlib import Path

import numpy as np
from openset import People
from reid_gallery.gallery.calibration.fit import fit_calibration
from reid_gallery.gallery.calibration.places import part_places
from reid_gallery.gallery.decision import Calibration
from reid_gallery.gallery.evaluation.embedding import embed_files
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.pictures.labelled import LabelledPicture
from reid_gallery.gallery.pictures.layouts import read_layout
from reid_gallery.gallery.pictures.manifest import read_manifest
from reid_gallery.gallery.pictures.quality import measure_quality
from reid_gallery.gallery.pictures.read import read_crop

NAMES = {"market1501": "Market-1501", "cuhk03": "CUHK03", "cuhk01": "CUHK01"}
"""Of sources, as the page writes them."""


def read_held_out(manifest: Path) -> dict[str, list[LabelledPicture]]:
    """Read the calibration people, by place."""
    sources: dict[str, list[LabelledPicture]] = {}
    for picture in read_manifest(manifest).pictures:
        source = picture.source or "held out"
        sources.setdefault(NAMES.get(source, source), []).append(picture)
    return sources


def read_tests(data: Path) -> dict[str, list[LabelledPicture]]:
    """Read the test people; distractors are nobody, except in GRID, where each is somebody."""
    market = [
        picture
        for part in ("query", "bounding_box_test")
        for picture in read_layout("market1501", data / "market1501" / part).pictures
        if picture.pid != "0000"
    ]
    return {
        "Market-1501": market,
        "VIPeR": read_layout("viper", data / "viper").pictures,
        "GRID": read_layout("grid", data / "grid").pictures,
    }


def embed(extractor: Extractor, pictures: list[LabelledPicture], kept: Path | None) -> People:
    """Embed one place's people, and measure the quality of their pictures."""
    names = [
        f"nobody {number}" if picture.pid == "0000" else picture.pid
        for number, picture in enumerate(pictures)
    ]
    cameras = [picture.camera or "" for picture in pictures]
    paths = [picture.path for picture in pictures]
    return People(
        embed_files(extractor, paths, cache=kept),
        np.unique(names, return_inverse=True)[1].astype(np.int64),
        np.unique(cameras, return_inverse=True)[1].astype(np.int64),
        np.array([measure_quality(read_crop(path)).features for path in paths]),
    )


def calibrate(places: dict[str, People]) -> Calibration:
    """Calibrate as ``reid-gallery calibrate`` does."""
    return fit_calibration(
        part_places(
            np.concatenate([place.embeddings for place in places.values()]),
            pids=[str(number) for place in places.values() for number in place.people],
            cameras=[str(number) for place in places.values() for number in place.cameras],
            places=[name for name, place in places.items() for _ in place.people],
        )
    )


def join(places: list[People]) -> People:
    """The people of several places as of one, numbered on."""
    begins = np.cumsum([0, *(place.people.max() + 1 for place in places)])
    return People(
        np.concatenate([place.embeddings for place in places]),
        np.concatenate([p.people + b for p, b in zip(places, begins, strict=False)]),
        np.concatenate([place.cameras for place in places]),
        np.concatenate([place.quality for place in places]),
    )


def others(places: dict[str, People], name: str) -> People:
    """The people of all other places, as a cohort."""
    return join([place for other, place in places.items() if other != name])


def halves(place: People, seed: int) -> tuple[People, People]:
    """Two halves of a place's people, at random."""
    everyone = np.random.default_rng(seed).permutation(np.unique(place.people))
    first = np.isin(place.people, everyone[: len(everyone) // 2])
    return place.only(first), place.only(~first)

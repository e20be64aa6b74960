"""A folder of drawn people, laid out and labelled like a small data set."""

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import LayoutError
from ..pictures.labelled import LabelledPicture
from ..pictures.manifest import MANIFEST_NAME, write_manifest
from ..pictures.read import Crop
from .camera import Camera, sample_camera
from .noise import stream
from .person import Person
from .render import render_shot
from .sample import sample_person
from .shot import sample_walk

_OPENING = datetime(2026, 5, 4, 7, 30, tzinfo=UTC)
_WALK_LENGTH = 4  # pictures of one passage; more are another passage
_JPEG_QUALITY = 92


def draw_figures(
    folder: Path, *, people: int, cameras: int, per_camera: int, seed: int
) -> list[LabelledPicture]:
    """Draw people as several cameras see them, and write the pictures with a manifest.

    The pictures are ``PID/camC_N.jpg``; ``manifest.csv`` beside the PID folders names each with its
    pid, camera, time (ISO 8601, UTC) and tracklet, paths relative to itself. The folder appears
    only when everything in it is complete. The same arguments write the same bytes.

    Args:
        folder: to be made; it may exist if it is empty.
        people: how many.
        cameras: how many.
        per_camera: pictures of each person by each camera.
        seed: 0 or more.

    Returns:
        The pictures as in the manifest, paths below ``folder``, by person, camera and time.

    Raises:
        LayoutError: the folder has something in it, or can't be written.
        ValueError: a number is below 1, or the seed below 0.
    """
    if min(people, cameras, per_camera) < 1 or seed < 0:
        raise ValueError(
            f"people={people}, cameras={cameras}, per_camera={per_camera} must be 1 or more,"
            f" seed={seed} 0 or more"
        )
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise LayoutError(f"{folder}: not an empty folder; name a new one for the figures")
        return _draw_beside(folder, people, cameras, per_camera, seed)
    except OSError as error:
        raise LayoutError(
            f"{folder}: figures can't be written ({error.strerror or error})"
        ) from error


def _draw_beside(
    folder: Path, people: int, cameras: int, per_camera: int, seed: int
) -> list[LabelledPicture]:
    """Draw into a hidden folder beside the wanted one, then give it its name."""
    partial = folder.parent / f".{folder.name}.{os.getpid()}.partial"
    partial.mkdir(parents=True)
    try:
        pictures = _draw_all(partial, people, cameras, per_camera, seed)
        write_manifest(partial / MANIFEST_NAME, pictures)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return [
        replace(picture, path=folder / picture.path.relative_to(partial)) for picture in pictures
    ]


def _draw_all(
    folder: Path, people: int, cameras: int, per_camera: int, seed: int
) -> list[LabelledPicture]:
    first_person, first_camera = (int(at) for at in stream(60, seed).integers(2**31, size=2))
    views = [sample_camera(first_camera + number) for number in range(cameras)]
    pictures: list[LabelledPicture] = []
    for number in range(people):
        person = sample_person(first_person + number)
        rng = stream(61, seed, number)
        pictures += _draw_person(folder, person, views, per_camera, rng, number=number)
    return pictures


def _draw_person(
    folder: Path,
    person: Person,
    cameras: list[Camera],
    per_camera: int,
    rng: np.random.Generator,
    *,
    number: int,
) -> list[LabelledPicture]:
    """A person's day: they pass the cameras one after the other, if need be several times."""
    pid = f"p{number:03d}"
    (folder / pid).mkdir()
    pictures: list[LabelledPicture] = []
    moment = _OPENING + timedelta(seconds=round(float(rng.uniform(0, 4 * 3600))))
    rounds = -(-per_camera // _WALK_LENGTH)
    for turn in range(rounds):
        for camera in rng.permutation(len(cameras)):
            first = turn * _WALK_LENGTH
            length = min(_WALK_LENGTH, per_camera - first)
            name = f"cam{camera + 1}"
            walk = sample_walk(
                person, cameras[camera], seed=int(rng.integers(2**31)), length=length
            )
            for step, shot in enumerate(walk):
                path = folder / pid / f"{name}_{first + step + 1}.jpg"
                _write_picture(path, render_shot(person, cameras[camera], shot))
                pictures.append(
                    LabelledPicture(
                        path=path,
                        pid=pid,
                        camera=name,
                        time=moment,
                        tracklet=f"{name}-{number * rounds + turn + 1:04d}",
                    )
                )
                moment += timedelta(seconds=int(rng.integers(1, 3)))
            moment += timedelta(seconds=int(rng.integers(40, 600)))
        moment += timedelta(seconds=int(rng.integers(1800, 7200)))
    return sorted(pictures, key=lambda picture: (picture.camera or "", str(picture.time)))


def _write_picture(path: Path, crop: Crop) -> None:
    Image.fromarray(crop).save(path, format="JPEG", quality=_JPEG_QUALITY)

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from reid_gallery.gallery.figures import (
    Camera,
    Person,
    render_figure,
    sample_camera,
    sample_person,
)
from reid_gallery.gallery.figures.camera import Lens
from reid_gallery.gallery.figures.person import BagKind
from reid_gallery.gallery.figures.render import render_shot
from reid_gallery.gallery.figures.shot import Occluder, Shot, sample_shot, sample_walk
from reid_gallery.gallery.pictures.read import Crop

CLEAN = Lens(
    height_px=200,
    gains=(1, 1, 1),
    exposure=1.2,
    contrast=1,
    saturation=1,
    haze=0,
    blur=0,
    sharpen=0,
    noise=0,
    jpeg_quality=95,
)


def test_a_crop_has_the_size_and_shape_of_a_detectors() -> None:
    for seed in range(10):
        crop = render_figure(sample_person(seed), sample_camera(seed), seed=seed)
        assert crop.dtype == np.uint8
        height, width, channels = crop.shape
        assert channels == 3
        assert 80 <= height <= 300
        assert 1.85 < height / width < 3.1
        assert crop.std() > 8


def test_the_same_arguments_give_the_same_pixels_and_others_do_not() -> None:
    person, camera = sample_person(5), sample_camera(6)
    crop = render_figure(person, camera, seed=1)
    assert np.array_equal(crop, render_figure(person, camera, seed=1))
    for other in (
        render_figure(person, camera, seed=2),
        render_figure(sample_person(6), camera, seed=1),
        render_figure(person, sample_camera(7), seed=1),
    ):
        assert other.shape != crop.shape or not np.array_equal(other, crop)


def clean_shot(person: Person, camera: Camera, *, yaw_deg: float, seed: int = 0) -> Shot:
    shot = sample_shot(person, camera, seed=seed)
    return replace(
        shot,
        yaw_deg=yaw_deg,
        occluder=Occluder.NONE,
        margins=(0.03, 0.03, 0.03, 0.03),
        sunlit=1.0,
        height_px=160,
    )


def redness(crop: Crop) -> int:
    """Number of pixels that are clearly red."""
    red, green, blue = crop.astype(int).transpose(2, 0, 1)
    return int(((red > 1.8 * green) & (red > 1.8 * blue) & (red > 70)).sum())


def test_a_red_backpack_shows_from_behind_and_hardly_from_the_front() -> None:
    person = next(p for p in map(sample_person, range(99)) if p.bag.kind is BagKind.BACKPACK)
    grey = (90, 90, 90)
    person = replace(
        person,
        upper=replace(person.upper, colour=grey, second=grey, inner=grey),
        lower=replace(person.lower, colour=grey, second=grey),
        bag=replace(person.bag, colour=(200, 20, 20)),
        shoes=replace(person.shoes, colour=grey, sole=grey),
    )
    camera = replace(sample_camera(6), lens=CLEAN)
    behind, front = (
        redness(render_shot(person, camera, clean_shot(person, camera, yaw_deg=yaw)))
        for yaw in (180.0, 0.0)
    )
    assert behind > 300
    assert front < behind / 2


def clothing_colours(person: Person, camera: Camera, seed: int) -> npt.NDArray[np.float64]:
    """Mean colour of the chest and of the legs, brightness divided out: float[6]."""
    crop = render_figure(person, camera, seed=seed).astype(float)
    height, width, _ = crop.shape
    middle = slice(int(0.32 * width), int(0.68 * width))
    chest = crop[int(0.2 * height) : int(0.42 * height), middle].reshape(-1, 3).mean(axis=0)
    legs = crop[int(0.52 * height) : int(0.72 * height), middle].reshape(-1, 3).mean(axis=0)
    colours = np.concatenate([chest, legs])
    return colours / np.linalg.norm(colours)


def test_one_person_is_more_alike_across_cameras_than_two_people() -> None:
    people, cameras = range(20, 36), range(3)
    looks = np.array(
        [
            [clothing_colours(sample_person(p), sample_camera(c), 10 * p + c) for c in cameras]
            for p in people
        ]
    )
    same, different = [], []
    for a in cameras:
        for b in cameras:
            if a == b:
                continue
            scores = looks[:, a] @ looks[:, b].T
            same += list(np.diag(scores))
            different += list(scores[~np.eye(len(scores), dtype=bool)])
    chances = (np.array(same)[:, None] > np.array(different)[None, :]).mean()
    assert chances > 0.65  # 0.5 if clothes were not kept; 1 if cameras made no difference


def test_occluders_cover_the_person_in_part() -> None:
    person = sample_person(4)
    camera = replace(sample_camera(6), lens=CLEAN)
    free = clean_shot(person, camera, yaw_deg=20.0)
    open_view = render_shot(person, camera, free).astype(int)
    for kind in (Occluder.POLE, Occluder.HOOD, Occluder.PASSER_BY):
        shot = replace(free, occluder=kind, occluder_at=0.3)
        crop = render_shot(person, camera, shot).astype(int)
        changed = (abs(crop - open_view).max(axis=2) > 12).mean()
        assert 0.01 < changed < 0.7, kind


def test_a_box_that_cuts_the_feet_shows_less_ground() -> None:
    person = sample_person(4)
    camera = replace(sample_camera(6), lens=CLEAN)
    whole = clean_shot(person, camera, yaw_deg=0.0)
    cut = replace(whole, margins=(0.03, -0.12, 0.03, 0.03))
    first, second = render_shot(person, camera, whole), render_shot(person, camera, cut)
    assert first.shape[0] == second.shape[0] == 160
    assert second.shape[1] > first.shape[1]  # the same width over less height


def test_a_walk_goes_on_in_one_direction() -> None:
    person, camera = sample_person(8), sample_camera(1)
    walk = sample_walk(person, camera, seed=3, length=4)
    assert walk[0].yaw_deg == sample_shot(person, camera, seed=3).yaw_deg
    for first, second in pairwise(walk):
        assert abs(first.yaw_deg - second.yaw_deg) < 45
        assert first.motion.phase != second.motion.phase
        assert 80 <= second.height_px <= 300


@pytest.mark.parametrize("kind", list(BagKind))
def test_every_bag_can_be_drawn(kind: BagKind) -> None:
    person = sample_person(11)
    person = replace(person, bag=replace(person.bag, kind=kind))
    assert render_figure(person, sample_camera(0), seed=1).size

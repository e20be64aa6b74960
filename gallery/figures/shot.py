"""What differs from picture to picture of one person in one camera."""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from .camera import Camera
from .colours import pick
from .noise import stream
from .person import BagKind, Person
from .pose import Arms, Motion

_STREAM = 3


class Occluder(StrEnum):
    """What stands before the person."""

    NONE = "none"
    POLE = "pole"
    HOOD = "hood"
    PASSER_BY = "passer-by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One instant in front of one camera.

    Attributes:
        yaw_deg: 0 facing the camera, 90 walking to the right, 180 from behind.
        motion: the instant of the walk.
        place_m: how far along the wall.
        sunlit: share of the lamp's light that reaches this place, 0 in the shade to 1.
        elevation_deg: how far the camera looks down on this place.
        distance_m: how far away it is.
        height_px: of the crop.
        margins: left, bottom, right, top: how far the box reaches beyond the figure, as shares of
            its height; negative cuts into it.
        occluder: what stands before the person.
        occluder_at: -1 at the left edge to +1 at the right edge.
        seed: of noise, and of the passer-by.
    """

    yaw_deg: float
    motion: Motion
    place_m: float
    sunlit: float
    elevation_deg: float
    distance_m: float
    height_px: int
    margins: tuple[float, float, float, float]
    occluder: Occluder
    occluder_at: float
    seed: int


def sample_shot(person: Person, camera: Camera, *, seed: int) -> Shot:
    """Draw one instant at which the person passes the camera."""
    rng = stream(_STREAM, seed)
    back = bool(rng.random() < 0.5)
    distance = camera.distance_m * float(rng.uniform(0.8, 1.25))
    shot = Shot(
        yaw_deg=camera.heading_deg + (180.0 if back else 0.0) + float(rng.normal(0, 25)),
        motion=_sample_motion(person, rng),
        place_m=float(rng.uniform(0, 16)),
        sunlit=float(rng.choice([0.15, 1.0], p=[0.35, 0.65])),
        elevation_deg=camera.elevation_deg * camera.distance_m / distance,
        distance_m=distance,
        height_px=_height_px(camera, distance),
        margins=(0, 0, 0, 0),
        occluder=Occluder.NONE,
        occluder_at=0.0,
        seed=0,
    )
    return _framed(shot, camera, rng)


def sample_walk(person: Person, camera: Camera, *, seed: int, length: int) -> list[Shot]:
    """Draw consecutive instants of one passage: the same way and place, the walk going on."""
    rng = stream(_STREAM, seed, length)
    shots = [sample_shot(person, camera, seed=seed)]
    for _ in range(length - 1):
        last = shots[-1]
        motion = replace(last.motion, phase=float((last.motion.phase + rng.uniform(0.2, 0.8)) % 1))
        distance = last.distance_m * float(rng.uniform(0.93, 1.07))
        moved = replace(
            last,
            motion=motion,
            yaw_deg=last.yaw_deg + float(rng.normal(0, 9)),
            place_m=last.place_m + float(rng.uniform(0.2, 1.2)),
            distance_m=distance,
            height_px=_height_px(camera, distance),
        )
        shots.append(_framed(moved, camera, rng))
    return shots


def _height_px(camera: Camera, distance_m: float) -> int:
    return int(np.clip(camera.lens.height_px * camera.distance_m / distance_m, 80, 300))


def _framed(shot: Shot, camera: Camera, rng: np.random.Generator) -> Shot:
    """Draw the detector's box, and what is in the way."""
    loose = rng.normal(0.04, 0.025, size=4)
    if rng.random() < 0.12:  # a detector that lost the feet or the head
        loose[int(rng.choice([1, 3], p=[0.75, 0.25]))] = -float(rng.uniform(0.03, 0.12))
    left, bottom, right, top = (float(np.clip(value, -0.13, 0.12)) for value in loose)
    occluded = bool(rng.random() < camera.occlusion)
    kinds = {Occluder.POLE: 3, Occluder.HOOD: 3, Occluder.PASSER_BY: 4}
    return replace(
        shot,
        margins=(left, bottom, right, top),
        occluder=pick(rng, kinds) if occluded else Occluder.NONE,
        occluder_at=float(rng.uniform(-1, 1)),
        seed=int(rng.integers(2**31)),
    )


def _sample_motion(person: Person, rng: np.random.Generator) -> Motion:
    standing = bool(rng.random() < 0.14)
    arms = [_sample_arm(rng), _sample_arm(rng)]
    if person.bag.kind is BagKind.HANDBAG:
        arms[0 if person.bag.side > 0 else 1] = Arms.SWING
    if person.bag.kind in (BagKind.BACKPACK, BagKind.SHOULDER) and rng.random() < 0.15:
        arms[int(rng.integers(2))] = Arms.STRAP
    return Motion(
        phase=float(rng.random()),
        pace=float(rng.uniform(0.0, 0.12) if standing else rng.uniform(0.7, 1.05)),
        left=arms[0],
        right=arms[1],
        gaze_deg=float(rng.normal(0, 14)),
        nod_deg=float(rng.normal(5, 7)) + (16.0 if Arms.PHONE in arms else 0.0),
    )


def _sample_arm(rng: np.random.Generator) -> Arms:
    return pick(rng, {Arms.SWING: 80, Arms.PHONE: 9, Arms.POCKET: 11})

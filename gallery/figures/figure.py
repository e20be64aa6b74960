"""A person in motion as a list of solids."""

import numpy as np

from .arms import build_arms
from .heads import build_head
from .legs import build_legs
from .paint import over, plain
from .person import BagKind, Person
from .pose import UP, Motion, Pose, pose_body
from .shapes import Ball, Finish, Part, Tube, Vector
from .trunk import build_trunk

_BAG = Finish(fold=0.3, gloss=0.15)


def build_figure(person: Person, motion: Motion) -> list[Part]:
    """All parts of a person at one instant, in body space."""
    pose = pose_body(person.build, motion)
    return [
        *build_legs(person, pose),
        *build_trunk(person, pose),
        *build_arms(person, pose, motion),
        *build_head(person, pose),
        *_build_bag(person, pose),
    ]


def _build_bag(person: Person, pose: Pose) -> list[Part]:
    kind = person.bag.kind
    if kind is BagKind.BACKPACK:
        return _build_backpack(person, pose)
    if kind is BagKind.SHOULDER:
        return _build_shoulder_bag(person, pose)
    if kind is BagKind.HANDBAG:
        return _build_handbag(person, pose)
    return []


def _build_backpack(person: Person, pose: Pose) -> list[Part]:
    height, size = person.build.height_m, person.bag.size
    depth = 0.066 * person.build.breadth + 0.034 * size
    back = -depth * height * pose.front + person.upper.ease_m * -pose.front
    middle = pose.neck + back
    half = 0.072 * height * size
    left = np.cross(pose.trunk, pose.front)
    top, bottom = middle - 0.055 * height * pose.trunk, middle - 0.21 * height * size * pose.trunk
    seam_m = 0.06 * height
    paint = over(
        plain(person.bag.colour),
        lambda spots: np.abs(spots.along - seam_m) < 0.006,
        (20, 20, 22),
        strength=0.6,
    )
    pack = Tube(
        start=top,
        end=bottom,
        side=left,
        front=pose.front,
        sections=(
            (0.0, half * 0.86, 0.036 * height),
            (0.4, half, 0.044 * height * size),
            (1.0, half * 0.97, 0.046 * height * size),
        ),
        paint=paint,
        finish=_BAG,
    )
    pocket = Ball(
        bottom - 0.044 * height * size * pose.front + 0.03 * height * pose.trunk,
        np.stack([left, pose.trunk, pose.front]),
        (half * 0.72, 0.05 * height * size, 0.018 * height),
        plain(person.bag.colour),
        _BAG,
    )
    return [pack, pocket]


def _build_shoulder_bag(person: Person, pose: Pose) -> list[Part]:
    height, bag = person.build.height_m, person.bag
    out = (0.1 * person.build.breadth * person.build.hips + 0.022) * bag.side
    centre = pose.pelvis + height * np.array([out, 0.0, -0.012])
    return [
        Ball(
            centre,
            np.eye(3),
            (0.026 * height, 0.062 * height * bag.size, 0.078 * height * bag.size),
            plain(bag.colour),
            _BAG,
        )
    ]


def _build_handbag(person: Person, pose: Pose) -> list[Part]:
    height, bag = person.build.height_m, person.bag
    arm = pose.arms[0] if bag.side > 0 else pose.arms[1]
    hand = arm.wrist + 0.03 * height * np.array([0.2 * bag.side, -1.0, 0.0])
    top = hand - 0.055 * height * UP
    handles = [_build_handle(hand, top, 0.03 * height * end, person) for end in (-1.0, 1.0)]
    body = Tube(
        start=top - 0.012 * height * UP,
        end=top - 0.1 * height * bag.size * UP,
        side=np.array([1.0, 0.0, 0.0]),
        front=np.array([0.0, 0.0, 1.0]),
        sections=(
            (0.0, 0.018 * height, 0.058 * height * bag.size),
            (1.0, 0.026 * height, 0.068 * height * bag.size),
        ),
        paint=plain(bag.colour),
        finish=_BAG,
    )
    return [*handles, body]


def _build_handle(hand: Vector, top: Vector, reach: float, person: Person) -> Tube:
    return Tube(
        start=hand,
        end=top + np.array([0.0, 0.0, reach]),
        side=np.array([1.0, 0.0, 0.0]),
        front=np.array([0.0, 0.0, 1.0]),
        sections=((0.0, 0.006, 0.006), (1.0, 0.006, 0.006)),
        paint=plain(person.bag.colour),
    )

"""Where a walking or standing person's joints are.

Angles over the gait cycle follow the usual curves of human gait (hip about +25 to -12 degrees,
knee with a small bend in stance and a large one in swing); phase 0 is the left heel's strike.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from .person import Build
from .shapes import Vector, unit

UP: Vector = np.array([0.0, 1.0, 0.0])

_CYCLE = [0.0, 0.12, 0.3, 0.5, 0.6, 0.73, 0.87, 1.0]
_KNEE_DEG = [6, 17, 7, 10, 36, 62, 26, 6]
_FOOT_DEG = [-16, 0, 0, 14, 44, 34, 0, -16]


class Arms(StrEnum):
    """What an arm does."""

    SWING = "swing"
    PHONE = "phone"
    POCKET = "pocket"
    STRAP = "strap"


@dataclass(frozen=True, slots=True)
class Motion:
    """One instant of a walk.

    Attributes:
        phase: 0 to 1, the place in the gait cycle.
        pace: 0 standing to 1 walking briskly.
        left: what the left arm does.
        right: what the right arm does.
        gaze_deg: how far the head is turned to the left.
        nod_deg: how far it looks down.
    """

    phase: float
    pace: float
    left: Arms = Arms.SWING
    right: Arms = Arms.SWING
    gaze_deg: float = 0.0
    nod_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Leg:
    """Joints from the hip down, and the direction of the foot."""

    hip: Vector
    knee: Vector
    ankle: Vector
    toward: Vector


@dataclass(frozen=True, slots=True)
class Arm:
    """Joints from the shoulder down; ``side`` is +1 for the left arm."""

    side: int
    shoulder: Vector
    elbow: Vector
    wrist: Vector


@dataclass(frozen=True, slots=True)
class Pose:
    """A body's joints in body space, left limb first, and its axes.

    Attributes:
        pelvis: between the hip joints.
        neck: where the neck leaves the trunk.
        trunk: unit direction from pelvis to neck.
        front: unit direction the chest faces.
        head: centre of the head.
        head_axes: rows are the head's left, up and forward.
        legs: left and right.
        arms: left and right.
    """

    pelvis: Vector
    neck: Vector
    trunk: Vector
    front: Vector
    head: Vector
    head_axes: npt.NDArray[np.float64]
    legs: tuple[Leg, Leg]
    arms: tuple[Arm, Arm]


def pose_body(build: Build, motion: Motion) -> Pose:
    """Place the joints so that the lower foot stands on the ground."""
    height = build.height_m
    hip_height = 0.52 * height * build.legs
    legs = (_pose_leg(build, motion, 1), _pose_leg(build, motion, -1))
    sole = min(_sole_height(leg, height) for leg in legs)
    lift = np.array([0.0, -sole, 0.0])
    legs = (_lifted(legs[0], lift), _lifted(legs[1], lift))

    lean = math.radians(build.stoop_deg + 3.0 * motion.pace)
    twist = math.radians(6.0 * motion.pace * build.swing) * math.cos(math.tau * motion.phase)
    trunk = np.array([0.0, math.cos(lean), math.sin(lean)])
    left = np.array([math.cos(twist), 0.0, -math.sin(twist)])
    front = unit(np.cross(left, trunk))
    pelvis = np.array([0.0, hip_height, 0.0]) + lift
    neck = pelvis + (0.845 * height - hip_height) * trunk
    arms = (
        _pose_arm(build, motion, neck - 0.062 * height * trunk, left, 1),
        _pose_arm(build, motion, neck - 0.062 * height * trunk, left, -1),
    )
    axes = _turn_head(motion, lean)
    head = neck + 0.017 * height * trunk + 0.068 * height * axes[1] + 0.012 * height * axes[2]
    return Pose(pelvis, neck, trunk, front, head, axes, legs, arms)


def _pose_leg(build: Build, motion: Motion, side: int) -> Leg:
    height = build.height_m
    phase = (motion.phase + (0.0 if side > 0 else 0.5)) % 1.0
    reach = motion.pace * build.stride
    hip_deg = reach * (7 + 19 * math.cos(math.tau * phase))
    knee_deg = 3 + motion.pace * (float(np.interp(phase, _CYCLE, _KNEE_DEG)) - 3)
    foot_deg = motion.pace * float(np.interp(phase, _CYCLE, _FOOT_DEG))
    spread = 0.012 * (1 - 1.9 * motion.pace) * side
    hip = np.array([0.047 * side * build.hips, 0.52 * build.legs, 0.0]) * height
    thigh, shank = 0.24 * height * build.legs, 0.24 * height * build.legs
    knee = hip + thigh * _below(hip_deg, spread)
    ankle = knee + shank * _below(hip_deg - knee_deg, spread)
    outward = math.radians(9.0) * side
    toward = np.array(
        [
            math.sin(outward) * math.cos(math.radians(foot_deg)),
            -math.sin(math.radians(foot_deg)),
            math.cos(outward) * math.cos(math.radians(foot_deg)),
        ]
    )
    return Leg(hip, knee, ankle, toward)


def _below(forward_deg: float, outward: float) -> Vector:
    """Unit direction down, turned forward and a little outward."""
    forward = math.radians(forward_deg)
    return unit(np.array([outward, -math.cos(forward), math.sin(forward)]))


def _sole_height(leg: Leg, height: float) -> float:
    """The lowest of heel and toe."""
    heel = leg.ankle[1] - 0.042 * height * max(0.4, float(leg.toward[2]))
    toe = leg.ankle[1] - 0.038 * height + 0.1 * height * leg.toward[1]
    return float(min(heel, toe))


def _lifted(leg: Leg, lift: Vector) -> Leg:
    return Leg(leg.hip + lift, leg.knee + lift, leg.ankle + lift, leg.toward)


def _pose_arm(build: Build, motion: Motion, between: Vector, left: Vector, side: int) -> Arm:
    """One arm; ``between`` is the middle of the shoulders."""
    height = build.height_m
    doing = motion.left if side > 0 else motion.right
    phase = motion.phase + (0.5 if side > 0 else 0.0)
    swing = motion.pace * build.swing * 22 * math.cos(math.tau * phase)
    upper_deg, bend_deg, abduct_deg, inward_deg = {
        Arms.SWING: (swing - 3, 14 + 0.6 * max(0.0, swing), 8.0, 4.0),
        Arms.PHONE: (24.0, 98.0, 8.0, 34.0),
        Arms.POCKET: (-20.0, 46.0, 15.0, 16.0),
        Arms.STRAP: (18.0, 128.0, 12.0, 16.0),
    }[doing]
    out = math.radians(abduct_deg + 7.0 * max(0.0, build.breadth - 1.0) * 10 / 3)
    width = 0.099 * height * build.shoulders * (0.55 + 0.45 * build.breadth)
    shoulder = between + side * width * left
    elbow = shoulder + 0.162 * height * _swung(upper_deg, out, side)
    wrist = elbow + 0.15 * height * _swung(upper_deg + bend_deg, -math.radians(inward_deg), side)
    return Arm(side, shoulder, elbow, wrist)


def _swung(forward_deg: float, out: float, side: int) -> Vector:
    forward = math.radians(forward_deg)
    return np.array(
        [
            side * math.sin(out),
            -math.cos(forward) * math.cos(out),
            math.sin(forward) * math.cos(out),
        ]
    )


def _turn_head(motion: Motion, lean: float) -> npt.NDArray[np.float64]:
    turn = math.radians(motion.gaze_deg)
    nod = math.radians(motion.nod_deg) + 0.3 * lean
    left = np.array([math.cos(turn), 0.0, -math.sin(turn)])
    level = np.array([math.sin(turn), 0.0, math.cos(turn)])
    up = math.cos(nod) * UP + math.sin(nod) * level
    return np.stack([left, up, np.cross(left, up)])

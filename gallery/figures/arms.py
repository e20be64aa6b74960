"""Arms, sleeves and hands."""

import numpy as np

from .limb import FRONT, SKIN_FINISH, Profile, cut, limb, scaled
from .paint import plain
from .person import Pattern, Person, UpperKind
from .pose import UP, Arm, Arms, Motion, Pose
from .shapes import Ball, Finish, Paint, Part, unit
from .trunk import cloth_paint

_UPPER_ARM: Profile = ((0.0, 0.020), (0.25, 0.029), (0.55, 0.028), (1.0, 0.0235))
_FOREARM: Profile = ((0.0, 0.0235), (0.35, 0.0235), (1.0, 0.016))


def build_arms(person: Person, pose: Pose, motion: Motion) -> list[Part]:
    """Arms, sleeves and hands."""
    parts: list[Part] = []
    for arm in pose.arms:
        doing = motion.left if arm.side > 0 else motion.right
        parts += _build_skin_arm(person, arm, hidden=doing is Arms.POCKET)
        parts += _build_sleeve(person, arm)
    return parts


def _build_skin_arm(person: Person, arm: Arm, *, hidden: bool) -> list[Part]:
    build, height = person.build, person.build.height_m
    paint = plain(person.head.skin)
    parts: list[Part] = []
    if person.upper.sleeve < 0.9:
        parts = [
            limb(arm.shoulder, arm.elbow, scaled(_UPPER_ARM, build, -0.003), paint, SKIN_FINISH),
            limb(arm.elbow, arm.wrist, scaled(_FOREARM, build, 0.0), paint, SKIN_FINISH),
        ]
    if hidden:
        return parts
    down = unit(arm.wrist - arm.elbow)
    front = unit(FRONT - (FRONT @ down) * down) if abs(down[2]) < 0.95 else UP
    axes = np.stack([np.cross(down, front), down, front])
    centre = arm.wrist + 0.035 * height * down
    radii = (0.011 * height, 0.045 * height, 0.021 * height)
    return [*parts, Ball(centre, axes, radii, paint, SKIN_FINISH)]


def _build_sleeve(person: Person, arm: Arm) -> list[Part]:
    build, upper = person.build, person.upper
    paint = _sleeve_paint(person)
    gloss = 0.2 if upper.kind is UpperKind.JACKET else 0.03
    finish = Finish(fold=0.35 + 12 * upper.ease_m, gloss=gloss)
    above = min(1.0, upper.sleeve / 0.5)
    ease = upper.ease_m * 0.7 + 0.003
    radii = cut(scaled(_UPPER_ARM, build, ease + (0.005 if above < 1 else 0.0)), above)
    elbow = arm.shoulder + above * (arm.elbow - arm.shoulder)
    parts: list[Part] = [limb(arm.shoulder, elbow, radii, paint, finish, round_end=above >= 1.0)]
    below = (upper.sleeve - 0.5) / 0.5
    if below > 0:
        radii = cut(scaled(_FOREARM, build, ease, least=0.018), below)
        end = arm.elbow + below * (arm.wrist - arm.elbow)
        parts.append(limb(arm.elbow, end, radii, paint, finish, round_end=False))
    return parts


def _sleeve_paint(person: Person) -> Paint:
    """The trunk's cloth; a print stays on the chest, and blocks may colour the whole sleeve."""
    upper = person.upper
    if upper.pattern is Pattern.PRINT:
        return plain(upper.colour)
    if upper.pattern is Pattern.BLOCKS:
        return plain(upper.second if person.cloth_seed % 2 else upper.colour)
    return cloth_paint(upper, seed=person.cloth_seed, height_m=person.build.height_m)

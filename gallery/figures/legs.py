"""Legs, what covers them, and shoes."""

import numpy as np

from .limb import FRONT, LEFT, SKIN_FINISH, Profile, cut, limb, scaled
from .noise import Floats
from .paint import linear, over, plain
from .person import Colour, Lower, LowerKind, Person, ShoeKind, Shoes
from .pose import UP, Leg, Pose
from .shapes import Ball, Finish, Paint, Part, Spots, Tube, unit

_THIGH: Profile = ((0.0, 0.049), (0.3, 0.048), (0.7, 0.039), (1.0, 0.032))
_SHANK: Profile = ((0.0, 0.031), (0.28, 0.034), (0.65, 0.026), (1.0, 0.019))


def build_legs(person: Person, pose: Pose) -> list[Part]:
    """Legs, what covers them, and shoes."""
    parts: list[Part] = [_build_seat(person, pose)]
    for leg in pose.legs:
        parts += _build_skin_leg(person, leg)
        if person.lower.kind is not LowerKind.SKIRT:
            parts += _build_trouser_leg(person, leg)
        parts += _build_shoe(person.shoes, leg, person.build.height_m, person.head.skin)
    if person.lower.kind is LowerKind.SKIRT:
        parts.append(_build_skirt(person, pose))
    return parts


def _build_seat(person: Person, pose: Pose) -> Tube:
    """From the waist to the crotch."""
    build, lower = person.build, person.lower
    height = build.height_m
    wide = 0.096 * height * build.breadth * build.hips + lower.ease_m / 2
    deep = 0.064 * height * build.breadth + lower.ease_m / 2
    return Tube(
        start=pose.pelvis + 0.075 * height * pose.trunk,
        end=pose.pelvis - 0.02 * height * pose.trunk,
        side=LEFT,
        front=FRONT,
        sections=((0.0, wide * 0.92, deep * 0.92), (0.6, wide, deep), (1.0, wide * 0.95, deep)),
        paint=_lower_paint(lower, leg=False),
        finish=Finish(fold=0.3),
        round_start=False,
    )


def _build_skin_leg(person: Person, leg: Leg) -> list[Part]:
    lower = person.lower
    if lower.length > 0.9:
        return []
    paint = plain(person.head.skin)
    build = person.build
    return [
        limb(leg.hip, leg.knee, scaled(_THIGH, build, -0.004), paint, SKIN_FINISH),
        limb(leg.knee, leg.ankle, scaled(_SHANK, build, 0.0), paint, SKIN_FINISH),
    ]


def _build_trouser_leg(person: Person, leg: Leg) -> list[Part]:
    build, lower = person.build, person.lower
    paint = _lower_paint(lower, leg=True)
    finish = Finish(fold=0.3 + 14 * lower.ease_m)
    above = min(1.0, lower.length / 0.5)
    thigh = cut(scaled(_THIGH, build, lower.ease_m), above)
    knee = leg.hip + above * (leg.knee - leg.hip)
    parts: list[Part] = [limb(leg.hip, knee, thigh, paint, finish, round_end=above >= 1.0)]
    below = (lower.length - 0.5) / 0.5
    if below > 0:
        shank = cut(scaled(_SHANK, build, lower.ease_m, least=0.023), below)
        end = leg.knee + (below + 0.02) * (leg.ankle - leg.knee)
        parts.append(limb(leg.knee, end, shank, paint, finish, round_end=False))
    return parts


def _lower_paint(lower: Lower, *, leg: bool) -> Paint:
    paint = plain(lower.colour)
    if lower.kind is LowerKind.JEANS:
        pale: Colour = (165, 185, 212)
        paint = over(
            paint,
            lambda spots: np.exp(-(((spots.along - 0.22) / 0.14) ** 2)) * (spots.front > 0.02),
            pale,
            strength=0.16,
        )
    if leg and lower.side_stripe:
        return over(
            paint,
            lambda spots: (np.abs(spots.front) < 0.016) & (np.abs(spots.side) > 0.02),
            lower.second,
        )
    return paint


def _build_skirt(person: Person, pose: Pose) -> Tube:
    build, lower = person.build, person.lower
    height = build.height_m
    start = pose.pelvis + 0.075 * height * pose.trunk
    knees = (pose.legs[0].knee + pose.legs[1].knee) / 2
    end = start + (knees - start) * (0.3 + lower.length)
    spread = abs(float(pose.legs[0].knee[2] - pose.legs[1].knee[2])) / 2
    wide = 0.096 * height * build.breadth * build.hips
    deep = 0.066 * height * build.breadth
    hem_deep = max(deep, spread + 0.045 * height)
    return Tube(
        start=start,
        end=end,
        side=LEFT,
        front=FRONT,
        sections=(
            (0.0, wide * 0.88, deep * 0.9),
            (0.35, wide * 1.04, deep * 1.05),
            (
                1.0,
                wide * 1.06 + 3 * lower.ease_m,
                hem_deep + lower.ease_m,
            ),
        ),
        paint=plain(lower.colour),
        finish=Finish(fold=0.6),
        round_start=False,
        round_end=False,
    )


def _build_shoe(shoes: Shoes, leg: Leg, height: float, skin: Colour) -> list[Part]:
    """A foot: heel, ball and sole; a boot also covers the ankle."""
    up = unit(UP - (UP @ leg.toward) * leg.toward)
    axes = np.stack([np.cross(up, leg.toward), up, leg.toward])
    bare = shoes.kind is ShoeKind.SANDALS
    upper, sole = linear(skin if bare else shoes.colour), linear(shoes.sole)
    edge = -0.011 * height

    def paint(spots: Spots) -> Floats:
        return np.where((spots.along < edge)[:, None], sole, upper)

    heel = leg.ankle + height * (-0.020 * up + 0.004 * leg.toward)
    middle = leg.ankle + height * (-0.022 * up + 0.036 * leg.toward)
    front = leg.ankle + height * (-0.027 * up + 0.074 * leg.toward)
    finish = Finish(gloss=0.4 if shoes.kind is ShoeKind.LEATHER else 0.08)
    parts: list[Part] = [
        Ball(heel, axes, (0.022 * height, 0.024 * height, 0.034 * height), paint, finish),
        Ball(middle, axes, (0.024 * height, 0.022 * height, 0.046 * height), paint, finish),
        Ball(front, axes, (0.027 * height, 0.018 * height, 0.036 * height), paint, finish),
    ]
    if shoes.kind is ShoeKind.BOOTS:
        top = leg.ankle + 0.32 * (leg.knee - leg.ankle)
        shaft = [(0.0, 0.026 * height), (1.0, 0.03 * height)]
        parts.append(limb(leg.ankle, top, shaft, plain(shoes.colour), finish, round_end=False))
    elif _socks_show(shoes):
        sock = leg.ankle + 0.12 * (leg.knee - leg.ankle)
        ring = [(0.0, 0.0205 * height), (1.0, 0.0205 * height)]
        parts.append(limb(leg.ankle, sock, ring, plain(shoes.sole), Finish(), round_end=False))
    return parts


def _socks_show(shoes: Shoes) -> bool:
    """Whether socks stand out of the shoes."""
    return shoes.kind is ShoeKind.SNEAKERS

"""Head, face, hair and hat."""

import numpy as np

from .noise import Mask
from .paint import over, plain
from .person import Build, Colour, HairStyle, HatKind, Head, Person
from .pose import Pose
from .shapes import Ball, Finish, Paint, Part, Spots, Tube, Vector

_HAIR = Finish(fold=0.8, gloss=0.15)
_SKIN = Finish(fold=0.04, gloss=0.12)
_LIPS: Colour = (150, 80, 76)
_DARK: Colour = (30, 24, 22)

# Share of the axis from crown to chin, half width, half depth, for a body 1 m tall.
_SECTIONS = (
    (0.0, 0.030, 0.036),
    (0.14, 0.041, 0.047),
    (0.35, 0.0455, 0.053),
    (0.58, 0.0445, 0.051),
    (0.8, 0.0385, 0.046),
    (1.0, 0.025, 0.034),
)


class _Frame:
    """Places things around a head by shares of the body's height."""

    def __init__(self, pose: Pose, build: Build) -> None:
        self.axes = pose.head_axes
        self.centre = pose.head
        self.size = 1.06 * build.height_m * build.head

    def at(self, left: float, up: float, forward: float) -> Vector:
        return self.centre + self.size * (np.array([left, up, forward]) @ self.axes)

    def ball(
        self,
        place: tuple[float, float, float],
        radii: tuple[float, float, float],
        paint: Paint,
        finish: Finish,
    ) -> Ball:
        left, up, front = (radius * self.size for radius in radii)
        return Ball(self.at(*place), self.axes, (left, up, front), paint, finish)

    def tube(
        self,
        start: tuple[float, float, float],
        end: tuple[float, float, float],
        sections: tuple[tuple[float, float, float], ...],
        paint: Paint,
        finish: Finish,
    ) -> Tube:
        scaled = [(share, a * self.size, b * self.size) for share, a, b in sections]
        left, _, forward = self.axes
        return Tube(self.at(*start), self.at(*end), left, forward, scaled, paint, finish)


def build_head(person: Person, pose: Pose) -> list[Part]:
    """Neck, head with its face, hair and hat."""
    frame = _Frame(pose, person.build)
    head = person.head
    skin = plain(head.skin)
    size = frame.size
    thick = 0.026 + 0.006 * person.build.breadth
    neck = Tube(
        start=frame.at(0, -0.025, -0.008),
        end=pose.neck - 0.02 * size * pose.trunk,
        side=frame.axes[0],
        front=frame.axes[2],
        sections=((0.0, thick * size, thick * size), (1.0, thick * 1.15 * size, thick * size)),
        paint=skin,
        finish=_SKIN,
    )
    skull = frame.tube((0, 0.036, -0.004), (0, -0.047, 0.004), _SECTIONS, _face(head, size), _SKIN)
    nose = frame.ball((0, -0.012, 0.053), (0.0065, 0.013, 0.009), skin, _SKIN)
    ears = [
        frame.ball((side * 0.0465, -0.006, -0.004), (0.005, 0.014, 0.009), skin, _SKIN)
        for side in (-1, 1)
    ]
    return [neck, skull, nose, *ears, *_build_hair(head, frame), *_build_hat(head, frame)]


def _face(head: Head, size: float) -> Paint:
    """Eyes, brows, mouth, beard and glasses; ``along`` counts down from near the crown."""
    paint = plain(head.skin)
    eyes_m, mouth_m = 0.033 * size, 0.065 * size

    def level(spots: Spots, at_m: float, half_m: float) -> Mask:
        return np.asarray((np.abs(spots.along - at_m) < half_m) & (spots.front > 0))

    def apart(spots: Spots, half_m: float) -> Mask:
        return np.asarray(np.abs(np.abs(spots.side) - 0.0185 * size) < half_m)

    if head.beard:
        paint = over(
            paint,
            lambda spots: (
                (spots.along > 0.052 * size)
                & (spots.front > -0.01)
                & ((spots.along > 0.058 * size) | (np.abs(spots.side) > 0.02 * size))
            ),
            head.hair,
            strength=0.75,
        )
    paint = over(paint, lambda s: level(s, eyes_m, 0.011) & apart(s, 0.017), _DARK, strength=0.3)
    paint = over(paint, lambda s: level(s, eyes_m, 0.005) & apart(s, 0.011), _DARK, strength=0.85)
    paint = over(
        paint,
        lambda s: level(s, eyes_m - 0.009 * size, 0.004) & apart(s, 0.017),
        head.hair,
        strength=0.7,
    )
    paint = over(
        paint, lambda s: level(s, mouth_m, 0.006) & (np.abs(s.side) < 0.022), _LIPS, strength=0.7
    )
    if head.glasses:
        paint = over(
            paint,
            lambda s: (
                level(s, eyes_m, 0.015)
                & (apart(s, 0.023) & ~(level(s, eyes_m, 0.011) & apart(s, 0.018)))
            ),
            _DARK,
            strength=0.85,
        )
    return paint


def _build_hair(head: Head, frame: _Frame) -> list[Part]:
    if head.style is HairStyle.BALD:
        return []
    paint = plain(head.hair)
    sides = frame.ball((0, 0.004, -0.014), (0.0472, 0.036, 0.030), paint, _HAIR)
    nape = frame.ball((0, -0.008, -0.024), (0.0425, 0.042, 0.036), paint, _HAIR)
    if head.style is HairStyle.CROPPED:
        crown = frame.ball((0, 0.024, -0.014), (0.0475, 0.048, 0.053), paint, _HAIR)
        return [crown, sides, nape]
    crown = frame.ball((0, 0.026, -0.013), (0.0505, 0.05, 0.0555), paint, _HAIR)
    parts: list[Part] = [crown, sides, nape]
    if head.style is HairStyle.BUN:
        parts.append(frame.ball((0, 0.052, -0.055), (0.026, 0.024, 0.024), paint, _HAIR))
    if head.style is HairStyle.PONYTAIL:
        sections = ((0.0, 0.012, 0.012), (0.3, 0.02, 0.016), (1.0, 0.008, 0.008))
        parts.append(frame.tube((0, 0.022, -0.062), (0, -0.10, -0.078), sections, paint, _HAIR))
    if head.style in (HairStyle.BOB, HairStyle.LONG):
        drop = -0.062 if head.style is HairStyle.BOB else -0.15
        sections = ((0.0, 0.05, 0.04), (0.45, 0.056, 0.04), (1.0, 0.046, 0.026))
        parts.append(frame.tube((0, 0.018, -0.022), (0, drop, -0.034), sections, paint, _HAIR))
    return parts


def _build_hat(head: Head, frame: _Frame) -> list[Part]:
    if head.hat is HatKind.NONE:
        return []
    paint = plain(head.hat_colour)
    finish = Finish(fold=0.2)
    if head.hat is HatKind.BEANIE:
        return [frame.ball((0, 0.032, -0.004), (0.0515, 0.05, 0.062), paint, finish)]
    return [
        frame.ball((0, 0.034, -0.003), (0.051, 0.042, 0.06), paint, finish),
        frame.ball((0, 0.028, 0.062), (0.036, 0.006, 0.036), paint, finish),
    ]

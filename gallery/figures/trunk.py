"""The trunk in its garment, with what lies over it: openings, straps, hood and collar."""

import numpy as np

from .noise import Floats, stream
from .paint import belted, checks, linear, over, plain, printed, stripes
from .person import BagKind, Colour, Pattern, Person, Upper, UpperKind
from .pose import Pose
from .shapes import Ball, Finish, Paint, Part, Spots, Tube, unit

_SEAM: Colour = (18, 18, 20)

# Metres below the neck, half width and half depth, for a body 1 m tall.
_SECTIONS = (
    (0.000, 0.034, 0.036),
    (0.014, 0.054, 0.043),
    (0.028, 0.090, 0.050),
    (0.052, 0.104, 0.058),
    (0.100, 0.107, 0.065),
    (0.160, 0.099, 0.063),
    (0.220, 0.090, 0.058),
    (0.270, 0.094, 0.062),
    (0.325, 0.100, 0.067),
    (0.400, 0.100, 0.068),
)


def build_trunk(person: Person, pose: Pose) -> list[Part]:
    """The upper garment without its sleeves, and what belongs to it."""
    build, upper = person.build, person.upper
    height = build.height_m
    below_hips = 0.02 + min(upper.hem, 0.4) * 0.16
    length = float(np.linalg.norm(pose.neck - pose.pelvis)) + below_hips * height
    paint = trunk_paint(person)
    left = np.cross(pose.trunk, pose.front)
    parts: list[Part] = [
        Tube(
            start=pose.neck,
            end=pose.neck - length * pose.trunk,
            side=left,
            front=pose.front,
            sections=_sections(person, length),
            paint=paint,
            finish=Finish(fold=_fold(upper), gloss=_gloss(upper)),
            round_end=False,
        )
    ]
    if upper.hem > 0.4:
        parts.append(_build_flare(person, pose, length, paint))
    return parts + _build_collar(person, pose)


def trunk_paint(person: Person) -> Paint:
    """The garment's cloth, its opening and the straps over it; ``along`` counts from the neck."""
    upper, bag = person.upper, person.bag
    height = person.build.height_m
    paint = _opened(upper, cloth_paint(upper, seed=person.cloth_seed, height_m=height))
    if upper.kind in (UpperKind.T_SHIRT, UpperKind.DRESS):
        deep = (0.03 if upper.kind is UpperKind.T_SHIRT else 0.045) * height
        paint = over(
            paint,
            lambda spots: (spots.front > 0) & (np.hypot(spots.side, spots.along) < deep),
            person.head.skin,
        )
    if bag.kind is BagKind.BACKPACK:
        middle = 0.062 * height * person.build.breadth
        return over(
            paint,
            lambda spots: (
                (np.abs(np.abs(spots.side) - middle) < 0.024)
                & (spots.front > -0.02)
                & (spots.along < 0.17 * height)
            ),
            bag.colour,
        )
    if bag.kind is BagKind.SHOULDER:
        return over(
            paint,
            lambda spots: belted(
                spots, tilt_deg=-52.0 * bag.side, at_m=0.13 * height, half_m=0.016
            ),
            bag.colour,
        )
    return paint


def cloth_paint(upper: Upper, *, seed: int, height_m: float) -> Paint:
    """The cloth with its pattern alone."""
    paint = plain(upper.colour)
    if upper.pattern is Pattern.STRIPES:
        share = float(stream(12, seed).uniform(0.25, 0.55))
        return stripes(paint, upper.second, pitch_m=upper.pitch_m, share=share)
    if upper.pattern is Pattern.CHECKS:
        return checks(paint, upper.second, pitch_m=upper.pitch_m)
    if upper.pattern is Pattern.PRINT:
        size = float(stream(13, seed).uniform(0.07, 0.12)) * height_m
        return printed(paint, upper.second, seed=seed, top_m=0.075 * height_m, height_m=size)
    if upper.pattern is Pattern.BLOCKS:
        low, high = [(-1.0, 0.1), (0.1, 0.17), (0.17, 2.0)][int(stream(14, seed).integers(3))]
        return over(
            paint,
            lambda spots: (spots.along > low * height_m) & (spots.along < high * height_m),
            upper.second,
        )
    return paint


def _opened(upper: Upper, paint: Paint) -> Paint:
    """Show what is inside an open jacket, or the line that closes it."""
    if upper.open:
        inner = linear(upper.inner)

        def open_paint(spots: Spots) -> Floats:
            result = paint(spots)
            gap = (spots.front > 0) & (np.abs(spots.side) < 0.028 + 0.07 * spots.along)
            result[gap] = inner
            return result

        return open_paint
    if upper.kind in (UpperKind.T_SHIRT, UpperKind.DRESS):
        return paint
    half = 0.006 if upper.kind is UpperKind.SHIRT else 0.009
    return over(
        paint,
        lambda spots: (spots.front > 0) & (np.abs(spots.side) < half),
        _SEAM,
        strength=0.45,
    )


def _sections(person: Person, length: float) -> list[tuple[float, float, float]]:
    """The body's own shape, widened by the ease of the cloth, as shares of ``length``."""
    build, upper, height = person.build, person.upper, person.build.height_m
    hem_m = 0.012 + 0.8 * person.lower.ease_m  # clear of the thighs in stride
    rows = []
    for below, half_width, half_depth in _SECTIONS:
        chest = np.exp(-(((below - 0.11) / 0.035) ** 2))
        waist = np.exp(-(((below - 0.23) / 0.06) ** 2))
        hips = np.clip((below - 0.22) / 0.08, 0, 1)
        shoulders = 1 - np.clip((below - 0.08) / 0.1, 0, 1)
        wide = 1 + (build.shoulders - 1) * shoulders + (build.hips - 1) * hips
        wide -= 0.08 * build.bust * waist
        width = half_width * build.breadth * wide + 0.012 * build.belly * waist
        depth = half_depth * build.breadth + 0.014 * build.bust * chest
        depth += 0.035 * build.belly * waist
        ease = upper.ease_m * min(1.0, below / 0.05)
        hem = hem_m * np.clip((below - 0.22) / 0.1, 0, 1)
        width, depth = width + 0.6 * hem, depth + hem
        rows.append((below * height / length, width * height + ease, depth * height + ease))
    return [row for row in rows if row[0] <= 1.0] + [(1.0, rows[-1][1], rows[-1][2])]


def _build_flare(person: Person, pose: Pose, trunk_length: float, paint: Paint) -> Tube:
    """The part of a coat or dress below the hips, wide enough for the stride."""
    build, upper = person.build, person.upper
    height = build.height_m
    left_knee, right_knee = pose.legs[0].knee, pose.legs[1].knee
    start = pose.pelvis + 0.05 * height * pose.trunk
    middle = (left_knee + right_knee) / 2
    end = start + (middle - start) * (0.28 + 0.72 * upper.hem)
    spread = abs(float(left_knee[2] - right_knee[2])) / 2
    beginning = trunk_length - float(np.linalg.norm(start - pose.pelvis)) - 0.1 * height
    hips = 0.1 * height * build.breadth * build.hips + upper.ease_m
    depth = 0.068 * height * build.breadth + upper.ease_m + 0.03 * height * build.belly

    def shifted(spots: Spots) -> Floats:
        return paint(Spots(spots.side, spots.front, spots.along + np.float32(beginning)))

    flare = 1.0 + 0.16 * upper.hem * (1.6 if upper.kind is UpperKind.DRESS else 1.0)
    return Tube(
        start=start,
        end=end,
        side=np.array([1.0, 0.0, 0.0]),
        front=np.array([0.0, 0.0, 1.0]),
        sections=(
            (0.0, hips * 0.96, depth),
            (0.35, hips * (1 + flare) / 2, depth + 0.3 * spread),
            (1.0, hips * flare, max(depth, 0.05 * height + spread) + 0.01),
        ),
        paint=shifted,
        finish=Finish(fold=_fold(upper) * 1.2, gloss=_gloss(upper)),
        round_end=False,
    )


def _build_collar(person: Person, pose: Pose) -> list[Part]:
    """A hood behind the neck, or a collar around it; a T-shirt and a dress have none."""
    upper, height = person.upper, person.build.height_m
    left = np.cross(pose.trunk, pose.front)
    axes = np.stack([left, pose.trunk, pose.front])
    if upper.kind is UpperKind.HOODIE:
        centre = pose.neck - 0.035 * height * pose.front + 0.002 * height * pose.trunk
        radii = (0.062 * height, 0.03 * height, 0.032 * height)
        return [Ball(centre, axes, radii, plain(upper.colour), Finish(fold=0.4))]
    if upper.kind in (UpperKind.T_SHIRT, UpperKind.DRESS):
        return []
    colour = upper.inner if upper.open else upper.colour
    tall = 0.026 if upper.kind is UpperKind.SHIRT else 0.036
    return [
        Tube(
            start=pose.neck - 0.012 * height * pose.trunk,
            end=pose.neck + height * (tall * pose.trunk + 0.008 * unit(pose.front)),
            side=left,
            front=pose.front,
            sections=((0.0, 0.042 * height, 0.044 * height), (1.0, 0.034 * height, 0.037 * height)),
            paint=plain(colour),
            finish=Finish(fold=0.2),
            round_start=False,
            round_end=False,
        )
    ]


def _fold(upper: Upper) -> float:
    """How deep the folds are: loose and thick cloth folds more."""
    return 0.35 + 14.0 * upper.ease_m


def _gloss(upper: Upper) -> float:
    return 0.25 if upper.kind is UpperKind.JACKET else 0.03

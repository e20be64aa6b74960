"""What arms and legs have in common: tapering tubes of a body's thickness."""

import numpy as np

from .person import Build
from .shapes import Finish, Paint, Tube, Vector

SKIN_FINISH = Finish(fold=0.05, gloss=0.12)
FRONT: Vector = np.array([0.0, 0.0, 1.0])
LEFT: Vector = np.array([1.0, 0.0, 0.0])

Profile = tuple[tuple[float, float], ...]
"""Share of a limb's length and radius there, for a body 1 m tall."""


def limb(
    start: Vector,
    end: Vector,
    radii: list[tuple[float, float]],
    paint: Paint,
    finish: Finish,
    *,
    round_end: bool = True,
) -> Tube:
    """A round tube with a bulging start; ``radii`` are rows of (share of the length, metres)."""
    return Tube(
        start=start,
        end=end,
        side=LEFT,
        front=FRONT,
        sections=[(share, radius, radius) for share, radius in radii],
        paint=paint,
        finish=finish,
        round_end=round_end,
    )


def scaled(
    profile: Profile, build: Build, ease_m: float, least: float = 0.0
) -> list[tuple[float, float]]:
    """A profile in metres for one body, ``ease_m`` wider, no thinner than ``least`` heights."""
    height = build.height_m
    thick = 0.4 + 0.6 * build.breadth
    return [(share, max(radius * thick, least) * height + ease_m) for share, radius in profile]


def cut(radii: list[tuple[float, float]], share: float) -> list[tuple[float, float]]:
    """The first ``share`` of a limb, stretched to shares of its own length."""
    places = np.array([place for place, _ in radii])
    values = np.array([radius for _, radius in radii])
    return [
        (place, float(np.interp(place * share, places, values)))
        for place in (0.0, 0.2, 0.4, 0.7, 1.0)
    ]

"""The solids a figure is made of, and the view that turns them towards the camera.

Body space is metric: x to the person's left, y up, z forward; the origin lies on the ground
between the feet. Camera space has x right, y up and z towards the viewer.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .noise import Floats

Vector = npt.NDArray[np.float64]
"""float64[3]"""

MIDDLE_M = 0.9
"""Height above the ground that the camera points at."""


@dataclass(frozen=True, slots=True)
class Spots:
    """Points on a solid's surface, in its own metric coordinates.

    Attributes:
        side: float32[n], to the person's left of the solid's axis.
        front: float32[n], before the axis.
        along: float32[n], from the start of a tube, or above the centre of a ball.
    """

    side: Floats
    front: Floats
    along: Floats


Paint = Callable[[Spots], Floats]
"""Gives float32[n, 3], the linear albedo in [0, 1] of each spot."""


@dataclass(frozen=True, slots=True)
class Finish:
    """How a surface takes the light: folds bend it, gloss reflects it."""

    fold: float = 0.0
    gloss: float = 0.0


@dataclass(frozen=True, slots=True)
class Tube:
    """A limb or garment: elliptic sections along a straight axis.

    Attributes:
        start: where ``along`` is 0.
        end: the other end of the axis.
        side: direction that ``side`` counts in; need not be exact, it is made square to the axis.
        front: direction that ``front`` counts in; likewise.
        sections: rows of (share of the axis, half width, half depth), shares rising from 0 to 1.
        paint: its colours.
        finish: how it takes the light.
        round_start: whether the start bulges like a joint or is cut like a hem.
        round_end: the same at the end.
    """

    start: Vector
    end: Vector
    side: Vector
    front: Vector
    sections: Sequence[tuple[float, float, float]]
    paint: Paint
    finish: Finish = field(default_factory=Finish)
    round_start: bool = True
    round_end: bool = True


@dataclass(frozen=True, slots=True)
class Ball:
    """An ellipsoid: head parts, hands, shoes, bags.

    Attributes:
        centre: its middle.
        axes: float64[3, 3], rows are the unit directions of side, along and front.
        radii: half lengths along these.
        paint: its colours.
        finish: how it takes the light.
    """

    centre: Vector
    axes: npt.NDArray[np.float64]
    radii: tuple[float, float, float]
    paint: Paint
    finish: Finish = field(default_factory=Finish)


Part = Tube | Ball


@dataclass(frozen=True)
class View:
    """From where a figure is seen.

    Attributes:
        yaw_deg: 0 when the person faces the camera, 90 when walking to the right, 180 from behind.
        elevation_deg: how far the camera looks down.
        distance_m: from the camera to the person.
        shift_m: the person's place right of the picture's middle and nearer than its plane.
    """

    yaw_deg: float
    elevation_deg: float
    distance_m: float
    shift_m: tuple[float, float] = (0.0, 0.0)

    @cached_property
    def rotation(self) -> npt.NDArray[np.float64]:
        """float64[3, 3] from body space to camera space."""
        yaw, down = math.radians(self.yaw_deg), math.radians(self.elevation_deg)
        turn = np.array(
            [
                [math.cos(yaw), 0.0, math.sin(yaw)],
                [0.0, 1.0, 0.0],
                [-math.sin(yaw), 0.0, math.cos(yaw)],
            ]
        )
        tilt = np.array(
            [
                [1.0, 0.0, 0.0],
                [0.0, math.cos(down), -math.sin(down)],
                [0.0, math.sin(down), math.cos(down)],
            ]
        )
        return np.asarray(tilt @ turn)

    @cached_property
    def offset(self) -> Vector:
        """Where the person stands, in camera space relative to the point looked at."""
        down = math.radians(self.elevation_deg)
        right, near = self.shift_m
        middle = np.array([0.0, MIDDLE_M * math.cos(down), MIDDLE_M * math.sin(down)])
        moved = np.array([right, -near * math.sin(down), near * math.cos(down)])
        return np.asarray(moved - middle)

    def project(self, point: Vector) -> tuple[Vector, float]:
        """Place a body-space point on the picture plane.

        Returns:
            The point (x right and y up from the picture's middle in metres of the plane, z towards
            the viewer) and the scale that things there have.
        """
        turned = self.rotation @ point + self.offset
        scale = self.distance_m / max(self.distance_m - turned[2], 0.5)
        return np.array([turned[0] * scale, turned[1] * scale, turned[2]]), scale


def unit(vector: Vector) -> Vector:
    """Scale to length 1; the zero vector stays."""
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def square_to(axis: Vector, side: Vector, front: Vector) -> tuple[Vector, Vector]:
    """Make ``side`` and ``front`` unit and square to the unit ``axis`` and to each other."""
    front = unit(front - (front @ axis) * axis)
    side = side - (side @ axis) * axis
    return unit(side - (side @ front) * front), front

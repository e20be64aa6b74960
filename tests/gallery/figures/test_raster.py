"""The rasteriser against naive twins: capsules by distance, ellipsoids by their equation."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.figures.buffer import Buffer, Plane
from reid_gallery.gallery.figures.paint import plain
from reid_gallery.gallery.figures.raster import draw
from reid_gallery.gallery.figures.shapes import MIDDLE_M, Ball, Part, Tube, Vector, View

FAR = View(yaw_deg=0, elevation_deg=0, distance_m=1e6)
WHITE = plain((255, 255, 255))
GRID = Plane(
    x=np.linspace(-0.5, 0.5, 101, dtype=np.float32),
    y=np.linspace(0.5, -0.5, 101, dtype=np.float32),
)
small = st.floats(-0.25, 0.25)
radius = st.floats(0.05, 0.2)


def at(x: float, y: float, z: float = 0.0) -> Vector:
    """A point so many metres from the middle of the picture."""
    return np.array([x, y + MIDDLE_M, z])


def capsule(start: Vector, end: Vector, thick: float) -> Tube:
    return Tube(
        start=start,
        end=end,
        side=np.array([1.0, 0.1, 0.0]),
        front=np.array([0.0, 0.1, 1.0]),
        sections=((0.0, thick, thick), (1.0, thick, thick)),
        paint=WHITE,
    )


def drawn(*parts: Part, view: View = FAR) -> Buffer:
    buffer = Buffer.over(GRID)
    draw(buffer, view, list(parts))
    return buffer


@settings(deadline=None, max_examples=40)
@given(small, small, small, small, radius)
def test_a_capsule_in_the_picture_plane_matches_the_distance_to_its_axis(
    x0: float, y0: float, x1: float, y1: float, thick: float
) -> None:
    assume(math.hypot(x1 - x0, y1 - y0) > 0.1)
    buffer = drawn(capsule(at(x0, y0), at(x1, y1), thick))
    wrong = 0
    for row, y in enumerate(GRID.y):
        for column, x in enumerate(GRID.x):
            length_2 = (x1 - x0) ** 2 + (y1 - y0) ** 2
            share = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length_2
            share = min(1.0, max(0.0, share))
            away = math.hypot(x - x0 - share * (x1 - x0), y - y0 - share * (y1 - y0))
            if abs(away - thick) > 0.012:  # the table of sections is as fine as a pixel
                wrong += (buffer.part[row, column] >= 0) != (away < thick)
                if away < thick - 0.012:
                    depth = math.sqrt(thick**2 - away**2)
                    assert buffer.depth[row, column] == pytest.approx(depth, abs=0.035)
    assert wrong == 0


@settings(deadline=None, max_examples=40)
@given(small, small, radius, radius, radius, st.floats(0, 180), st.floats(-60, 60))
def test_a_balls_pixels_lie_on_its_ellipsoid_and_none_is_missing(
    x: float, y: float, a: float, b: float, c: float, yaw: float, elevation: float
) -> None:
    view = View(yaw_deg=yaw, elevation_deg=elevation, distance_m=1e6)
    centre = np.array([0.0, MIDDLE_M, 0.0])
    buffer = drawn(Ball(centre, np.eye(3), (a, b, c), WHITE), view=view)
    shown = buffer.part >= 0
    side, front, along = buffer.spot[:, shown]
    assert np.allclose((side / a) ** 2 + (along / b) ** 2 + (front / c) ** 2, 1, atol=2e-2)
    # the outline of an ellipsoid has the area pi * sqrt(det) of its projected inverse form
    spread = view.rotation @ np.diag([a * a, b * b, c * c]) @ view.rotation.T
    area = math.pi * math.sqrt(np.linalg.det(spread[:2, :2]))
    assert shown.sum() * GRID.pixel_m**2 == pytest.approx(area, rel=0.12, abs=0.002)


@settings(deadline=None, max_examples=40)
@given(small, small, small, small, radius, radius)
def test_normals_are_unit_and_face_the_viewer(
    x0: float, y0: float, x1: float, y1: float, a: float, b: float
) -> None:
    assume(math.hypot(x1 - x0, y1 - y0) > 0.1)
    tube = Tube(
        start=at(x0, y0),
        end=at(x1, y1, 0.1),
        side=np.array([1.0, 0.0, 0.0]),
        front=np.array([0.0, 0.0, 1.0]),
        sections=((0.0, a, b), (1.0, b, a)),
        paint=WHITE,
    )
    assume(abs(x1 - x0) < 0.9 * math.hypot(x1 - x0, y1 - y0))
    buffer = drawn(tube)
    normal = buffer.normal[:, buffer.part >= 0]
    assert normal.shape[1] > 0
    assert np.allclose(np.linalg.norm(normal, axis=0), 1, atol=1e-4)
    assert (normal[2] > -0.8).all()
    assert normal[2].mean() > 0.3


@settings(deadline=None, max_examples=40)
@given(st.permutations(range(3)))
def test_the_nearest_part_stays_whatever_the_order(order: list[int]) -> None:
    depths = [-0.2, 0.0, 0.2]
    parts = [Ball(at(0, 0, depths[i]), np.eye(3), (0.1, 0.1, 0.1), WHITE) for i in order]
    buffer = drawn(*parts)
    assert order[buffer.part[50, 50]] == 2
    assert buffer.depth[50, 50] == pytest.approx(0.3, abs=0.01)


def test_turning_around_shows_the_other_side() -> None:
    ball = Ball(at(0, 0), np.eye(3), (0.2, 0.2, 0.2), WHITE)
    facing, behind = drawn(ball), drawn(ball, view=View(180, 0, 1e6))
    assert facing.spot[1, 50, 50] == pytest.approx(0.2, abs=0.01)
    assert behind.spot[1, 50, 50] == pytest.approx(-0.2, abs=0.01)
    assert facing.spot[0, 50, 60] > 0 > behind.spot[0, 50, 60]


def test_what_lies_outside_the_picture_is_left_out() -> None:
    buffer = drawn(
        Ball(at(5, 0), np.eye(3), (0.2, 0.2, 0.2), WHITE), capsule(at(5, 5), at(6, 6), 0.1)
    )
    assert (buffer.part == -1).all()

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.figures import sample_camera
from reid_gallery.gallery.figures.buffer import Plane
from reid_gallery.gallery.figures.camera import Ground, Light, Wall
from reid_gallery.gallery.figures.scene import cast_shadows, draw_backdrop
from reid_gallery.gallery.figures.shapes import View
from reid_gallery.gallery.figures.texture import ground_texture, wall_texture

LIGHT = Light(azimuth_deg=-60, height_deg=45, sun=1.0, ambient=0.3)


def grid(x: npt.ArrayLike, y: npt.ArrayLike) -> Plane:
    return Plane(x=np.array(x, dtype=np.float32), y=np.array(y, dtype=np.float32))


@settings(deadline=None)
@given(st.floats(2, 30), st.floats(4, 15), st.floats(-2, 2), st.floats(-0.7, 2))
def test_a_ground_point_is_looked_up_where_the_view_projects_it(
    elevation: float, distance: float, right: float, near: float
) -> None:
    view = View(yaw_deg=0, elevation_deg=elevation, distance_m=distance)
    placed, _ = view.project(np.array([right, 0.0, near]))
    plane = grid([placed[0], placed[0] + 0.01], [placed[1], placed[1] - 0.01])
    backdrop = draw_backdrop(sample_camera(2).scene, LIGHT, view, plane, place_m=0)
    assert backdrop.ground[0, 0]
    assert backdrop.near_m[0] == pytest.approx(near, abs=1e-3)
    assert backdrop.right_m[0, 0] == pytest.approx(right, abs=1e-3)


@settings(deadline=None)
@given(st.floats(2, 30), st.floats(4, 15), st.floats(0.1, 3.0))
def test_a_wall_point_is_wall(elevation: float, distance: float, up: float) -> None:
    view = View(yaw_deg=0, elevation_deg=elevation, distance_m=distance)
    scene = sample_camera(4).scene
    placed, _ = view.project(np.array([0.0, up, -scene.wall_m]))
    plane = grid([0, 0.01], [placed[1], placed[1] - 0.01])
    assert not draw_backdrop(scene, LIGHT, view, plane, place_m=3).ground[0, 0]


@pytest.mark.parametrize("azimuth_deg", [-60.0, 60.0])
def test_shadows_fall_on_the_ground_away_from_the_lamp_and_nowhere_else(azimuth_deg: float) -> None:
    light = replace(LIGHT, azimuth_deg=azimuth_deg)
    view = View(yaw_deg=0, elevation_deg=20, distance_m=8)
    plane = grid(np.linspace(-1, 1, 80), np.linspace(1, -1.2, 88))
    backdrop = draw_backdrop(sample_camera(2).scene, light, view, plane, place_m=0)
    before = backdrop.colour.copy()
    shown = np.zeros((88, 80), dtype=bool)
    shown[8:76, 36:44] = True  # an upright slab of a person
    cast_shadows(backdrop, light, view, shown, plane)
    dark = 1 - (backdrop.colour / np.maximum(before, 1e-6))[..., 1]
    assert dark.min() >= -1e-5
    assert np.allclose(dark[~backdrop.ground], 0)
    assert dark.max() > 0.3
    middle_m = float((dark * backdrop.right_m).sum() / dark.sum())
    assert middle_m * np.sign(azimuth_deg) < -0.03


def test_neighbouring_cameras_stand_in_different_places_and_repeat() -> None:
    cameras = [sample_camera(seed) for seed in range(8)]
    assert len({(c.scene.ground, c.scene.wall) for c in cameras}) == 8
    assert {c.scene.ground for c in cameras} == set(Ground)
    assert {c.scene.wall for c in cameras} == set(Wall)
    assert sample_camera(3) == cameras[3]
    assert len({c.lens.gains for c in cameras}) == 8


@pytest.mark.parametrize("seed", range(8))
def test_textures_are_albedo_and_belong_to_their_camera(seed: int) -> None:
    scene, other = sample_camera(seed).scene, sample_camera(seed + 8).scene
    for texture in (ground_texture, wall_texture):
        drawn = texture(scene)
        assert drawn.dtype == np.float32
        assert drawn.min() >= 0
        assert drawn.max() <= 1
        assert drawn.std() > 0.005
        assert not np.array_equal(drawn, texture(other))
        assert not drawn.flags.writeable


def test_a_camera_that_cannot_be_is_refused() -> None:
    camera = sample_camera(0)
    with pytest.raises(ValueError, match="height_deg"):
        Light(azimuth_deg=0, height_deg=-5, sun=1, ambient=1)
    for field, value in (("height_px", 4000), ("jpeg_quality", 0)):
        lens = {name: getattr(camera.lens, name) for name in camera.lens.__slots__}
        with pytest.raises(ValueError, match=field):
            type(camera.lens)(**{**lens, field: value})
    scene = {name: getattr(camera.scene, name) for name in camera.scene.__slots__}
    with pytest.raises(ValueError, match="wall_m"):
        type(camera.scene)(**{**scene, "wall_m": 0.0})

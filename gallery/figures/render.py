"""One picture: a person, a camera and an instant become a crop like a detector's."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from ..pictures.read import Crop
from .buffer import Buffer, Plane
from .camera import Camera, Light
from .figure import build_figure
from .foreground import draw_hood, draw_pole
from .lens import expose
from .light import folds, shade_figure
from .noise import Floats, stream
from .person import Person
from .pose import Motion
from .raster import bounds, draw
from .sample import sample_person
from .scene import cast_shadows, draw_backdrop
from .shapes import Part, View
from .shot import Occluder, Shot, sample_shot

_ASPECT = (0.34, 0.52)  # width over height that boxes have
_FINE_PX = (300, 460)  # least and most rows that a picture is drawn with before it is shrunk


def render_figure(person: Person, camera: Camera, *, seed: int) -> Crop:
    """Draw a person as a camera sees them at some instant.

    Args:
        person: who.
        camera: where.
        seed: 0 or more; fixes the instant: viewpoint, gait, box, occlusion, noise.

    Returns:
        uint8[h, w, 3] RGB, 80 to 300 rows, about 2 to 3 times as high as wide. The same arguments
        give the same pixels.
    """
    return render_shot(person, camera, sample_shot(person, camera, seed=seed))


def render_shot(person: Person, camera: Camera, shot: Shot) -> Crop:
    """Draw a person at a given instant.

    Returns:
        uint8[h, w, 3] RGB with ``shot.height_px`` rows.
    """
    view = View(yaw_deg=shot.yaw_deg, elevation_deg=shot.elevation_deg, distance_m=shot.distance_m)
    light = replace(camera.light, sun=camera.light.sun * shot.sunlit)
    parts = build_figure(person, shot.motion)
    plane, width_px = _lay_plane(bounds(view, parts), shot)
    figure = Buffer.over(plane)
    draw(figure, view, parts)
    backdrop = draw_backdrop(camera.scene, light, view, plane, place_m=shot.place_m)
    cast_shadows(backdrop, light, view, figure.part >= 0, plane)
    picture = backdrop.colour
    _paint_figure(picture, figure, parts, light, view, cloth_seed=person.cloth_seed)
    _paint_occluder(picture, plane, light, view, shot)
    return expose(picture, camera.lens, size=(width_px, shot.height_px), rng=stream(51, shot.seed))


def _lay_plane(box: tuple[float, float, float, float], shot: Shot) -> tuple[Plane, int]:
    """The pixels to draw, and the width of the shrunk picture in pixels."""
    left, bottom, right, top = box
    height = top - bottom
    margins = np.array(shot.margins) * height
    left, bottom = left - margins[0], bottom - margins[1]
    right, top = right + margins[2], top + margins[3]
    height, middle = top - bottom, (left + right) / 2
    width = float(np.clip(right - left, _ASPECT[0] * height, _ASPECT[1] * height))
    width_px = max(8, round(shot.height_px * width / height))
    fine = int(np.clip(2 * shot.height_px, *_FINE_PX))
    pixel = height / fine
    columns = round(width / pixel)
    x = middle + (np.arange(columns) - (columns - 1) / 2) * pixel
    y = top - (np.arange(fine) + 0.5) * pixel
    return Plane(x.astype(np.float32), y.astype(np.float32)), width_px


def _paint_figure(
    picture: Floats,
    figure: Buffer,
    parts: list[Part],
    light: Light,
    view: View,
    *,
    cloth_seed: int,
) -> None:
    lit, shown = shade_figure(figure, parts, light, view, _folds(cloth_seed))
    picture[shown] = lit


@lru_cache(maxsize=64)
def _folds(cloth_seed: int) -> Floats:
    return folds(cloth_seed)


def _paint_occluder(picture: Floats, plane: Plane, light: Light, view: View, shot: Shot) -> None:
    """Draw what stands before the person, if anything, over the picture."""
    x, y = plane.x, plane.y
    bright = light.ambient + 0.4 * light.sun
    half = float(x[-1] - x[0]) / 2
    middle = float(x[-1] + x[0]) / 2
    at = middle + shot.occluder_at * half
    if shot.occluder is Occluder.POLE:
        draw_pole(picture, plane, at_m=at, bright=bright, seed=shot.seed)
    elif shot.occluder is Occluder.HOOD:
        low, high = float(y[-1]), float(y[0])
        top = low + (0.2 + 0.14 * abs(shot.occluder_at)) * (high - low)
        draw_hood(
            picture, plane, top_m=top, slope=0.3 * shot.occluder_at, bright=bright, seed=shot.seed
        )
    elif shot.occluder is Occluder.PASSER_BY:
        _paint_passer_by(picture, plane, light, view, shot)


def _paint_passer_by(picture: Floats, plane: Plane, light: Light, view: View, shot: Shot) -> None:
    """Somebody else, nearer to the camera and mostly outside the box."""
    other = sample_person(shot.seed)
    side = 1.0 if shot.occluder_at > 0 else -1.0
    edge = float(plane.x[-1 if side > 0 else 0])
    nearer = View(
        yaw_deg=view.yaw_deg + 150.0 * shot.occluder_at,
        elevation_deg=view.elevation_deg,
        distance_m=view.distance_m,
        shift_m=(edge + side * (0.02 + 0.1 * abs(shot.occluder_at)), 0.5),
    )
    parts = build_figure(other, Motion(phase=abs(shot.occluder_at), pace=0.8))
    figure = Buffer.over(plane)
    draw(figure, nearer, parts)
    _paint_figure(picture, figure, parts, light, nearer, cloth_seed=other.cloth_seed)

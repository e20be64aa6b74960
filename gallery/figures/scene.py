"""The background behind a figure: a textured ground and a wall, seen in perspective."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .buffer import Plane
from .camera import Light, Scene
from .noise import Floats, Mask
from .shapes import MIDDLE_M, View
from .texture import PIXELS_PER_M, ground_texture, wall_texture


@dataclass(frozen=True)
class Backdrop:
    """A background and where its ground is.

    Attributes:
        colour: float32[h, w, 3], linear, already lit.
        ground: bool[h, w], the pixels that show ground.
        right_m: float32[h, w], metres right of the person, on the ground.
        near_m: float32[h], metres nearer than the person, on the ground, for each row.
    """

    colour: Floats
    ground: Mask
    right_m: Floats
    near_m: Floats


def draw_backdrop(
    scene: Scene, light: Light, view: View, plane: Plane, *, place_m: float
) -> Backdrop:
    """Look up ground and wall for each pixel.

    Args:
        scene: what is there.
        light: how bright it is.
        view: from where it is seen; its yaw doesn't matter.
        plane: the pixels to look up.
        place_m: how far along the wall the person stands.
    """
    down = math.radians(view.elevation_deg)
    sine, cosine, away = math.sin(down), math.cos(down), view.distance_m
    row = plane.y.astype(np.float64)
    steep = row * cosine - away * sine
    near = (row * (away + MIDDLE_M * sine) + MIDDLE_M * away * cosine) / np.minimum(steep, -1e-3)
    is_wall = (steep > -1e-3) | (near < -scene.wall_m)
    depth = np.where(is_wall, -scene.wall_m, near)
    up = _height_on_wall(scene.wall_m, row, sine, cosine, away)
    towards = np.where(is_wall, up * sine, 0.0) + depth * cosine - MIDDLE_M * sine
    right = (plane.x[None, :] * ((away - towards) / away)[:, None]).astype(np.float32)

    colour = np.empty((*right.shape, 3), dtype=np.float32)
    wall_rows, ground_rows = np.flatnonzero(is_wall), np.flatnonzero(~is_wall)
    column = ((right + place_m) * PIXELS_PER_M).astype(np.intp)
    tall, wide, _ = wall_texture(scene).shape
    wall_row = np.clip(tall - 1 - up[wall_rows] * PIXELS_PER_M, 0, tall - 1).astype(np.intp)
    colour[wall_rows] = wall_texture(scene)[wall_row[:, None], column[wall_rows] % wide]
    tile = ground_texture(scene)
    ground_row = (near[ground_rows] * PIXELS_PER_M).astype(np.intp) % len(tile)
    colour[ground_rows] = tile[ground_row[:, None], column[ground_rows] % len(tile)]

    height = math.radians(light.height_deg)
    facing = math.cos(height) * math.cos(math.radians(light.azimuth_deg))
    colour[wall_rows] *= light.ambient + light.sun * max(0.1, facing)
    colour[ground_rows] *= light.ambient + light.sun * math.sin(height)
    ground = np.broadcast_to(~is_wall[:, None], right.shape)
    return Backdrop(colour, ground, right, near.astype(np.float32))


def _height_on_wall(
    wall_m: float, row: npt.NDArray[np.float64], sine: float, cosine: float, away: float
) -> npt.NDArray[np.float64]:
    """Metres above the ground at which each row's rays meet the wall."""
    reach = away + wall_m * cosine + MIDDLE_M * sine
    level = away * (wall_m * sine - MIDDLE_M * cosine)
    return (row * reach - level) / np.maximum(away * cosine + row * sine, 1e-3)


def cast_shadows(backdrop: Backdrop, light: Light, view: View, shown: Mask, plane: Plane) -> None:
    """Darken the ground in place where the figure keeps the light away.

    Args:
        backdrop: changed.
        light: from where.
        view: of the figure.
        shown: bool[h, w], the pixels of the figure.
        plane: where they are.
    """
    contact = np.exp(-((backdrop.right_m / 0.3) ** 2) - (backdrop.near_m[:, None] / 0.24) ** 2)
    share = light.sun / (light.sun + light.ambient)
    dark = 1 - (0.35 + 0.3 * (1 - share)) * contact
    dark *= 1 - 0.85 * share * _projected(light, view, shown, plane)
    dark[~backdrop.ground] = 1.0
    backdrop.colour[...] *= dark[..., None].astype(np.float32)


def _projected(light: Light, view: View, shown: Mask, plane: Plane) -> npt.NDArray[np.float64]:
    """The figure's silhouette laid on the ground away from the lamp, 0 to 1, blurred a little."""
    height, azimuth = math.radians(light.height_deg), math.radians(light.azimuth_deg)
    down = math.radians(view.elevation_deg)
    along = 1 / math.tan(height)
    right, near = -math.sin(azimuth) * along, -math.cos(azimuth) * along
    fall = -near * math.sin(down)  # how far up the picture a metre of height moves the shadow
    fall = math.copysign(max(abs(fall), 0.06), fall)
    feet = -MIDDLE_M * math.cos(down)
    x, y, pixel = plane.x, plane.y, plane.pixel_m
    tall = (y.astype(np.float64) - feet) / fall
    rows = ((y[0] - (feet + tall * math.cos(down))) / pixel).astype(np.intp)
    columns = ((x[None, :] - right * tall[:, None] - x[0]) / pixel).astype(np.intp)
    valid = (tall[:, None] > 0) & (rows[:, None] >= 0) & (rows[:, None] < len(y))
    valid = valid & (columns >= 0) & (columns < len(x))
    rows, columns = rows.clip(0, len(y) - 1), columns.clip(0, len(x) - 1)
    laid = np.where(valid, shown[rows[:, None], columns], False).astype(np.float64)
    return _blurred(laid, max(2, round(0.03 / pixel)))


def _blurred(values: npt.NDArray[np.float64], reach: int) -> npt.NDArray[np.float64]:
    """Mean over a square of ``2 reach + 1`` pixels a side, edges repeated."""
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (reach + 1, reach)
        total = np.cumsum(np.pad(values, pad, mode="edge"), axis=axis)
        upper = np.take(total, range(2 * reach + 1, total.shape[axis]), axis=axis)
        lower = np.take(total, range(total.shape[axis] - 2 * reach - 1), axis=axis)
        values = (upper - lower) / (2 * reach + 1)
    return values

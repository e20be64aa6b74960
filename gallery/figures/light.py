"""From solids in a buffer to lit colours."""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from .buffer import Buffer
from .camera import Light
from .noise import Floats, Mask, smooth_noise, stream
from .shapes import Part, View

_TILE = 256
_TILE_M = 0.9  # metres of cloth that one tile of folds covers


def folds(seed: int) -> Floats:
    """The slopes of a person's folds, float32[2, 256, 256], periodic: along and around."""
    rng = stream(31, seed)
    height = smooth_noise(rng, size=_TILE, cells=(9, 8))
    height += 0.5 * smooth_noise(rng, size=_TILE, cells=(19, 14))
    slopes = np.array(np.gradient(height))
    return np.asarray(slopes / slopes.std(), dtype=np.float32)


def shade_figure(
    buffer: Buffer, parts: list[Part], light: Light, view: View, cloth: Floats
) -> tuple[Floats, Mask]:
    """Light everything that the buffer shows.

    Args:
        buffer: what is where.
        parts: what the buffer's part numbers mean.
        light: lamp and ambient light.
        view: tells which way is up.
        cloth: as from `folds`.

    Returns:
        float32[n, 3], linear, for the pixels of the second result in row order; and bool[h, w],
        the pixels that show a part.
    """
    shown = buffer.part >= 0
    numbers = buffer.part[shown]
    albedo = _paint(buffer, parts)[shown]
    fold = np.array([part.finish.fold for part in parts], dtype=np.float32)[numbers]
    gloss = np.array([part.finish.gloss for part in parts], dtype=np.float32)[numbers]
    normal = _bend(buffer.normal[:, shown], buffer.spot[:, shown], numbers, fold, cloth)
    open_sky = _openness(buffer, shown)[shown]

    down = math.radians(view.elevation_deg)
    lamp = _direction(light, down)
    up = np.array([0.0, math.cos(down), math.sin(down)], dtype=np.float32)
    half = lamp + np.array([0, 0, 1], dtype=np.float32)
    half /= np.linalg.norm(half)
    direct = np.clip((lamp @ normal + 0.12) / 1.12, 0, 1) * (0.35 + 0.65 * open_sky)
    around = (0.68 + 0.32 * (up @ normal)) * (0.62 + 0.38 * normal[2]) * open_sky
    glint = gloss * np.clip(half @ normal, 0, 1) ** 16
    energy = light.sun * direct + light.ambient * around
    lit = albedo * energy[:, None] + ((light.sun + 0.4 * light.ambient) * 0.3 * glint)[:, None]
    return lit.astype(np.float32), shown


def _direction(light: Light, down: float) -> Floats:
    """Unit vector towards the lamp, in camera space."""
    height, azimuth = math.radians(light.height_deg), math.radians(light.azimuth_deg)
    right = math.sin(azimuth) * math.cos(height)
    near = math.cos(azimuth) * math.cos(height)
    up = math.sin(height)
    return np.array(
        [
            right,
            up * math.cos(down) - near * math.sin(down),
            up * math.sin(down) + near * math.cos(down),
        ],
        dtype=np.float32,
    )


def _paint(buffer: Buffer, parts: list[Part]) -> Floats:
    """Albedo, float32[h, w, 3]."""
    albedo = np.zeros((*buffer.part.shape, 3), dtype=np.float32)
    for index in np.unique(buffer.part):
        if index >= 0:
            mask = buffer.part == index
            albedo[mask] = parts[index].paint(buffer.spots(mask))
    return albedo


def _bend(
    normal: Floats, spot: Floats, numbers: npt.NDArray[np.int16], fold: Floats, cloth: Floats
) -> Floats:
    """Tilt the normals, float32[3, n], as the folds of the cloth do."""
    side, front, along = spot
    scale = _TILE / _TILE_M
    row = ((along + 0.5 * side) * scale + numbers * 37).astype(np.intp) % _TILE
    column = ((side + 0.6 * front) * scale + numbers * 61).astype(np.intp) % _TILE
    slopes = cloth[:, row, column] * (0.42 * fold)
    bent = normal.copy()
    bent[1] += slopes[0]
    bent[0] += slopes[1]
    return np.asarray(bent / np.sqrt((bent * bent).sum(axis=0)), dtype=np.float32)


def _openness(buffer: Buffer, shown: Mask) -> Floats:
    """1 where nothing stands before a pixel's surroundings, lower in hollows and behind limbs."""
    reach = 0.06 / buffer.plane.pixel_m
    low = float(buffer.depth[shown].min(initial=0.0)) - 0.1
    depth = np.where(shown, buffer.depth, low)
    steps = np.clip((depth - low) * 220, 0, 255).astype(np.uint8)  # 4.5 mm each
    blurred = Image.fromarray(steps).filter(ImageFilter.BoxBlur(reach))
    hollow = (np.asarray(blurred, dtype=np.float32) - steps) / 220
    return np.clip(1 - 4.5 * np.maximum(hollow, 0), 0.3, 1).astype(np.float32)

"""Things between the camera and the person: a pole, the hood of a parked car."""

import numpy as np

from .buffer import Plane
from .colours import COLOURS, shade
from .noise import Floats, stream
from .paint import linear


def draw_pole(picture: Floats, plane: Plane, *, at_m: float, bright: float, seed: int) -> None:
    """A lamp post or sign post, from top to bottom.

    Args:
        picture: float32[h, w, 3], linear; changed.
        plane: where its pixels are.
        at_m: where its middle is.
        bright: the light on it.
        seed: of its width and colour.
    """
    rng = stream(41, seed)
    half = float(rng.uniform(0.035, 0.08))
    name = str(rng.choice(["grey", "charcoal", "light grey", "green"]))
    colour = linear(shade(rng, COLOURS[name]))
    across = (plane.x - at_m) / half
    inside = np.abs(across) < 1
    round_side = np.sqrt(1 - across[inside] ** 2) * 0.75 + 0.2 + 0.12 * across[inside]
    picture[:, inside] = colour * (round_side * bright)[:, None]


def draw_hood(
    picture: Floats, plane: Plane, *, top_m: float, slope: float, bright: float, seed: int
) -> None:
    """The hood of a car across the lower part of the picture.

    Args:
        picture: float32[h, w, 3], linear; changed.
        plane: where its pixels are.
        top_m: where its edge crosses the middle.
        slope: rise of the edge to the right.
        bright: the light on it.
        seed: of its colour.
    """
    rng = stream(42, seed)
    names = ["white", "grey", "light grey", "black", "navy", "red", "charcoal"]
    colour = linear(shade(rng, COLOURS[str(rng.choice(names))]))
    edge = top_m + slope * plane.x - 0.25 * plane.x**2
    below = edge[None, :] - plane.y[:, None]
    inside = below > 0
    sheen = 0.06 * np.exp(-(((below - 0.05) / 0.03) ** 2)) + 0.05 * np.exp(-below / 0.12)
    tone = 0.55 + 0.4 * np.exp(-below / 0.25)
    tone *= np.where(np.abs(below - 0.3) < 0.006, 0.35, 1.0)
    panel = colour * tone[..., None] + sheen[..., None]
    picture[inside] = (panel * bright)[inside]

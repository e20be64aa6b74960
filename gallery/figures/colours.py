"""Dyes and how common they are: black, grey, white and denim first, as in a street."""

import colorsys
from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from .person import Colour

Weights = Mapping[str, float]
Name = TypeVar("Name", bound=str)

COLOURS: dict[str, Colour] = {
    "black": (28, 28, 31),
    "charcoal": (58, 59, 63),
    "grey": (125, 126, 129),
    "light grey": (182, 182, 184),
    "white": (232, 231, 226),
    "navy": (30, 37, 66),
    "blue": (44, 86, 160),
    "sky": (128, 172, 214),
    "teal": (28, 118, 122),
    "green": (42, 116, 62),
    "olive": (92, 92, 54),
    "lime": (168, 200, 62),
    "yellow": (230, 194, 52),
    "orange": (222, 112, 38),
    "red": (186, 34, 40),
    "wine": (100, 28, 42),
    "pink": (224, 146, 172),
    "magenta": (190, 44, 112),
    "purple": (96, 58, 138),
    "brown": (98, 66, 46),
    "tan": (176, 140, 98),
    "beige": (214, 196, 166),
    "denim": (64, 88, 128),
    "light denim": (122, 148, 182),
    "dark denim": (38, 48, 74),
}
"""sRGB of the dyes; each garment's own shade lies near one of them."""

TOPS: Weights = {
    "black": 24, "white": 19, "grey": 12, "light grey": 7, "navy": 12, "charcoal": 8, "blue": 7,
    "sky": 5, "red": 5, "wine": 3, "green": 3, "olive": 3, "teal": 2, "yellow": 2, "orange": 1,
    "pink": 3, "magenta": 1, "purple": 2, "brown": 3, "beige": 5, "tan": 2, "lime": 1,
}  # fmt: skip
COATS: Weights = {
    "black": 34, "navy": 17, "charcoal": 13, "grey": 9, "olive": 7, "brown": 5, "tan": 5,
    "beige": 5, "blue": 4, "red": 3, "wine": 2, "green": 2, "yellow": 1, "white": 3, "denim": 5,
}  # fmt: skip
TROUSERS: Weights = {
    "black": 40, "charcoal": 14, "navy": 14, "grey": 9, "beige": 8, "tan": 5, "olive": 4,
    "brown": 3, "white": 3, "light grey": 3,
}  # fmt: skip
JEANS: Weights = {"denim": 40, "dark denim": 32, "light denim": 16, "black": 12}
SKIRTS: Weights = {
    "black": 30, "navy": 14, "denim": 12, "red": 4, "white": 8, "beige": 8, "grey": 8, "green": 3,
    "pink": 3, "wine": 4, "yellow": 1, "teal": 2,
}  # fmt: skip
SHOES: Weights = {
    "black": 40, "white": 30, "brown": 11, "grey": 9, "navy": 5, "red": 2, "tan": 4,
}  # fmt: skip
BAGS: Weights = {
    "black": 50, "brown": 10, "navy": 12, "grey": 11, "red": 4, "tan": 5, "blue": 3, "olive": 4,
    "white": 2, "pink": 1,
}  # fmt: skip


def pick(rng: np.random.Generator, weights: Mapping[Name, float]) -> Name:
    """Draw a name as often as its weight says."""
    names = list(weights)
    share = np.array([weights[name] for name in names], dtype=np.float64)
    return names[int(rng.choice(len(names), p=share / share.sum()))]


def dye(rng: np.random.Generator, weights: Weights) -> Colour:
    """Draw a colour's name, then a shade near it."""
    return shade(rng, COLOURS[pick(rng, weights)])


def shade(rng: np.random.Generator, colour: Colour, *, spread: float = 1.0) -> Colour:
    """Vary a colour in hue, saturation and value, as one cloth of that name from another."""
    red, green, blue = (value / 255 for value in colour)
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    hue = (hue + spread * rng.normal(0, 0.012)) % 1.0
    saturation = float(np.clip(saturation * (1 + spread * rng.normal(0, 0.15)), 0, 1))
    value = float(np.clip(value * (1 + spread * rng.normal(0, 0.13)), 0.06, 0.95))
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)

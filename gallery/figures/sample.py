"""From a seed to a person: body, head and clothes drawn as varied as passers-by."""

import numpy as np

from .colours import dye, pick, shade
from .noise import stream
from .person import Build, Colour, HairStyle, HatKind, Head, Person, UpperKind
from .wardrobe import draw_bag, draw_lower, draw_shoes, draw_upper

_STREAM = 1  # keeps a person's random numbers apart from those of cameras and shots

_SKINS: list[tuple[Colour, float]] = [
    ((236, 196, 170), 0.28),
    ((222, 178, 146), 0.30),
    ((198, 150, 114), 0.20),
    ((150, 104, 74), 0.13),
    ((96, 64, 46), 0.09),
]
"""Skin tones from light to dark, and how common each is."""

_DARK_SKIN = 3  # from here on hair is black or grey

_HAIRS: list[tuple[Colour, float]] = [
    ((24, 20, 19), 0.42),
    ((48, 34, 26), 0.24),
    ((92, 64, 42), 0.14),
    ((176, 138, 84), 0.09),
    ((112, 52, 28), 0.04),
    ((150, 148, 146), 0.07),
]
"""Hair colours, the last one grey, and how common each is."""

_WOMENS_HAIR = {
    HairStyle.SHORT: 8,
    HairStyle.BOB: 24,
    HairStyle.LONG: 38,
    HairStyle.PONYTAIL: 20,
    HairStyle.BUN: 10,
}
_MENS_HAIR = {
    HairStyle.BALD: 9,
    HairStyle.CROPPED: 30,
    HairStyle.SHORT: 54,
    HairStyle.LONG: 3,
    HairStyle.BUN: 2,
}
_HATS = {"black": 30, "navy": 12, "red": 10, "grey": 12, "white": 10, "olive": 6, "blue": 8}


def sample_person(seed: int) -> Person:
    """Draw a person; each seed gives another.

    Args:
        seed: 0 or more.
    """
    rng = stream(_STREAM, seed)
    feminine = bool(rng.random() < 0.48)
    build = _draw_build(rng, feminine=feminine)
    head = _draw_head(rng, feminine=feminine)
    upper = draw_upper(rng, feminine=feminine)
    return Person(
        build=build,
        head=head,
        upper=upper,
        lower=draw_lower(rng, feminine=feminine, bare=upper.kind is UpperKind.DRESS),
        shoes=draw_shoes(rng),
        bag=draw_bag(rng, feminine=feminine),
        cloth_seed=int(rng.integers(2**31)),
    )


def _draw_build(rng: np.random.Generator, *, feminine: bool) -> Build:
    return Build(
        height_m=float(np.clip(rng.normal(1.65 if feminine else 1.77, 0.065), 1.45, 2.0)),
        breadth=float(np.clip(rng.normal(1.02 if feminine else 1.08, 0.11), 0.85, 1.4)),
        shoulders=float(np.clip(rng.normal(0.93 if feminine else 1.04, 0.04), 0.85, 1.15)),
        hips=float(np.clip(rng.normal(1.06 if feminine else 0.97, 0.05), 0.88, 1.2)),
        legs=float(np.clip(rng.normal(1.0, 0.025), 0.94, 1.06)),
        head=float(np.clip(rng.normal(1.0, 0.04), 0.9, 1.1)),
        belly=float(np.clip(rng.normal(0.15, 0.25), 0, 1)),
        bust=float(rng.uniform(0.4, 1.0)) if feminine else 0.0,
        stoop_deg=float(np.clip(rng.normal(3, 3), -2, 12)),
        stride=float(np.clip(rng.normal(1.0, 0.12), 0.7, 1.3)),
        swing=float(np.clip(rng.normal(1.0, 0.25), 0.4, 1.6)),
    )


def _draw_head(rng: np.random.Generator, *, feminine: bool) -> Head:
    skin = _draw_index(rng, _SKINS)
    hair = _draw_index(rng, _HAIRS)
    if skin >= _DARK_SKIN and hair < len(_HAIRS) - 1:
        hair = 0
    hats = {HatKind.NONE: 87, HatKind.CAP: 9, HatKind.BEANIE: 4}
    return Head(
        skin=shade(rng, _SKINS[skin][0], spread=0.5),
        hair=shade(rng, _HAIRS[hair][0]),
        style=pick(rng, _WOMENS_HAIR if feminine else _MENS_HAIR),
        beard=not feminine and bool(rng.random() < 0.28),
        glasses=bool(rng.random() < 0.2),
        hat=pick(rng, hats),
        hat_colour=dye(rng, _HATS),
    )


def _draw_index(rng: np.random.Generator, shares: list[tuple[Colour, float]]) -> int:
    return int(rng.choice(len(shares), p=[share for _, share in shares]))

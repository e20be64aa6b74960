"""What people wear: cuts and patterns as common as in a street, drawn from a seed."""

import numpy as np

from .colours import BAGS, COATS, COLOURS, JEANS, SHOES, SKIRTS, TOPS, TROUSERS, dye, pick, shade
from .person import (
    Bag,
    BagKind,
    Colour,
    Lower,
    LowerKind,
    Pattern,
    ShoeKind,
    Shoes,
    Upper,
    UpperKind,
)


def draw_upper(rng: np.random.Generator, *, feminine: bool) -> Upper:
    """Draw an upper garment."""
    kind = pick(
        rng,
        {
            UpperKind.T_SHIRT: 34,
            UpperKind.SHIRT: 18,
            UpperKind.HOODIE: 14,
            UpperKind.JACKET: 18,
            UpperKind.COAT: 8,
            UpperKind.DRESS: 14 if feminine else 0,
        },
    )
    outer = kind in (UpperKind.JACKET, UpperKind.COAT)
    colour = dye(rng, COATS if outer else TOPS)
    return Upper(
        kind=kind,
        colour=colour,
        second=_contrast(rng, colour),
        inner=dye(rng, TOPS),
        pattern=_draw_pattern(rng, kind),
        pitch_m=float(rng.uniform(0.04, 0.11)),
        sleeve=_draw_sleeve(rng, kind),
        ease_m=float(rng.uniform(0.004, 0.016)) + (0.014 if outer else 0.0),
        hem=_draw_hem(rng, kind),
        open=outer and bool(rng.random() < 0.5),
    )


def _contrast(rng: np.random.Generator, colour: Colour) -> Colour:
    """A second colour that can be told from the first."""
    for _ in range(8):
        second = dye(rng, TOPS)
        if sum(abs(a - b) for a, b in zip(colour, second, strict=True)) > 150:
            return second
    return (235, 235, 230) if sum(colour) < 380 else (30, 30, 34)


def _draw_pattern(rng: np.random.Generator, kind: UpperKind) -> Pattern:
    weights: dict[Pattern, float] = {
        Pattern.PLAIN: 62,
        Pattern.STRIPES: 9,
        Pattern.CHECKS: 18 if kind is UpperKind.SHIRT else 3,
        Pattern.PRINT: 24 if kind in (UpperKind.T_SHIRT, UpperKind.HOODIE) else 4,
        Pattern.BLOCKS: 6,
    }
    if kind is UpperKind.COAT:
        weights |= {Pattern.STRIPES: 1, Pattern.BLOCKS: 3}
    return pick(rng, weights)


def _draw_sleeve(rng: np.random.Generator, kind: UpperKind) -> float:
    if kind is UpperKind.T_SHIRT:
        return float(rng.uniform(0.2, 0.36))
    if kind is UpperKind.DRESS:
        return float(rng.choice([0.06, 0.25, 0.95]))
    if kind is UpperKind.SHIRT:
        return float(rng.choice([0.34, 0.62, 0.95]))
    return 0.97


def _draw_hem(rng: np.random.Generator, kind: UpperKind) -> float:
    low, high = {
        UpperKind.COAT: (0.55, 1.1),
        UpperKind.DRESS: (0.75, 1.25),
        UpperKind.HOODIE: (0.05, 0.22),
    }.get(kind, (0.02, 0.2))
    return float(rng.uniform(low, high))


def draw_lower(rng: np.random.Generator, *, feminine: bool, bare: bool) -> Lower:
    """Draw what is on the legs; ``bare`` leaves them bare below a dress."""
    kind = pick(
        rng,
        {
            LowerKind.TROUSERS: 36,
            LowerKind.JEANS: 38,
            LowerKind.SHORTS: 18,
            LowerKind.SKIRT: 22 if feminine else 0,
        },
    )
    if bare:
        kind = LowerKind.SHORTS
    weights = {LowerKind.JEANS: JEANS, LowerKind.SKIRT: SKIRTS}.get(kind, TROUSERS)
    colour = dye(rng, weights)
    length = {
        LowerKind.SHORTS: float(rng.uniform(0.3, 0.52)),
        LowerKind.SKIRT: float(rng.uniform(0.32, 0.8)),
    }.get(kind, float(rng.uniform(0.93, 1.0)))
    return Lower(
        kind=kind,
        colour=colour,
        second=_contrast(rng, colour),
        side_stripe=kind is not LowerKind.JEANS and bool(rng.random() < 0.12),
        length=0.2 if bare else length,
        ease_m=float(rng.uniform(0.001, 0.007 if feminine else 0.018)),
    )


def draw_shoes(rng: np.random.Generator) -> Shoes:
    """Draw a pair of shoes."""
    kind = pick(
        rng,
        {
            ShoeKind.SNEAKERS: 56,
            ShoeKind.LEATHER: 22,
            ShoeKind.BOOTS: 12,
            ShoeKind.SANDALS: 10,
        },
    )
    pale = kind is ShoeKind.SNEAKERS and bool(rng.random() < 0.65)
    sole = shade(rng, COLOURS["white" if pale else "black"])
    return Shoes(kind=kind, colour=dye(rng, SHOES), sole=sole)


def draw_bag(rng: np.random.Generator, *, feminine: bool) -> Bag:
    """Draw what is carried."""
    kind = pick(
        rng,
        {
            BagKind.NONE: 54,
            BagKind.BACKPACK: 26,
            BagKind.SHOULDER: 14,
            BagKind.HANDBAG: 14 if feminine else 5,
        },
    )
    return Bag(
        kind=kind,
        colour=dye(rng, BAGS),
        side=1 if rng.random() < 0.5 else -1,
        size=float(rng.uniform(0.8, 1.2)),
    )

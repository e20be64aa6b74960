"""Who a figure shows: everything that stays the same for one person from camera to camera."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

Colour = tuple[int, int, int]
"""sRGB, 0 to 255 each."""


class HairStyle(StrEnum):
    """How the hair is worn."""

    BALD = "bald"
    CROPPED = "cropped"
    SHORT = "short"
    BOB = "bob"
    LONG = "long"
    PONYTAIL = "ponytail"
    BUN = "bun"


class UpperKind(StrEnum):
    """What is worn on the upper body."""

    T_SHIRT = "t-shirt"
    SHIRT = "shirt"
    HOODIE = "hoodie"
    JACKET = "jacket"
    COAT = "coat"
    DRESS = "dress"


class Pattern(StrEnum):
    """What is on the upper garment's cloth."""

    PLAIN = "plain"
    STRIPES = "stripes"
    CHECKS = "checks"
    PRINT = "print"
    BLOCKS = "blocks"


class LowerKind(StrEnum):
    """What is worn on the legs."""

    TROUSERS = "trousers"
    JEANS = "jeans"
    SHORTS = "shorts"
    SKIRT = "skirt"


class ShoeKind(StrEnum):
    """What is worn on the feet."""

    SNEAKERS = "sneakers"
    LEATHER = "leather"
    BOOTS = "boots"
    SANDALS = "sandals"


class BagKind(StrEnum):
    """What is carried."""

    NONE = "none"
    BACKPACK = "backpack"
    SHOULDER = "shoulder bag"
    HANDBAG = "handbag"


class HatKind(StrEnum):
    """What is on the head."""

    NONE = "none"
    CAP = "cap"
    BEANIE = "beanie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The body itself; all but the height are factors around 1 or shares.

    Attributes:
        height_m: 1.4 to 2.1.
        breadth: width of trunk and limbs.
        shoulders: width of the shoulders.
        hips: width of the hips.
        legs: length of the legs.
        head: size of the head.
        belly: 0 flat to 1 large.
        bust: 0 flat to 1 full.
        stoop_deg: how far the trunk leans forward.
        stride: length of the steps.
        swing: how far the arms swing.
    """

    height_m: float
    breadth: float
    shoulders: float
    hips: float
    legs: float
    head: float
    belly: float
    bust: float
    stoop_deg: float
    stride: float
    swing: float

    def __post_init__(self) -> None:
        if not 1.4 <= self.height_m <= 2.1:
            raise ValueError(f"height_m is {self.height_m}; figures are 1.4 to 2.1 m tall")
        factors = (self.breadth, self.shoulders, self.hips, self.legs, self.head)
        if not all(0.6 <= factor <= 1.6 for factor in factors):
            raise ValueError(f"a factor of the build is outside 0.6 to 1.6: {factors}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Hair, skin and what is on the face."""

    skin: Colour
    hair: Colour
    style: HairStyle
    beard: bool
    glasses: bool
    hat: HatKind
    hat_colour: Colour

    def __post_init__(self) -> None:
        check_colours((self.skin, self.hair, self.hat_colour))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upper:
    """The upper garment.

    Attributes:
        kind: its cut.
        colour: of the cloth.
        second: of stripes, checks, print or blocks.
        inner: of what shows where a jacket is open, and of collars.
        pattern: how the second colour lies on the first.
        pitch_m: of stripes and checks.
        sleeve: covered share of the arm, 0 to 1.
        ease_m: how far the cloth stands off the body.
        hem: where it ends, from 0 at the hips to 1 at the knees.
        open: whether it hangs open in front.
    """

    kind: UpperKind
    colour: Colour
    second: Colour
    inner: Colour
    pattern: Pattern
    pitch_m: float
    sleeve: float
    ease_m: float
    hem: float
    open: bool

    def __post_init__(self) -> None:
        check_colours((self.colour, self.second, self.inner))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lower:
    """What is worn on the legs.

    Attributes:
        kind: its cut.
        colour: of the cloth.
        second: of a stripe down the side, where there is one, and of worn places.
        side_stripe: whether there is one.
        length: covered share of the leg, 0 to 1.
        ease_m: how far the cloth stands off the leg.
    """

    kind: LowerKind
    colour: Colour
    second: Colour
    side_stripe: bool
    length: float
    ease_m: float

    def __post_init__(self) -> None:
        check_colours((self.colour, self.second))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shoes:
    """A pair of shoes."""

    kind: ShoeKind
    colour: Colour
    sole: Colour

    def __post_init__(self) -> None:
        check_colours((self.colour, self.sole))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bag:
    """A bag; ``side`` is +1 when it hangs on the left and -1 on the right, ``size`` is around 1."""

    kind: BagKind
    colour: Colour
    side: int
    size: float

    def __post_init__(self) -> None:
        check_colours((self.colour,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person; `sample_person` draws them.

    ``cloth_seed`` fixes what no attribute names: the folds of the cloth and the shape of a print.
    """

    build: Build
    head: Head
    upper: Upper
    lower: Lower
    shoes: Shoes
    bag: Bag
    cloth_seed: int


def check_colours(colours: Iterable[Colour]) -> None:
    """Refuse colours outside 0 to 255."""
    for colour in colours:
        if len(colour) != 3 or not all(0 <= value <= 255 for value in colour):
            raise ValueError(f"{colour} is no sRGB colour; three values from 0 to 255 are expected")

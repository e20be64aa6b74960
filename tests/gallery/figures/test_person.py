from dataclasses import replace

import pytest
from reid_gallery.gallery.figures import sample_person
from reid_gallery.gallery.figures.colours import COLOURS, TOPS, pick
from reid_gallery.gallery.figures.noise import rough_noise, smooth_noise, stream
from reid_gallery.gallery.figures.person import BagKind, LowerKind, UpperKind

PEOPLE = [sample_person(seed) for seed in range(400)]


def test_one_seed_is_one_person_and_another_seed_another() -> None:
    assert sample_person(7) == sample_person(7)
    assert len(set(PEOPLE)) == len(PEOPLE)
    looks = {(p.upper.colour, p.lower.colour, p.head.hair, p.shoes.colour) for p in PEOPLE}
    assert len(looks) == len(PEOPLE)


def test_every_cut_and_bag_is_worn_by_somebody() -> None:
    assert {p.upper.kind for p in PEOPLE} == set(UpperKind)
    assert {p.lower.kind for p in PEOPLE} == set(LowerKind)
    assert {p.bag.kind for p in PEOPLE} == set(BagKind)


def test_the_street_is_mostly_dark_below_and_some_wear_strong_colours() -> None:
    dark_legs = [max(p.lower.colour) < 110 for p in PEOPLE]
    strong_tops = [max(p.upper.colour) - min(p.upper.colour) > 90 for p in PEOPLE]
    assert 0.4 < sum(dark_legs) / len(PEOPLE) < 0.9
    assert 0.08 < sum(strong_tops) / len(PEOPLE) < 0.5


def test_bare_legs_or_shorts_below_a_dress() -> None:
    dressed = [p for p in PEOPLE if p.upper.kind is UpperKind.DRESS]
    assert dressed
    assert all(p.lower.kind is LowerKind.SHORTS and p.lower.length < 0.3 for p in dressed)


def test_impossible_people_are_refused_when_built() -> None:
    person = PEOPLE[0]
    with pytest.raises(ValueError, match="height_m"):
        replace(person.build, height_m=3.0)
    with pytest.raises(ValueError, match="factor"):
        replace(person.build, hips=2.0)
    with pytest.raises(ValueError, match="sRGB"):
        replace(person.upper, colour=(0, 0, 256))
    with pytest.raises(ValueError, match="sRGB"):
        replace(person.head, skin=(-1, 0, 0))


def test_pick_follows_its_weights() -> None:
    rng = stream(99, 0)
    drawn = [pick(rng, TOPS) for _ in range(4000)]
    assert set(drawn) <= set(COLOURS)
    expected = TOPS["black"] / sum(TOPS.values())
    assert drawn.count("black") / 4000 == pytest.approx(expected, abs=0.03)


def test_noise_is_standardised_and_repeats_seamlessly() -> None:
    for noise in (
        smooth_noise(stream(98, 1), size=64, cells=(4, 6)),
        rough_noise(stream(98, 2), size=64, cells=4, octaves=3),
    ):
        assert noise.shape == (64, 64)
        assert float(noise.mean()) == pytest.approx(0, abs=1e-4)
        assert float(noise.std()) == pytest.approx(1, abs=1e-3)
        across_seam = abs(noise[0] - noise[-1]).max()
        assert across_seam <= 1.5 * abs(noise[1:] - noise[:-1]).max()

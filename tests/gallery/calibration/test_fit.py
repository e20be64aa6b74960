"""Calibrated on some people, galleries of others let the wanted share of strangers through."""

import numpy as np
import pytest
from reid_gallery.gallery.calibration.fit import fit_calibration
from reid_gallery.gallery.calibration.odds import fit_log_odds
from reid_gallery.gallery.calibration.places import Place, part_places
from reid_gallery.gallery.decision import Calibration
from reid_gallery.gallery.errors import CalibrationError


def draw_people(people, *, seed, per_camera=6, noise=1.0, dim=24):
    """Return people on a sphere as one place: a person's pictures lie around their direction."""
    random = np.random.default_rng(seed)
    owners = np.repeat(np.arange(people), 2 * per_camera)
    rows = (random.normal(size=(people, dim)) + 0.5)[owners]
    rows = rows + noise * random.normal(size=rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    sides = np.tile(np.repeat([0, 1], per_camera), people)
    return Place(rows.astype(np.float32), owners, sides)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return fit_calibration([draw_people(150, seed=1)])


def ask(place, random, *, size, sightings, pictures):
    """Return strangers' best scores, and acquaintances' with whether they are found."""
    people = random.permutation(place.people.max() + 1)
    enrolled, strangers = people[:size], people[size:]

    def rows(person, side, count):
        return np.flatnonzero((place.people == person) & (place.sides == side))[:count]

    def query(person):
        total = place.embeddings[rows(person, 0, pictures)].sum(axis=0)
        return total / np.linalg.norm(total)

    stored = np.stack([place.embeddings[rows(person, 1, sightings)] for person in enrolled])
    strange = np.stack([query(person) for person in strangers])
    mated = np.stack([query(person) for person in enrolled])
    found = np.einsum("qd,nsd->qns", mated, stored).max(axis=2)
    best = np.einsum("qd,nsd->qns", strange, stored).max(axis=(1, 2))
    return best, found.max(axis=1), found.argmax(axis=1) == np.arange(size)


@pytest.mark.parametrize("size", [10, 150])
@pytest.mark.parametrize(("sightings", "pictures"), [(1, 1), (5, 1), (2, 4)])
def test_the_share_of_strangers_named_is_the_wanted_one(calibration, size, sightings, pictures):
    place, random = draw_people(400, seed=2), np.random.default_rng(0)
    threshold = calibration.threshold(fpir=0.1, size={sightings: size}, pictures=pictures)
    named = [
        ask(place, random, size=size, sightings=sightings, pictures=pictures)[0] >= threshold
        for _ in range(4)
    ]
    assert 0.03 <= np.mean(np.concatenate(named)) <= 0.17


def test_the_odds_are_right_as_often_as_they_say(calibration):
    place, random = draw_people(400, seed=3), np.random.default_rng(0)
    given, right = [], []
    for size in (10, 40, 150):
        for _ in range(4):
            strange, scores, found = ask(place, random, size=size, sightings=2, pictures=1)
            drawn = random.permutation(strange)[:size]  # as many strangers as acquaintances
            asked = np.concatenate([drawn, scores]).astype(np.float64)
            given.append(calibration.probabilities(asked, size={2: size}))
            right.append(np.concatenate([np.zeros(len(drawn), bool), found]))
    probability, truth = np.concatenate(given), np.concatenate(right)
    for low, high in ((0.0, 0.1), (0.2, 0.8), (0.9, 1.0)):
        inside = (probability >= low) & (probability <= high)
        assert abs(probability[inside].mean() - truth[inside].mean()) < 0.1


def test_the_same_people_and_seed_give_the_same_calibration():
    place = draw_people(30, seed=4)
    assert fit_calibration([place], seed=1) == fit_calibration([place], seed=1)


def test_each_place_is_measured_on_its_own():
    found = fit_calibration([draw_people(30, seed=5), draw_people(40, seed=6)])
    assert [place.people for place in found.places] == [30, 40]


@pytest.mark.parametrize(("per_camera", "what"), [(1, "sightings")])
def test_people_with_one_picture_a_camera_do_not_tell_what_more_of_them_do(per_camera, what):
    with pytest.raises(CalibrationError, match=f"several {what}"):
        fit_calibration([draw_people(30, seed=7, per_camera=per_camera)])


def test_people_who_all_look_alike_are_told():
    same = np.tile(np.eye(1, 8, dtype=np.float32), (160, 1))
    pids, cameras = [f"p{n // 8}" for n in range(160)], [f"c{n // 4 % 2}" for n in range(160)]
    with pytest.raises(CalibrationError):
        fit_calibration(part_places(same, pids=pids, cameras=cameras))


def test_logistic_regression_finds_known_weights():
    random = np.random.default_rng(0)
    evidence = np.column_stack((np.ones(20_000), random.normal(size=(20_000, 2))))
    log_odds = evidence @ np.array([-1.0, 2.0, -0.5])
    right = (random.uniform(size=20_000) < 1 / (1 + np.exp(-log_odds))).astype(float)
    found = fit_log_odds(evidence, right, np.ones(20_000))
    assert found == pytest.approx([-1.0, 2.0, -0.5], abs=0.1)


def test_logistic_regression_stays_finite_where_the_rows_can_be_parted():
    evidence = np.column_stack((np.ones(10), np.arange(10.0)))
    assert np.isfinite(fit_log_odds(evidence, (np.arange(10) > 4) * 1.0, np.ones(10))).all()

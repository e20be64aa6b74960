"""People parted by place, and comparisons drawn as a gallery would make them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.calibration.places import (
    MOST_PICTURES,
    MOST_SIGHTINGS,
    draw_rounds,
    part_places,
)
from reid_gallery.gallery.errors import CalibrationError, EmbeddingError


def people_on_a_sphere(people, per_camera=3, cameras=2, dim=16, noise=0.4, seed=0):
    """Return float32[n, d], pids and cameras: each person a direction, each picture near it."""
    random = np.random.default_rng(seed)
    owners = np.repeat(np.arange(people), per_camera * cameras)
    rows = random.normal(size=(people, dim))[owners]
    rows = rows + noise * random.normal(size=rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    seen_by = np.tile(np.repeat(np.arange(cameras), per_camera), people)
    return rows.astype(np.float32), [f"p{n}" for n in owners], [f"c{n}" for n in seen_by]


def test_a_round_is_what_a_naive_twin_computes():
    """With fewer pictures than are drawn at most, everything is drawn and only the first varies."""
    rows, pids, cameras = people_on_a_sphere(20, per_camera=2, cameras=2)
    (place,) = part_places(rows, pids=pids, cameras=cameras)
    for number, drawn in enumerate(draw_rounds(place, 2)):
        for q, probe in enumerate(drawn.probes):
            asked = rows[(place.people == probe) & (place.sides == number)]
            mean = asked.sum(axis=0) / np.linalg.norm(asked.sum(axis=0))
            for g, person in enumerate(drawn.enrolled):
                stored = rows[(place.people == person) & (place.sides != number)]
                every = asked @ stored.T
                assert np.isclose(drawn.one[q, g], every, atol=1e-6).any()
                assert np.isclose(drawn.sightings[q, g], every.max(axis=1), atol=1e-6).any()
                assert np.isclose(drawn.pictures[q, g], stored @ mean, atol=1e-6).any()
        assert (drawn.sighting_counts == 2).all()
        assert (drawn.picture_counts == 2).all()
        assert drawn.own.sum() == 20


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 8), st.integers(2, 4), st.integers(0, 5))
def test_no_sighting_is_of_the_camera_that_asks(per_camera, cameras, seed):
    rows, pids, seen_by = people_on_a_sphere(20, per_camera, cameras, seed=seed)
    (place,) = part_places(rows, pids=pids, cameras=seen_by)
    for drawn in draw_rounds(place, cameras, seed=seed):
        assert (drawn.sighting_counts == min(MOST_SIGHTINGS, per_camera * (cameras - 1))).all()
        assert (drawn.picture_counts == min(MOST_PICTURES, per_camera)).all()
        assert (drawn.sightings >= drawn.one).all()
        assert sorted(drawn.probes) == sorted(drawn.enrolled) == list(range(20))


def test_pictures_without_a_camera_are_dealt_to_two_sides_and_tracklets_stay_whole():
    rows, pids, _ = people_on_a_sphere(20, per_camera=4, cameras=2)
    tracklets = [f"t{n // 2}" if n % 8 < 4 else None for n in range(len(rows))]
    (place,) = part_places(rows, pids=pids, tracklets=tracklets)
    assert len(place.people) == len(rows)
    for person in range(20):
        mine = place.sides[place.people == person]
        assert set(mine) == {0, 1}
        assert mine[0] == mine[1]
        assert mine[2] == mine[3]


def test_whoever_was_seen_from_one_side_only_is_left_out():
    rows, pids, cameras = people_on_a_sphere(25, per_camera=2, cameras=2)
    cameras[:20] = ["c0"] * 20  # the first five people
    (place,) = part_places(rows, pids=pids, cameras=cameras)
    assert len(np.unique(place.people)) == 20


def test_people_of_two_places_are_parted_and_small_places_left_out():
    rows, pids, cameras = people_on_a_sphere(60, per_camera=1)
    places = ["a"] * 50 + ["b"] * 60 + ["c"] * 10
    found = part_places(rows, pids=pids, cameras=cameras, places=places)
    assert [len(place.people) for place in found] == [50, 60]


@pytest.mark.parametrize("cameras", [["c0"] * 120, None])
def test_too_few_people_are_told(cameras):
    rows, pids, _ = people_on_a_sphere(60, per_camera=1)
    one_each = pids if cameras else [f"p{n}" for n in range(120)]
    with pytest.raises(CalibrationError, match=r"^0 people were seen by two cameras .* takes 20"):
        part_places(rows, pids=one_each, cameras=cameras)


def test_nobody_at_all_is_told():
    with pytest.raises(CalibrationError, match=r"^0 people"):
        part_places(np.empty((0, 4), np.float32), pids=[])


def test_bad_rows_and_labels_are_refused():
    rows, pids, cameras = people_on_a_sphere(20)
    with pytest.raises(EmbeddingError, match="number of labels"):
        part_places(rows, pids=pids[:-1], cameras=cameras)
    rows[3] = np.nan
    with pytest.raises(EmbeddingError, match="unit"):
        part_places(rows, pids=pids, cameras=cameras)

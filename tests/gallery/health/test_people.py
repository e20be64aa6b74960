"""Sightings between people: the fast way gives what a naive twin gives."""

from pathlib import Path

import numpy as np
import pytest
from reid_gallery.gallery.health import people as module
from reid_gallery.gallery.health.doubles import find_doubles
from reid_gallery.gallery.health.people import People, score_outside_burst, stand, unit
from reid_gallery.gallery.health.strays import find_strays
from reid_gallery.gallery.health.twins import nearest_earlier, same_vector
from reid_gallery.gallery.pictures.labelled import LabelledPicture
from reid_gallery.gallery.types import Sighting


def make(people=40, cameras=3, each=3, *, dim=24, spread=0.6, seed=0):
    """Vectors around one centre a person, and the sightings: each camera saw each some times."""
    random = np.random.default_rng(seed)
    centres = unit(random.normal(size=(people, dim)).astype(np.float32))
    rows, sightings = [], []
    for person in range(people):
        for camera in range(cameras):
            for _ in range(each):
                noise = random.normal(size=dim) * spread / np.sqrt(dim)
                rows.append(centres[person] + noise)
                sightings.append(Sighting(len(rows), f"p{person}", camera=f"c{camera}"))
    return unit(np.array(rows, np.float32)), sightings


def naive_own(vectors, sightings, row):
    me = sightings[row]
    rest = [n for n, s in enumerate(sightings) if s.pid == me.pid and n != row]
    away = [n for n in rest if sightings[n].camera != me.camera]
    chosen = away or rest
    if not chosen:
        return np.nan
    centroid = vectors[chosen].astype(np.float64).sum(axis=0)
    return centroid @ vectors[row] / np.linalg.norm(centroid)


def naive_others(vectors, sightings, row):
    scores = {}
    for pid in {s.pid for s in sightings} - {sightings[row].pid}:
        rows = [n for n, s in enumerate(sightings) if s.pid == pid]
        centroid = vectors[rows].astype(np.float64).sum(axis=0)
        scores[pid] = centroid @ vectors[row] / np.linalg.norm(centroid)
    return sorted(scores.items(), key=lambda item: -item[1])


@pytest.mark.parametrize("block", [7, 1024])
def test_standing_equals_its_naive_twin(monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK", block)
    vectors, sightings = make(people=6, spread=1.5)
    sightings += [Sighting(900, "alone", camera="c0"), Sighting(901, "twice", camera="c0")]
    sightings += [Sighting(902, "twice", camera="c0")]
    extra = np.random.default_rng(3).normal(size=(3, vectors.shape[1]))
    vectors = np.concatenate([vectors, unit(extra.astype(np.float32))])
    people = People.of(sightings)
    standing = stand(vectors, people)
    for row in range(len(sightings)):
        (best, score), (_, second), *_ = naive_others(vectors, sightings, row)
        assert people.pids[standing.nearest[row]] == best
        assert standing.other[row] == pytest.approx(score, abs=1e-5)
        assert standing.second[row] == pytest.approx(second, abs=1e-5)
        expected = naive_own(vectors, sightings, row)
        assert standing.own[row] == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_a_tracklet_is_a_burst_of_its_own():
    vectors = np.eye(3, dtype=np.float32)
    sightings = [Sighting(n, "a", camera="c", tracklet=t) for n, t in enumerate("xxy", 1)]
    people = People.of(sightings)
    assert people.burst_key.tolist()[0] == people.burst_key.tolist()[1]
    assert len(set(people.burst_key.tolist())) == 2
    own = score_outside_burst(vectors, people, people.owner, enrolled=True)
    np.testing.assert_allclose(own, 0, atol=1e-6)


def test_alone_in_the_gallery_nothing_is_suspected():
    vectors, sightings = make(people=1)
    people = People.of(sightings)
    strays = find_strays(vectors, people, stand(vectors, people))
    assert not strays.chance.any()
    assert (strays.destination == -1).all()
    assert not len(find_doubles(vectors, people).first)


def test_sightings_given_to_the_wrong_person_are_found_and_sent_back():
    vectors, sightings = make()
    wrong = {4: "p7", 5: "p7", 100: "p1", 200: "p30"}  # 4 and 5 are one burst
    labels = [Sighting(s.id, wrong.get(n, s.pid), camera=s.camera) for n, s in enumerate(sightings)]
    people = People.of(labels)
    strays = find_strays(vectors, people, stand(vectors, people))
    assert set(np.flatnonzero(strays.chance > 0.5).tolist()) == set(wrong)
    for row in wrong:
        assert people.pids[strays.destination[row]] == sightings[row].pid


def test_a_stranger_among_a_persons_sightings_goes_to_nobody():
    vectors, sightings = make()
    vectors[10] = unit(np.random.default_rng(9).normal(size=(1, 24)).astype(np.float32))[0]
    people = People.of(sightings)
    strays = find_strays(vectors, people, stand(vectors, people))
    assert np.flatnonzero(strays.chance > 0.5).tolist() == [10]
    assert strays.destination[10] == -1


def test_people_under_two_names_are_found():
    vectors, sightings = make(people=80)
    twice = {f"p{number}" for number in range(0, 80, 9)}
    labels = [
        Sighting(s.id, s.pid + "-too" * (s.pid in twice and s.camera == "c0"), camera=s.camera)
        for s in sightings
    ]
    people = People.of(labels)
    doubles = find_doubles(vectors, people)
    told = np.flatnonzero(doubles.chance > 0.5)
    names = [(people.pids[doubles.first[n]], people.pids[doubles.second[n]]) for n in told]
    # Who has more sightings comes first.
    assert sorted(names) == sorted((pid, f"{pid}-too") for pid in twice)


def test_the_nearest_earlier_sighting_equals_brute_force(monkeypatch):
    monkeypatch.setattr("reid_gallery.gallery.health.twins.BLOCK", 7)
    vectors, _ = make(people=5)
    vectors[30] = vectors[2]
    at, score = nearest_earlier(vectors)
    scores = (vectors @ vectors.T).astype(np.float64)
    assert at[0] == -1
    for row in range(1, len(vectors)):
        assert score[row] == pytest.approx(scores[row, :row].max(), abs=1e-6)
        assert scores[row, at[row]] == pytest.approx(scores[row, :row].max(), abs=1e-6)
    assert np.flatnonzero(same_vector(score)).tolist() == [30]


def test_a_tracklet_is_one_of_its_camera_and_no_camera_itself():
    labels = [
        LabelledPicture(path=Path("x.jpg"), pid="anna", camera=camera, tracklet=tracklet)
        for camera, tracklet in [
            ("1", "7"),
            ("1", "7"),
            ("2", "7"),
            ("7", None),
            ("7", None),
            (None, "7"),
            (None, None),
            (None, None),
        ]
    ]
    assert People.of(labels).source.tolist() == [0, 0, 1, 2, 2, 3, 4, 5]

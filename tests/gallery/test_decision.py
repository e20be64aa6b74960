"""Known or unknown: thresholds from a measured tail, and where they end up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.decision import Calibration, parse_calibration
from reid_gallery.gallery.errors import ModelError, StoreDamagedError
from reid_gallery.gallery.evaluation.calibration import measure_strangers
from reid_gallery.gallery.facade import Gallery

TAIL = ((0.5, 0.1), (0.1, 0.3), (0.01, 0.5), (0.001, 0.6))


def test_one_person_has_one_chance():
    calibration = Calibration(tail=TAIL, people=50)
    assert calibration.threshold(fpir=0.1, people=1) == pytest.approx(0.3)
    assert calibration.threshold(fpir=0.01, people=1) == pytest.approx(0.5)


def test_a_hundred_people_have_a_hundred_chances():
    # 1 - (1 - p)^100 = 0.1 gives p = 1 - 0.9^0.01 = 0.0010530...
    # between (0.01, 0.5) and (0.001, 0.6): 0.5 + 0.1 * log(0.01 / 0.001053) / log(10) = 0.59776
    calibration = Calibration(tail=TAIL, people=50)
    assert calibration.threshold(fpir=0.1, people=100) == pytest.approx(0.59776, abs=1e-5)


def test_past_the_tail_it_goes_on_straight_and_never_past_one():
    calibration = Calibration(tail=TAIL, people=50)
    # the last decade rises by 0.1; p = 1e-4 (about) is one decade further
    assert calibration.threshold(fpir=1e-4, people=1) == pytest.approx(0.7, abs=1e-4)
    assert calibration.threshold(fpir=1e-12, people=10**6) == 1.0
    assert calibration.threshold(fpir=5e-324, people=10**6) == 1.0


@given(st.floats(1e-6, 0.9), st.floats(1e-6, 0.9), st.integers(1, 10**6), st.integers(1, 10**6))
def test_stricter_and_larger_never_lowers_the_threshold(a, b, few, many):
    calibration = Calibration(tail=TAIL, people=50)
    strict, loose = sorted((a, b))
    few, many = sorted((few, many))
    base = calibration.threshold(fpir=loose, people=few)
    assert calibration.threshold(fpir=strict, people=few) >= base
    assert calibration.threshold(fpir=loose, people=many) >= base


@pytest.mark.parametrize(
    "tail",
    [
        [[0.5, 0.1]],
        [[0.1, 0.1], [0.5, 0.2]],
        [[0.5, 0.3], [0.1, 0.2]],
        "x",
        [[2.0, 0.1], [0.1, 0.2]],
        [[0.5, float("-inf")], [0.1, float("inf")]],
        [[0.5, float("nan")], [0.1, 0.2]],
    ],
)
def test_a_tail_that_cannot_be_is_refused(tail):
    with pytest.raises(ModelError):
        parse_calibration({"tail": tail, "people": 3})


def people_on_a_sphere(random, people, sightings, dim=16):
    centres = random.normal(size=(people, dim))
    rows = np.repeat(centres, sightings, axis=0) + 0.4 * random.normal(
        size=(people * sightings, dim)
    )
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), [str(n // sightings) for n in range(people * sightings)]


def test_strangers_are_measured_as_a_naive_twin_does():
    rows, pids = people_on_a_sphere(np.random.default_rng(0), people=12, sightings=3)
    calibration = measure_strangers(rows, pids)
    scores = []
    for query, pid in zip(rows, pids, strict=True):
        for other in sorted(set(pids) - {pid}):
            theirs = rows[[n for n, p in enumerate(pids) if p == other]]
            scores.append(max(float(query @ row) for row in theirs))
    scores.sort(reverse=True)
    assert len(scores) == 36 * 11
    for chance, score in calibration.tail:
        above = round(chance * len(scores))
        assert score == pytest.approx(scores[above - 1], abs=1e-6)
    assert calibration.tail[-1][0] == pytest.approx(10 / len(scores))


def test_people_of_different_sources_are_not_compared():
    rows, pids = people_on_a_sphere(np.random.default_rng(1), people=40, sightings=2)
    sources = ["a" if n < 40 else "b" for n in range(80)]
    both = measure_strangers(
        np.concatenate([rows[:40], rows[:40]]), pids[:40] + [f"x{p}" for p in pids[:40]], sources
    )
    one = measure_strangers(rows[:40], pids[:40])
    assert both.tail[0] == pytest.approx(one.tail[0])


@pytest.mark.parametrize("size", [20, 200])
def test_the_share_of_strangers_that_get_a_name_is_the_wanted_one_at_every_size(tmp_path, size):
    """Calibrated on some people, a gallery of others lets about as many strangers through."""
    random = np.random.default_rng(3)
    rows, pids = people_on_a_sphere(random, people=1200, sightings=2)
    calibration = measure_strangers(rows[:800], pids[:800])
    gallery_rows, gallery_pids = rows[800 : 800 + 2 * size], pids[800 : 800 + 2 * size]
    threshold = calibration.threshold(fpir=0.1, people=size)
    strangers = rows[1600:]
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll_embeddings(gallery_rows, pids=gallery_pids)
        answers = gallery.query_embeddings(strangers, k=1)
    named = np.mean([answer.matches[0].score >= threshold for answer in answers])
    assert 0.05 <= named <= 0.17, named


def test_a_calibrated_model_says_unknown(tmp_path, crops, tiny_calibrated):
    with Gallery.open(tmp_path / "store", model=tiny_calibrated) as gallery:
        gallery.enroll([crops / f"p{n}" for n in range(5)])
        known, unknown = gallery.query([crops / "p0" / "0.png", crops / "p5" / "0.png"], fpir=0.05)
        assert (known.known, known.pid) == (True, "p0")
        assert (unknown.known, unknown.pid) == (False, None)
        assert unknown.matches
        assert known.threshold == unknown.threshold
        strict = gallery.query([crops / "p0" / "0.png"], fpir=0.001)[0]
        assert strict.threshold > known.threshold
        same = gallery.compare(crops / "p0" / "0.png", crops / "p0" / "1.png", fpir=0.05)
        assert same.same is True


@pytest.mark.parametrize(
    "stored", ["{nonsense", "5", "[]]", '{"tail": 3, "people": 2}', '{"a": 1}']
)
def test_a_damaged_calibration_in_a_store_is_told(tmp_path, stored):
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll_embeddings(np.eye(4, dtype=np.float32), pids=list("abcd"))
        with gallery._store.connection.writing() as sqlite:
            sqlite.execute("UPDATE generations SET calibration = ?", (stored,))
        with pytest.raises(StoreDamagedError, match=r"calibration .* rebuild --model"):
            gallery.query_embeddings(np.eye(4, dtype=np.float32))


@pytest.mark.parametrize(
    "options", [{"as_one": True}, {"pooling": "centroid"}, {"pooling": "mean"}]
)
def test_scores_that_were_not_calibrated_are_not_decided_on(
    tmp_path, crops, tiny_calibrated, options
):
    with Gallery.open(tmp_path / "store", model=tiny_calibrated) as gallery:
        gallery.enroll([crops])
        pictures = [crops / "p0" / "0.png", crops / "p0" / "1.png"]
        for answer in gallery.query(pictures, **options):
            assert (answer.known, answer.threshold) == (None, None)
            assert answer.matches

"""Known or unknown: thresholds from a measured tail, odds, and where they end up."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.decision import (
    Calibration,
    Odds,
    Strangers,
    calibration_tree,
    parse_calibration,
)
from reid_gallery.gallery.errors import ModelError, StoreDamagedError
from reid_gallery.gallery.facade import Gallery

TAIL = ((0.5, 0.1), (0.1, 0.3), (0.01, 0.5), (0.001, 0.6))
PLACE = Strangers(tail=TAIL, sighting_shift=0.04, picture_agreement=0.8, people=50)
CALIBRATION = Calibration((PLACE,), Odds(constant=-6.0, score=12.0, matches=-0.8, knee=0.4))
ONE = {1: 1}


def threshold(fpir, size, pictures=1):
    return CALIBRATION.threshold(fpir=fpir, size=size, pictures=pictures)


def test_one_person_has_one_chance():
    assert threshold(0.1, ONE) == pytest.approx(0.3)
    assert threshold(0.01, ONE) == pytest.approx(0.5)


def test_a_hundred_people_have_a_hundred_chances():
    # 1 - (1 - p)^100 = 0.1 gives p = 1 - 0.9^0.01 = 0.0010530...
    # between (0.01, 0.5) and (0.001, 0.6): 0.5 + 0.1 * log(0.01 / 0.001053) / log(10) = 0.59776
    assert threshold(0.1, {1: 100}) == pytest.approx(0.59776, abs=1e-5)


def test_past_the_tail_it_goes_on_straight_and_never_past_one():
    # the last decade rises by 0.1; p = 1e-4 (about) is one decade further
    assert threshold(1e-4, ONE) == pytest.approx(0.7, abs=1e-4)
    assert threshold(1e-12, {1: 10**6}) == 1.0
    assert threshold(5e-324, {1: 10**6}) == 1.0


def test_sightings_shift_and_pictures_stretch_the_threshold():
    assert threshold(0.01, {5: 1}) == pytest.approx(0.5 + 0.04 * math.log(5))
    assert threshold(0.01, ONE, pictures=8) == pytest.approx(0.5 * math.sqrt(8 / 6.6))
    assert threshold(0.01, {5: 1}, pictures=8) == pytest.approx(
        (0.5 + 0.04 * math.log(5)) * math.sqrt(8 / 6.6)
    )
    assert threshold(0.01, ONE, pictures=10**6) == pytest.approx(0.5 / math.sqrt(0.8), abs=1e-5)


def test_people_of_unequal_sightings_add_up():
    """At the threshold nobody matches with the chance 1 - FPIR, each person's own counted."""
    at = threshold(0.05, {1: 3, 4: 2})
    none = 1.0
    for sightings, people in ((1, 3), (4, 2)):
        single = at - 0.04 * math.log(sightings)
        p = math.exp(np.interp(single, [t for _, t in TAIL], [math.log(p) for p, _ in TAIL]))
        none *= (1 - p) ** people
    assert 1 - none == pytest.approx(0.05, rel=1e-5)


def test_an_empty_gallery_is_as_one_of_one_person():
    assert threshold(0.01, {}) == threshold(0.01, ONE)


def test_the_strictest_place_decides():
    strict = Strangers(
        tail=tuple((p, t + 0.1) for p, t in TAIL),
        sighting_shift=0.04,
        picture_agreement=0.8,
        people=50,
    )
    both = Calibration((PLACE, strict), CALIBRATION.odds)
    alone = Calibration((strict,), CALIBRATION.odds)
    assert both.threshold(fpir=0.01, size={2: 30}) == alone.threshold(fpir=0.01, size={2: 30})
    assert both.probability(0.5, size={2: 30}) == alone.probability(0.5, size={2: 30})


@given(
    st.floats(1e-6, 0.9),
    st.floats(1e-6, 0.9),
    st.integers(1, 10**6),
    st.integers(1, 10**6),
    st.integers(1, 50),
)
def test_stricter_and_larger_never_lowers_the_threshold(a, b, few, many, sightings):
    strict, loose = sorted((a, b))
    few, many = sorted((few, many))
    base = threshold(loose, {1: few})
    assert threshold(strict, {1: few}) >= base
    assert threshold(loose, {1: many}) >= base
    assert threshold(loose, {sightings: few}) >= base


@given(st.floats(-1, 1), st.floats(-1, 1), st.integers(1, 1000), st.integers(1, 8))
def test_a_higher_score_is_never_less_probable_and_a_larger_gallery_never_more(a, b, people, m):
    low, high = sorted((a, b))
    size = {1: people}
    worse = CALIBRATION.probability(low, size=size, pictures=m)
    better = CALIBRATION.probability(high, size=size, pictures=m)
    assert 0 <= worse <= better + 1e-12 <= 1 + 1e-12
    assert CALIBRATION.probability(high, size={1: people + 1}, pictures=m) <= better + 1e-12


@pytest.mark.parametrize("fpir", [0, 1, -0.1, 1.5, float("nan")])
def test_an_fpir_that_cannot_be_is_refused(fpir):
    with pytest.raises(ModelError, match="between 0 and 1"):
        threshold(fpir, ONE)


def test_what_is_stored_is_read_back():
    assert parse_calibration(calibration_tree(CALIBRATION)) == CALIBRATION


@pytest.mark.parametrize("tree", [None, {}, {"tail": [[0.5, 0.1], [0.1, 0.2]], "people": 3}])
def test_without_a_calibration_of_this_form_there_is_none(tree):
    assert parse_calibration(tree) is None


@pytest.mark.parametrize(
    "change",
    [
        {"tail": [[0.5, 0.1]]},
        {"tail": [[0.1, 0.1], [0.5, 0.2]]},
        {"tail": [[0.5, 0.3], [0.1, 0.2]]},
        {"tail": [[0.5, 0.3], [0.1, 0.3]]},
        {"tail": "x"},
        {"tail": [[2.0, 0.1], [0.1, 0.2]]},
        {"tail": [[0.5, float("-inf")], [0.1, float("inf")]]},
        {"tail": [[0.5, float("nan")], [0.1, 0.2]]},
        {"sighting_shift": -0.1},
        {"sighting_shift": float("nan")},
        {"picture_agreement": 0},
        {"picture_agreement": 1.1},
        {"picture_agreement": float("nan")},
        {"people": None},
    ],
)
def test_a_place_that_cannot_be_is_refused(change):
    tree = calibration_tree(CALIBRATION)
    tree["places"] = [tree["places"][0] | change]
    with pytest.raises(ModelError):
        parse_calibration(tree)


@pytest.mark.parametrize(
    "change",
    [{"places": []}, {"odds": {}}, {"odds": [1, 2, 3, 4]}]
    + [{"odds": {"constant": 0, "score": 1, "matches": -1, "knee": 0.4} | wrong}
       for wrong in ({"score": -1}, {"matches": 0.1}, {"knee": "nan"}, {"constant": None})],
)  # fmt: skip
def test_a_calibration_that_cannot_be_is_refused(change):
    with pytest.raises(ModelError):
        parse_calibration(calibration_tree(CALIBRATION) | change)


def test_the_odds_are_the_sum_that_they_say():
    # a stranger's expected matches at 0.5 among 3 people: -3 log(1 - 0.01) = 0.030151
    log_odds = -6 + 12 * 0.4 - 0.8 * math.log(-3 * math.log(0.99))
    wanted = 1 / (1 + math.exp(-log_odds))
    assert CALIBRATION.probability(0.5, size={1: 3}) == pytest.approx(wanted)


def test_far_right_of_a_steep_tail_there_are_odds_all_the_same():
    steep = Strangers(((0.5, 0.1), (1e-7, 0.3), (1e-8, 0.3005)), 0.01, 0.7, 50)
    for weight in (0.0, -0.8):
        odds = Odds(constant=0.0, score=5.0, matches=weight, knee=0.4)
        assert 0.8 < Calibration((steep,), odds).probability(0.9, size={1: 10}) <= 1


def test_a_calibrated_model_says_unknown(tmp_path, crops, tiny_calibrated):
    with Gallery.open(tmp_path / "store", model=tiny_calibrated) as gallery:
        gallery.enroll([crops / f"p{n}" for n in range(5)])
        known, unknown = gallery.query([crops / "p0" / "0.png", crops / "p5" / "0.png"], fpir=0.05)
        assert (known.known, known.pid) == (True, "p0")
        assert (unknown.known, unknown.pid) == (False, None)
        assert unknown.matches
        assert known.threshold == unknown.threshold
        assert known.probability > unknown.probability
        strict = gallery.query([crops / "p0" / "0.png"], fpir=0.001)[0]
        assert strict.threshold > known.threshold
        same = gallery.compare(crops / "p0" / "0.png", crops / "p0" / "1.png", fpir=0.05)
        assert same.same is True


def test_a_comparison_goes_by_the_gallerys_own_calibration(tmp_path, crops, tiny_calibrated):
    pair = crops / "p0" / "0.png", crops / "p0" / "1.png"
    stricter = calibration_tree(CALIBRATION)
    stricter["places"][0]["tail"] = [[p, t + 2] for p, t in TAIL]
    with Gallery.open(tmp_path / "store", model=tiny_calibrated) as gallery:
        gallery.enroll([crops / "p0"])
        assert gallery.compare(*pair, fpir=0.05).same is True
        with gallery._store.connection.writing() as sqlite:
            sqlite.execute("UPDATE generations SET calibration = ?", (json.dumps(stricter),))
        own = gallery.compare(*pair, fpir=0.05)
        assert (own.threshold, own.same) == (1.0, False)


@pytest.mark.parametrize(
    "stored", ["{nonsense", "5", "[]]", '{"form": 2}', '{"form": 2, "places": [3], "odds": []}']
)
def test_a_damaged_calibration_in_a_store_is_told(tmp_path, stored):
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll_embeddings(np.eye(4, dtype=np.float32), pids=list("abcd"))
        with gallery._store.connection.writing() as sqlite:
            sqlite.execute("UPDATE generations SET calibration = ?", (stored,))
        with pytest.raises(StoreDamagedError, match=r"calibration .* calibrate --store"):
            gallery.query_embeddings(np.eye(4, dtype=np.float32))


@pytest.mark.parametrize(
    "options", [{"pooling": "centroid"}, {"pooling": "mean"}, {"pooling": "mean", "as_one": True}]
)
def test_scores_that_were_not_calibrated_are_not_decided_on(
    tmp_path, crops, tiny_calibrated, options
):
    with Gallery.open(tmp_path / "store", model=tiny_calibrated) as gallery:
        gallery.enroll([crops])
        pictures = [crops / "p0" / "0.png", crops / "p0" / "1.png"]
        for answer in gallery.query(pictures, **options):
            assert (answer.known, answer.threshold, answer.probability) == (None, None, None)
            assert answer.matches


def test_several_pictures_asked_as_one_are_decided_on_with_a_threshold_of_their_own(
    tmp_path, crops, tiny_calibrated
):
    with Gallery.open(tmp_path / "store", model=tiny_calibrated) as gallery:
        gallery.enroll([crops])
        pictures = [crops / "p0" / f"{n}.png" for n in range(4)]
        (both,) = gallery.query(pictures, as_one=True, fpir=0.05)
        (single,) = gallery.query(pictures[:1], fpir=0.05)
        assert both.known is True
        assert both.threshold == pytest.approx(single.threshold * math.sqrt(4 / (1 + 3 * 0.99)))
        (again,) = gallery.query([*pictures, *pictures[:3], pictures[0]], as_one=True, fpir=0.05)
        assert (again.threshold, len(again.query)) == (both.threshold, 8)
        assert again.matches[0].score == pytest.approx(both.matches[0].score, abs=1e-6)


def test_the_threshold_is_of_what_the_filter_lets_through(tmp_path, crops, tiny_calibrated):
    with Gallery.open(tmp_path / "store", model=tiny_calibrated) as gallery:
        gallery.enroll([crops / "p0"], camera="a")
        gallery.enroll([crops / f"p{n}" for n in range(1, 6)], camera="b")
        asked = [crops / "p0" / "0.png"]
        everyone = gallery.query(asked, fpir=0.05)[0]
        alone = gallery.query(asked, fpir=0.05, cameras=["a"])[0]
        nobody = gallery.query(asked, fpir=0.05, cameras=["c"])[0]
        assert alone.threshold < everyone.threshold
        assert (nobody.known, nobody.probability, nobody.matches) == (False, None, ())


def test_a_minimal_score_above_the_best_match_leaves_it_unknown(tmp_path, crops, tiny_calibrated):
    with Gallery.open(tmp_path / "store", model=tiny_calibrated) as gallery:
        gallery.enroll([crops / "p0"])
        (answer,) = gallery.query([crops / "p5" / "0.png"], min_score=0.9999)
        assert (answer.known, answer.probability, answer.matches) == (False, None, ())

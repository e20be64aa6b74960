"""Who names a camera that the gallery doesn't know is told so, and answered all the same."""

import logging

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reid_gallery.gallery import cameras
from reid_gallery.gallery.facade import Gallery

ROWS = np.eye(24, dtype=np.float32)


@pytest.fixture
def gallery(tmp_path):
    with Gallery.open(tmp_path / "store") as opened:
        yield opened


def enroll(gallery, cameras):
    rows = ROWS[: len(cameras)]
    pids = [f"p{n}" for n in range(len(cameras))]
    gallery.enroll_embeddings(rows, pids=pids, cameras=cameras)


def warnings_of(caplog, gallery, **filters):
    caplog.clear()
    gallery.query_embeddings(ROWS[:1], **filters)
    assert all(record.name == "reid_gallery" for record in caplog.records)
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("option", ["cameras", "not_cameras"])
def test_what_is_said(gallery, caplog, option):
    enroll(gallery, [None])
    assert warnings_of(caplog, gallery, **{option: ["door"]}) == [
        "no sighting is of camera 'door'; none has a camera"
    ]
    gallery.enroll_embeddings(ROWS[1:3], pids=["a", "b"], cameras=["door", "7"])
    assert warnings_of(caplog, gallery, **{option: ["door", "7"]}) == []
    assert warnings_of(caplog, gallery, **{option: ["dor", "7", "8", "dor"]}) == [
        "no sighting is of camera 'dor' or '8'; there are door, 7"
    ]


def test_a_number_is_a_name_as_when_it_was_enrolled(gallery, caplog):
    gallery.enroll_embeddings(ROWS[:2], pids=[0, 1], cameras=[7, np.int64(8)])
    assert warnings_of(caplog, gallery, cameras=[7, np.int64(8)], not_cameras=[8]) == []
    (answer,) = gallery.query_embeddings(ROWS[:1], cameras=[7, np.int64(8)], not_cameras=[8])
    assert [match.pid for match in answer.matches] == ["0"]


def test_of_many_cameras_some_are_named_the_like_ones_first(gallery, caplog):
    enroll(gallery, [f"hall-{n:02}" for n in range(23)] + ["yard"])
    (said,) = warnings_of(caplog, gallery, cameras=["yrad"])
    assert said.endswith(
        "there are yard, hall-00, hall-01, hall-02, hall-03, hall-04, hall-05, hall-06, hall-07, "
        "hall-08 and 14 more"
    )


def test_an_empty_gallery_knows_none(gallery, caplog):
    assert len(warnings_of(caplog, gallery, not_cameras=["door"])) == 1
    assert warnings_of(caplog, gallery) == []


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seen=st.lists(st.sampled_from(["a", "b", "A", "ä", "1", None]), min_size=1, max_size=6),
    named=st.lists(st.sampled_from(["a", "b", "A", "ä", "1", "1.0", "", "\udcff"]), min_size=1),
)
def test_warned_of_are_those_that_select_nobody(tmp_path_factory, caplog, seen, named):
    with (
        Gallery.open(tmp_path_factory.mktemp("store")) as gallery,
        caplog.at_level(logging.WARNING),
    ):
        enroll(gallery, seen)
        for camera in named:
            warned = warnings_of(caplog, gallery, cameras=[camera])
            (answer,) = gallery.query_embeddings(ROWS[:1], cameras=[camera])
            assert bool(warned) == (not answer.matches) == (camera not in seen)


def test_a_known_camera_is_looked_for_once_and_again_after_a_removal(gallery, caplog, monkeypatch):
    looked = []
    has_camera = cameras.has_camera
    monkeypatch.setattr(cameras, "has_camera", lambda s, c: looked.append(c) or has_camera(s, c))
    enroll(gallery, ["door", "gate"])
    for _ in range(3):
        assert warnings_of(caplog, gallery, cameras=["gate"]) == []
    assert looked == ["gate"]
    gallery.remove(pid="p1")
    gallery.query_embeddings(ROWS[:1])
    (said,) = warnings_of(caplog, gallery, cameras=["gate"])
    assert said.startswith("no sighting is of camera 'gate'")

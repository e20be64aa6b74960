"""Whatever is given as a label or picture can be stored and read again, or is refused."""

import os
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from reid_gallery.gallery.errors import (
    ConflictError,
    EmbeddingError,
    LabelError,
    PictureError,
    QueryError,
)
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.gallery.types import Failure

ROW = np.eye(16, dtype=np.float32)[:1]
BEFORE_ALL = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))


@pytest.fixture
def gallery(tmp_path):
    with Gallery.open(tmp_path / "store") as opened:
        opened.enroll_embeddings(np.eye(16, dtype=np.float32)[5:7], pids=["a", "b"])
        yield opened


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"pids": [""]}, "pid is empty"),
        ({"pids": [" \n"]}, "pid is empty"),
        ({"pids": [None]}, "pid is empty"),
        ({"pids": ["p "]}, "'p ' begins or ends with a blank"),
        ({"pids": ["p"], "cameras": [" c1"]}, "the camera ' c1' begins or ends with a blank"),
        ({"pids": ["p"], "tracklets": ["7\t"]}, "the tracklet .* begins or ends with a blank"),
        ({"pids": [float("nan")]}, "must be text"),
        ({"pids": [b"bytes"]}, "must be text"),
        ({"pids": ["a\0b"]}, "NUL"),
        ({"pids": ["\udcff"]}, "not Unicode"),
        ({"pids": ["p"], "cameras": ["\udcff"]}, "camera"),
        ({"pids": ["p"], "tracklets": [2.5]}, "tracklet"),
        ({"pids": ["p"], "times": [BEFORE_ALL]}, "years"),
        ({"pids": ["p"], "times": ["2026-05-01"]}, "datetime"),
        ({"pids": "p"}, "pids are a list, not one text"),
        ({"pids": ["p"], "cameras": "c"}, "cameras are a list, not one text"),
    ],
)
def test_labels_that_cannot_be_stored_are_refused(gallery, labels, words):
    with pytest.raises(LabelError, match=words):
        gallery.enroll_embeddings(ROW, **labels)
    assert [person.pid for person in gallery.identities()] == ["a", "b"]


@pytest.mark.parametrize("pid", ["", "x\0y", "\udcff", "b ", "\tb"])
def test_nobody_is_renamed_or_split_to_such_a_name(gallery, pid):
    with pytest.raises(LabelError):
        gallery.rename("a", pid)
    with pytest.raises(LabelError):
        gallery.split([1], to=pid)


@pytest.mark.parametrize(
    "pid",
    ["two\nlines", "[red]x[/red]", "--yes", "Łukasz 名前 \U0001f9cd", "x" * 100_000, "a, 'b'\""],
)
def test_any_other_text_is_a_pid_and_a_camera(gallery, pid):
    gallery.enroll_embeddings(ROW, pids=[pid], cameras=[pid], times=[datetime(9999, 12, 31)])
    person, (sighting,) = gallery.identity(pid)
    assert (person.pid, person.cameras, sighting.camera) == (pid, (pid,), pid)
    assert gallery.query_embeddings(ROW, k=1, cameras=[pid])[0].pid == pid
    gallery.rename(pid, "plain")
    gallery.undo()
    assert gallery.remove(pid=pid).identities == (pid,)


def test_numbers_are_names_too(gallery):
    gallery.enroll_embeddings(ROW, pids=np.array([7]), cameras=np.array([3]), tracklets=[9])
    person, (sighting,) = gallery.identity("7")
    assert (person.cameras, sighting.tracklet) == (("3",), "9")


def test_empty_and_uneven_inputs(gallery, tmp_path):
    with Gallery.open(tmp_path / "new") as new:
        with pytest.raises(EmbeddingError, match="float32"):
            new.enroll_embeddings(np.empty((0, 0), np.float32), pids=[])
        new.enroll_embeddings(ROW, pids=["a"])
    assert gallery.query_embeddings(ROW[:0]) == []
    assert gallery.enroll_embeddings(ROW[:0], pids=[]).enrolled == ()
    for names in ([], ["one", "two"]):
        with pytest.raises(EmbeddingError, match="names"):
            gallery.query_embeddings(ROW, names=names)
    with pytest.raises(QueryError, match="list of names"):
        gallery.query_embeddings(ROW, cameras="cam1")
    for what in ({}, {"pid": "a", "sighting_ids": [2]}):
        with pytest.raises(ConflictError, match="name a person to remove"):
            gallery.remove(**what)
    assert gallery.query_embeddings(ROW, k=10**30)[0].matches[1].pid == "b"


# -- pictures ----------------------------------------------------------------------------------


def test_the_same_array_twice_is_skipped_or_a_conflict(tmp_path, tiny_model, crops):
    one, two = (read_crop(crops / f"p{n}" / "0.png") for n in range(2))
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        report = gallery.enroll_crops([one, two, one, one], pids=["a", "b", "a", "c"])
        assert (len(report.enrolled), len(report.skipped)) == (2, 1)
        assert [(c.pid, c.enrolled_as, c.sighting_id) for c in report.conflicting] == [
            ("c", "a", 1)
        ]
        report = gallery.enroll_crops([two, one], pids=["x", "a"])
        assert (len(report.enrolled), len(report.skipped)) == (0, 1)
        assert [(c.pid, c.enrolled_as) for c in report.conflicting] == [("x", "b")]


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_an_array_that_is_no_crop_is_a_failure_in_its_place(tmp_path, tiny_model, crops, array):
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        gallery.enroll([crops])
        answers = list(gallery.query_each([array, crops / "p1" / "0.png"]))
        assert isinstance(answers[0], Failure)
        assert answers[1].pid == "p1"
        with pytest.raises(PictureError, match="uint8"):
            gallery.compare(array, array)


def test_a_picture_whose_labels_cannot_be_stored_does_not_stop_the_others(
    tmp_path, tiny_model, crops, monkeypatch
):
    manifest = tmp_path / "people.csv"
    manifest.write_text(f"path,pid\n{crops}/p0/0.png,a\0b\n{crops}/p1/0.png,good\n")
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        report = gallery.enroll(manifest=manifest)
        assert len(report.enrolled) == 1
        assert "NUL" in report.failed[0].reason
        here = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
        here.mkdir()
        shutil.copy(crops / "p2" / "0.png", here / "a.png")
        monkeypatch.chdir(here)
        report = gallery.enroll(["a.png", str(crops / "p3")], pid="x")
        assert len(report.enrolled) == 4
        assert "not Unicode" in report.failed[0].reason
        report.failed[0].reason.encode()


def test_an_empty_camera_or_tracklet_is_none(gallery):
    gallery.enroll_embeddings(ROW, pids=["p"], cameras=[""], tracklets=[""])
    _, (sighting,) = gallery.identity("p")
    assert (sighting.camera, sighting.tracklet) == (None, None)

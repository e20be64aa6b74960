from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reid_gallery.gallery.errors import LayoutError, StoreError
from reid_gallery.gallery.facade import Gallery
from reid_gallery.train.sources import check_source, name_layout, read_source
from reid_gallery.train.splitting import split_people


def paint(path: Path, colour: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 32), (colour, 10, 10)).save(path)
    return path


# -- folders and manifests -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "names", "cameras"),
    [
        ("market1501", ["0000_c1s1_000001_01.jpg", "0002_c3s1_000451_03.jpg"], {"0:c3"}),
        ("grid", ["0000_2_1_1_1_1_1.jpg", "0002_3_1_1_1_1_1.jpg"], {"0:3"}),
    ],
)
def test_distractors_are_nobody(tmp_path, layout, names, cameras):
    for name in names:
        paint(tmp_path / name)
    reading = read_source(tmp_path, layout)
    assert [p.pid for p in reading.pictures] == ["0002"]
    assert ["distractor" in reason for _, reason in reading.ignored] == [True]
    for number in (3, 4):
        paint(tmp_path / names[1].replace("0002", f"000{number}"))
    split = split_people([(tmp_path, layout)], validation_share=0, seed=0)
    assert {p.person for p in split.training} == {"0:0002", "0:0003", "0:0004"}
    assert {p.camera for p in split.training} == cameras


def test_a_folder_named_0000_is_a_person(tmp_path):
    paint(tmp_path / "0000" / "a.jpg")
    assert [p.pid for p in read_source(tmp_path, "folders").pictures] == ["0000"]


def test_what_cannot_be_a_source(tmp_path):
    check_source(tmp_path, "lpw")
    for place, layout, reason in [
        (tmp_path / "gone", "lpw", "gone: no such folder or manifest"),
        (tmp_path, "lwp", "layout 'lwp' is unknown"),
        (paint(tmp_path / "a.jpg"), "folders", "neither a folder nor a manifest"),
    ]:
        with pytest.raises(LayoutError, match=reason):
            check_source(place, layout)


# -- a gallery -------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    """A gallery of four people with a picture each by two cameras."""
    for at, pid in enumerate("abcd"):
        for number in (1, 2):
            paint(tmp_path / "crops" / pid / f"{number}.jpg", 50 * at + 10 * number)
    with Gallery.open(tmp_path / "store") as gallery:
        for number in (1, 2):
            pattern = str(tmp_path / "crops" / "*" / f"{number}.jpg")
            gallery.enroll([pattern], camera=f"cam{number}")
    return tmp_path / "store"


def test_a_gallerys_people_are_its_identities_as_corrected(store, tmp_path):
    with Gallery.open(store) as gallery:
        gallery.rename("a", "anna")
        gallery.merge("c", "d")
    reading = read_source(store, "folders")
    assert reading.failed == []
    assert name_layout(store, "folders") == "gallery"
    found = {(p.path.parent.name, p.pid, p.camera) for p in reading.pictures}
    kept = {q.pid for q in reading.pictures}
    assert "anna" in kept
    assert len(kept) == 3
    assert ("a", "anna", "cam1") in found
    assert len(found) == 8


def test_pictures_that_are_gone_or_changed_are_not_trained_on(store, tmp_path):
    paint(tmp_path / "crops" / "a" / "1.jpg", 255)
    (tmp_path / "crops" / "b" / "2.jpg").unlink()
    reading = read_source(store, "folders")
    assert len(reading.pictures) == 6
    reasons = sorted(reason for _, reason in reading.failed)
    assert "a/1.jpg: changed since it was enrolled" in reasons[0]
    assert "b/2.jpg: no such file" in reasons[1]
    split = split_people([(store, "folders")], validation_share=0, seed=0)
    assert len({p.person for p in split.training}) == 4
    assert sorted(split.left_out) == reasons


def test_sightings_without_pictures(tmp_path):
    with Gallery.open(tmp_path / "store") as gallery:
        vectors = np.eye(3, dtype=np.float32)
        gallery.enroll_embeddings(vectors, pids=["a", "b", "c"])
    reading = read_source(tmp_path / "store", "folders")
    assert reading.pictures == []
    assert [r.endswith("was enrolled without a picture") for _, r in reading.failed] == [True] * 3


def test_a_damaged_gallery_is_told(tmp_path):
    (tmp_path / "gallery.sqlite3").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError):
        read_source(tmp_path, "folders")

"""The audit as a whole: on a store with pictures, on one without, and through the command line."""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reid_gallery import Gallery
from reid_gallery.cli import run
from reid_gallery.gallery.figures import draw_figures
from reid_gallery.gallery.health.findings import Kind
from reid_gallery.gallery.health.mending import Mending
from reid_gallery.gallery.health.spoiling import save_again, spoil
from reid_gallery.gallery.pictures.quality import measure_quality
from reid_gallery.gallery.store.directory import default_store

AWKWARD = "-it's; $HOME `x`"


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def external(tmp_path):
    """A store of vectors without pictures: 30 people, two cameras; 4 given away, one doubled."""
    random = np.random.default_rng(0)
    owner = np.repeat(np.arange(30), 8)
    vectors = unit(unit(random.normal(size=(30, 32)))[owner] + random.normal(0, 0.08, (240, 32)))
    pids = [AWKWARD if person == 5 else f"p{person}" for person in owner]
    for row, to in ((8, AWKWARD), (100, "p1"), (177, "p2")):
        pids[row] = to
    vectors[239] = vectors[238]
    cameras = [f"c{n % 2}" for n in range(240)]
    with Gallery.open(tmp_path / "a store") as gallery:
        gallery.enroll_embeddings(vectors, pids=pids, cameras=cameras)
        gallery.enroll_embeddings(unit(random.normal(size=(1, 32))), pids=["once"], cameras=["c0"])
    return tmp_path / "a store"


def test_without_pictures_wrong_sightings_and_equal_vectors_are_found(external):
    with Gallery.open(external) as gallery:
        before = gallery.history()
        report = gallery.audit()
        assert gallery.history() == before
    assert report.checked == 241
    assert not report.pictures_read
    wrong = [f for f in report.findings if f.kind == Kind.wrong_person]
    assert sorted(s.id for f in wrong for s in f.sightings) == [9, 101, 178]
    assert {f.pids for f in wrong} == {(AWKWARD, "p1"), ("p1", "p12"), ("p2", "p22")}
    (twin,) = [f for f in report.findings if f.kind == Kind.same_picture]
    assert {s.id for s in twin.sightings} | {m.sighting.id for m in twin.beside} == {239, 240}
    little = [f.pids for f in report.findings if f.kind == Kind.seen_little]
    assert little == [("once",)]
    chances = [f.chance or 0 for f in report.findings]
    assert chances == sorted(chances, reverse=True)


def test_of_one_person_nothing_can_be_suspected(tmp_path, capsys):
    store = tmp_path / "store"
    with Gallery.open(store) as gallery:
        cameras = ["a", "b"]
        gallery.enroll_embeddings(np.eye(2, 8, dtype=np.float32), pids=["x"] * 2, cameras=cameras)
    assert run(["audit", "--store", str(store)]) == 0
    out = capsys.readouterr().out
    assert "of one person, so that nobody can be told from others); nothing suspected" in out


def test_the_commands_mend_what_was_found(external, capsys):
    assert run(["audit", "--json", "--store", str(external)]) == 0
    *found, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert summary["schema"] == "reid-gallery/audit/1"
    assert summary["findings"] == len(found)
    for finding in found:
        if finding["command"] is not None:
            program, *arguments = shlex.split(finding["command"])
            assert program == "reid-gallery"
            more = ["--yes"] if arguments[0] == "remove" else []
            assert run([*arguments, *more]) == 0, finding
    with Gallery.open(external) as gallery:
        kinds = {finding.kind for finding in gallery.audit().findings}
    assert kinds == {Kind.seen_little}


def test_commands_survive_any_name():
    place = Path("/a b/it's")
    mending = Mending(place)
    words = shlex.split(mending.merge("-a", "b'c"))
    assert words == ["reid-gallery", "merge", f"--store={place}", "--", "-a", "b'c"]
    assert shlex.split(mending.split([1, 2], "-x"))[1:5] == ["split", "1", "2", "--to=-x"]
    assert "--sighting=7" in shlex.split(mending.remove(7))


def test_commands_name_the_default_store_where_others_would_be_taken(monkeypatch):
    monkeypatch.delenv("REID_GALLERY_STORE", raising=False)
    usual = Mending(default_store().absolute())
    assert usual.remove(7) == "reid-gallery remove --sighting=7"
    monkeypatch.setenv("REID_GALLERY_STORE", "/elsewhere")
    assert f"--store={default_store().absolute()}" in Mending(default_store().absolute()).remove(7)


def test_pictures_saved_twice_are_found(tmp_path, tiny_model):
    drawn = draw_figures(tmp_path / "drawn", people=8, cameras=2, per_camera=2, seed=0)
    again = {}
    for first in (drawn[0].path, drawn[4].path, drawn[12].path):
        later = first.with_name("saved again.jpg")
        Image.fromarray(save_again(np.asarray(Image.open(first)))).save(later, quality=90)
        again[str(later.absolute())] = str(first.absolute())
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        gallery.enroll([drawn[0].path.parent.parent])
        report = gallery.audit()
    assert report.pictures_read == 35
    twins = [f for f in report.findings if f.kind == Kind.same_picture]
    # Both are of the right person, so the one that was saved again goes.
    assert {f.sightings[0].path: f.beside[0].sighting.path for f in twins} == again


def test_a_picture_that_is_gone_is_told_and_stops_nothing(tmp_path, crops, tiny_model, capsys):
    store = tmp_path / "store"
    with Gallery.open(store, model=tiny_model) as gallery:
        gallery.enroll([crops])
    (crops / "p0" / "0.png").unlink()
    sheet = tmp_path / "sheet.png"
    assert run(["audit", "--store", str(store), "--sheet", str(sheet)]) == 3
    out = capsys.readouterr().out
    assert "24 sightings compared, 23 pictures read" in out
    assert "0.png: no such file" in out
    assert sheet.exists()
    assert run(["audit", "--store", str(store), "--no-pictures"]) == 0


def test_a_picture_that_became_another_says_nothing_of_what_was_enrolled(
    tmp_path, crops, tiny_model
):
    live = tmp_path / "live.png"
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        gallery.enroll([crops])
        for number in range(3):  # a camera that writes its newest picture over the last
            shutil.copy(crops / "p0" / f"{number}.png", live)
            with Image.open(live) as picture:
                picture.convert("RGB").rotate(7).save(live)
            gallery.enroll([live], pid="p0")
        report = gallery.audit()
    assert [Path(failure.path) for failure in report.unread] == [live, live]
    assert "changed since it was enrolled" in report.unread[0].reason
    twins = [f for f in report.findings if f.kind == Kind.same_picture]
    assert not [f for f in twins if f.sightings[0].path == f.beside[0].sighting.path]


def test_an_empty_gallery_is_all_well(tmp_path, capsys):
    Gallery.open(tmp_path / "store").close()
    assert run(["audit", "--store", str(tmp_path / "store")]) == 0
    assert "all well" in capsys.readouterr().out


def test_quality_by_hand():
    flat = measure_quality(np.full((256, 128, 3), 90, np.uint8))
    assert (flat.sharpness, flat.contrast, flat.height, flat.width) == (0, 0, 256, 128)
    halves = np.zeros((256, 128, 3), np.uint8)
    halves[:, :64] = 255
    seen = measure_quality(halves)
    assert seen.contrast == pytest.approx(0.5)
    # Of 126 inner columns one is at -255 and one at 255: variance 2 * 255^2 / 126.
    assert seen.sharpness == pytest.approx(2 * 255**2 / 126, rel=1e-5)


def test_spoiling_lowers_what_it_should_lower():
    picture = np.random.default_rng(0).integers(0, 256, (128, 64, 3), dtype=np.uint8)
    whole = measure_quality(picture)
    shrunk, blurred, faded, cut, cut_above = (
        measure_quality(spoil(picture, way, 0.6)) for way in range(1, 6)
    )
    assert shrunk.height < whole.height
    assert shrunk.sharpness < whole.sharpness
    assert blurred.sharpness < whole.sharpness / 4
    assert faded.contrast < whole.contrast / 2
    assert cut.height == cut_above.height < whole.height
    np.testing.assert_array_equal(spoil(picture, 0, 1.0), picture)

"""The command: a model file with its calibration, and a gallery with its own."""

import csv
import json
import shutil
import sqlite3

import numpy as np
import pytest
from PIL import Image
from reid_gallery.cli import run
from reid_gallery.gallery.calibration.data import read_people
from reid_gallery.gallery.decision import parse_calibration
from reid_gallery.gallery.errors import ConflictError, LayoutError
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.extractor.models import use_model
from reid_gallery.gallery.facade import Gallery


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A manifest of 24 people of random stripes: 2 cameras, 2 pictures each; some are stray."""
    folder = tmp_path_factory.mktemp("people")
    random = np.random.default_rng(0)
    rows = []
    for number in range(24):
        stripes = random.integers(0, 256, (8, 4, 3))
        for camera in range(2):
            for variant in range(2):
                noisy = stripes + random.normal(0, 60, stripes.shape)
                pixels = np.clip(noisy, 0, 255).astype(np.uint8).repeat(8, 0).repeat(8, 1)
                path = folder / f"{number}-{camera}-{variant}.png"
                Image.fromarray(pixels).save(path)
                rows.append([path.name, f"p{number}", f"c{camera}", "here"])
    manifest = folder / "people.csv"
    with manifest.open("w", newline="") as file:
        csv.writer(file).writerows([["path", "pid", "camera", "source"], *rows])
    return manifest


@pytest.fixture(scope="module")
def store(tmp_path_factory, people, tiny_model):
    root = tmp_path_factory.mktemp("gallery") / "store"
    with Gallery.open(root, model=tiny_model) as gallery:
        gallery.enroll(manifest=people)
    return root


def stored_calibration(store):
    sqlite = sqlite3.connect(store / "gallery.sqlite3")
    try:
        return sqlite.execute("SELECT calibration FROM generations").fetchone()[0]
    finally:
        sqlite.close()


def test_a_model_is_written_anew_with_its_calibration(tmp_path, people, tiny_model, capsys):
    out = tmp_path / "calibrated.onnx"
    assert run(["calibrate", str(tiny_model), str(people), "--out", str(out)]) == 0
    assert "calibrated on 24 people" in capsys.readouterr().out
    found = parse_calibration(Extractor.load(out).spec.calibration)
    assert found.places[0].people == 24
    assert Extractor.load(tiny_model).spec.calibration is None


def test_a_gallery_is_calibrated_on_its_own_people_without_embedding(
    tmp_path, store, tiny_model, people, capsys
):
    own = shutil.copytree(store, tmp_path / "store")
    picture = people.parent / "0-0-0.png"
    with Gallery.open(own, model=tiny_model) as gallery:
        assert gallery.query([picture])[0].known is None
        assert gallery.query([picture])[0].probability is None
    assert run(["calibrate", "--store", str(own), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == "reid-gallery/calibration/1"
    assert json.loads(stored_calibration(own)) == {k: record[k] for k in record if k != "schema"}
    with Gallery.open(own) as gallery:
        answer = gallery.query([picture], fpir=0.1)[0]
        assert (answer.known, answer.pid) == (True, "p0")
        assert answer.probability > 0.5
        assert gallery.stats().sightings == 96
        assert gallery.verify().sound


def test_a_calibration_is_a_change_that_can_be_undone(tmp_path, store, people, capsys):
    own = shutil.copytree(store, tmp_path / "store")
    assert run(["calibrate", "--store", str(own)]) == 0
    assert "24 people are few to learn this from" in capsys.readouterr().err
    first = stored_calibration(own)
    fewer = people.with_name("fewer.csv")
    lines = people.read_text().splitlines(keepends=True)
    fewer.write_text("".join(line for line in lines if ",p0," not in line))
    assert run(["calibrate", "--store", str(own), str(fewer)]) == 0
    second = stored_calibration(own)
    with Gallery.open(own) as gallery:
        again, once, *_ = gallery.history()
        assert (once.kind, once.summary) == ("calibrate", "calibrated on 24 people")
        with pytest.raises(ConflictError, match="calibrated again"):
            gallery.undo(once.seq)
        undone = gallery.undo()
        assert stored_calibration(own) == first != second
        gallery.undo(undone.seq)
        assert stored_calibration(own) == second
        gallery.undo(again.seq)
        gallery.undo()
        assert stored_calibration(own) is None
        assert gallery.query([people.parent / "0-0-0.png"])[0].known is None
        none = gallery.history(limit=1)[0]
        with gallery._store.connection.writing() as sqlite:  # as when its file is named
            sqlite.execute("UPDATE generations SET calibration = ?", (second,))
        gallery.undo(none.seq)
        assert stored_calibration(own) == first


def test_a_calibration_of_a_model_that_was_left_is_not_the_last_change(
    tmp_path, store, people, other_model
):
    own = shutil.copytree(store, tmp_path / "store")
    with Gallery.open(own) as gallery:
        gallery.rename("p0", "anna")
        assert run(["calibrate", "--store", str(own)]) == 0
        gallery.rebuild(model=other_model)
        assert gallery.undo().summary.endswith("renamed p0 to anna")


def test_a_gallery_is_calibrated_on_other_people_by_its_own_model(
    tmp_path, store, people, tiny_model
):
    own = shutil.copytree(store, tmp_path / "store")
    out = tmp_path / "calibrated.onnx"
    assert run(["calibrate", "--store", str(own), str(people)]) == 0
    assert run(["calibrate", str(tiny_model), str(people), "--out", str(out)]) == 0
    assert json.loads(stored_calibration(own)) == Extractor.load(out).spec.calibration


def test_whom_a_manifest_says_to_have_been_trained_on_is_left_out(
    tmp_path, people, tiny_model, capsys
):
    with people.open() as file:
        header, *rows = csv.reader(file)
    manifest = tmp_path / "all.csv"
    with manifest.open("w", newline="") as file:
        parts = [str(people.parent / row[0]) for row in rows]
        csv.writer(file).writerows(
            [[*header, "split"]]
            + [[p, *r[1:], "training"] for p, r in zip(parts, rows, strict=True)]
        )
    out = tmp_path / "out.onnx"
    assert run(["calibrate", str(tiny_model), str(manifest), "--out", str(out)]) == 1
    assert "nobody to calibrate on" in capsys.readouterr().err
    assert not out.exists()


def test_a_picture_counts_once_and_is_one_persons(tmp_path, people):
    with people.open() as file:
        header, *rows = csv.reader(file)
    rows = [[str(people.parent / row[0]), *row[1:]] for row in rows]
    manifest = tmp_path / "twice.csv"

    def read(more):
        with manifest.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows, more])
        return read_people([(manifest, "folders")])

    assert len(read(rows[0])) == len(rows)
    with pytest.raises(LayoutError, match="named twice, as p0 of here and as somebody"):
        read([rows[0][0], "somebody", *rows[0][2:]])


def test_default_is_the_shipped_model_whatever_is_chosen(tmp_path, people, tiny_model, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    use_model(tiny_model)
    out = tmp_path / "out.onnx"
    assert run(["calibrate", "default", str(people), "--out", str(out)]) == 0
    shipped = Extractor.load(resolve_model("default")).spec
    assert Extractor.load(out).spec.name == shipped.name


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["MODEL", "PEOPLE"], 2, "--out belong together"),
        (["--out", "x.onnx"], 2, "--out belong together"),
        (["MODEL", "--out", "x.onnx"], 2, "DATA is missing"),
        (["MODEL", "PEOPLE", "--out", "MODEL"], 1, "exists already; name another file with --out"),
        (["MODEL", "PEOPLE", "--out", "no/x.onnx"], 1, "is no folder"),
        (["MODEL", "nowhere", "--out", "x.onnx"], 1, "nowhere"),
        (["--store", "nowhere"], 1, "no store here"),
    ],
)
def test_mistakes_are_told_in_a_line(
    tmp_path, monkeypatch, people, tiny_model, capsys, arguments, code, words
):
    monkeypatch.chdir(tmp_path)
    names = {"MODEL": str(tiny_model), "PEOPLE": str(people)}
    assert run(["calibrate", *(names.get(a, a) for a in arguments)]) == code
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pids", "words"),
    [("aabbcc", "3 people were seen"), ("aabcde", "1 person was seen"), ("ab", "0 people were")],
)
def test_a_gallery_of_few_people_is_told(tmp_path, capsys, pids, words):
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll_embeddings(np.eye(len(pids), 6, dtype=np.float32), pids=list(pids))
    assert run(["calibrate", "--store", str(tmp_path / "store")]) == 1
    assert words in capsys.readouterr().err

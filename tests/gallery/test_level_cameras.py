"""`model level` on data sets and on a gallery, as a user calls it."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from reid_gallery.cli import run
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.pictures.read import read_crop

PEOPLE = 30


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """30 people as two cameras see them, one of which is redder; one person more is held out."""
    folder = tmp_path_factory.mktemp("cameras")
    random = np.random.default_rng(0)
    rows = []
    for number in range(PEOPLE + 1):
        stripes = random.integers(0, 200, (8, 4, 3))
        for camera, tint in (("hall", (0, 0, 0)), ("yard", (55, 0, 0))):
            path = folder / f"{number}-{camera}.png"
            pixels = (stripes + tint).astype(np.uint8).repeat(8, 0).repeat(8, 1)
            Image.fromarray(pixels).save(path)
            part = "training" if number < PEOPLE else "validation"
            rows.append([path.name, f"p{number}", camera, "here", part])
    with (folder / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "pid", "camera", "source", "split"], *rows])
    return folder / "people.csv"


def across(model, manifest):
    """Mean score of a person's two pictures."""
    extractor = Extractor.load(model)
    hall, yard = (
        extractor.embed(read_crop(manifest.parent / f"{n}-{camera}.png") for n in range(PEOPLE))
        for camera in ("hall", "yard")
    )
    return float((hall * yard).sum(1).mean())


def test_on_data_sets(manifest, tiny_model, tmp_path, capsys):
    out = tmp_path / "l.onnx"
    assert run(["model", "level", str(tiny_model), str(manifest), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert f"tiny-0-levelled, levelled on 2 cameras ({2 * PEOPLE} pictures)" in said
    assert f"reid-gallery calibrate {out} PEOPLE" in said
    assert across(out, manifest) > across(tiny_model, manifest) + 0.01
    assert run(["model", "check", str(out)]) == 0


def test_cameras_of_two_data_sets_are_two_whatever_they_are_called(
    manifest, tiny_model, tmp_path, capsys
):
    data = []
    for camera in ("hall", "yard"):
        data.append(manifest.parent / f"only-{camera}.csv")
        with data[-1].open("w", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(["path", "pid", "camera"])
            lines.writerows([[f"{n}-{camera}.png", f"p{n}", "c1"] for n in range(PEOPLE)])
    command = ["model", "level", str(tiny_model), *map(str, data), "--out"]
    assert run([*command, str(tmp_path / "l.onnx")]) == 0
    assert "on 2 cameras" in capsys.readouterr().out


def test_on_a_gallery(manifest, tiny_model, tmp_path, capsys):
    store, out = tmp_path / "store", tmp_path / "l.onnx"
    with Gallery.open(store, model=tiny_model) as gallery:
        gallery.enroll(manifest=manifest)
    assert run(["model", "level", "--store", str(store), "--out", str(out)]) == 0
    assert f"on 2 cameras ({2 * PEOPLE + 2} pictures)" in capsys.readouterr().out
    assert across(out, manifest) > across(tiny_model, manifest) + 0.01
    assert run(["rebuild", "--store", str(store), "--model", str(out)]) == 0
    capsys.readouterr()
    query = str(manifest.parent / "3-yard.png")
    asked = ["query", query, "--camera", "hall", "--store", str(store), "--json"]
    assert run(asked) == 0
    assert json.loads(capsys.readouterr().out)["matches"][0]["pid"] == "p3"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["default"], 2, "DATA is missing"),
        (["default", "no.csv"], 1, "no.csv"),
        (["--store", "none"], 1, "none"),
    ],
)
def test_what_is_refused(arguments, code, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["model", "level", *arguments, "--out", "l.onnx"]) == code
    assert told in capsys.readouterr().err
    assert not (tmp_path / "l.onnx").exists()


def test_a_folder_without_cameras_is_refused(crops, tiny_model, tmp_path, capsys):
    command = ["model", "level", str(tiny_model), str(crops), "--out", str(tmp_path / "l.onnx")]
    assert run(command) == 1
    assert "pictures by camera: none" in capsys.readouterr().err

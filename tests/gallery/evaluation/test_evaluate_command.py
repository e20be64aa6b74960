"""``reid-gallery evaluate``, as typed."""

import json
import shutil
from hashlib import sha256

import numpy as np
import pytest
import typer
from PIL import Image
from reid_gallery import Gallery
from reid_gallery.cli import build_app, run


@pytest.fixture
def evaluate(capsys, monkeypatch):
    """Run it; return exit code, stdout and stderr."""
    monkeypatch.delenv("REID_GALLERY_STORE", raising=False)

    def evaluate(*arguments):
        code = run(["evaluate", *map(str, arguments)])
        return code, *capsys.readouterr()

    return evaluate


def test_a_folder_of_people_is_asked_all_to_all(evaluate, tiny_model, crops):
    code, out, err = evaluate(tiny_model, crops)
    assert (code, err) == (0, "")
    assert out.startswith("tiny-0 on all-to-all: every picture asks")
    assert "24 valid queries, 0 skipped, gallery of 24 pictures" in out
    assert "mAP                     100.0%" in out


def test_models_are_compared_and_summed_up(evaluate, tiny_model, other_model, crops):
    code, out, _ = evaluate(tiny_model, other_model, "--protocol", "all-to-all", "--data", crops)
    assert code == 0
    assert "tiny-1 less tiny-0, in percentage points, same queries:" in out
    assert "| all-to-all | tiny-1 |" in out


def test_json_is_an_object_a_model(evaluate, tiny_model, other_model, crops):
    code, out, _ = evaluate(tiny_model, other_model, crops, "--pairs", "--rerank", "--json")
    first, reranked, second, _ = map(json.loads, out.splitlines())
    assert code == 0
    assert first["schema"] == "reid-gallery/evaluate/1"
    assert set(first["figures"]["map"]) == {"value", "low", "high"}
    assert first["sha256"] == sha256(tiny_model.read_bytes()).hexdigest()
    assert first["reranking"] is None
    assert "differences" not in first
    assert second["compared_with"] == "tiny-0"
    assert [found["pairs"] for found in second["verification"]] == ["coin", "cross-view"]
    assert reranked["reranking"] == {"k1": 20, "k2": 6, "cosine_weight": 0.3}
    assert reranked["model"] == reranked["compared_with"] == "tiny-0"
    assert "verification" not in reranked


def test_reranking_is_compared_with_the_same_model_without(evaluate, tiny_model, crops, tmp_path):
    code, out, _ = evaluate(tiny_model, crops, "--rerank", "--report", tmp_path / "report")
    assert code == 0
    assert "tiny-0, re-ranked less tiny-0, in percentage points, same queries:" in out
    assert "| mAP less the first model's, or its own without re-ranking |" in out


def test_several_protocols_in_one_command(evaluate, tiny_model, crops, tmp_path):
    for camera in ("cam_a", "cam_b"):
        for number, person in enumerate(sorted(crops.iterdir())):
            target = tmp_path / "viper" / camera / f"{number:03}_0.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(person / ("0.png" if camera == "cam_a" else "1.png"), target)
    code, out, _ = evaluate(
        tiny_model, "--protocol", "viper", tmp_path / "viper", "--protocol", "all-to-all", crops
    )
    assert code == 0
    assert "| viper | tiny-0 | 100.0" in out
    assert "| all-to-all | tiny-0 | 100.0" in out


def test_a_cache_saves_the_embedding(evaluate, tiny_model, crops, tmp_path):
    cache = tmp_path / "cache"
    _, first, _ = evaluate(tiny_model, crops, "--cache", cache)
    [kept] = cache.iterdir()
    assert np.load(kept).shape == (24, 24)
    stamp = kept.stat().st_mtime_ns
    _, again, _ = evaluate(tiny_model, crops, "--cache", cache)
    assert first == again
    assert kept.stat().st_mtime_ns == stamp
    picture = next(crops.rglob("*.png"))
    Image.new("RGB", (48, 96)).save(picture)
    evaluate(tiny_model, crops, "--cache", cache)
    assert len(list(cache.iterdir())) == 2  # a changed picture is embedded anew


def test_a_torn_cache_is_told(evaluate, tiny_model, crops, tmp_path):
    evaluate(tiny_model, crops, "--cache", tmp_path / "cache")
    [kept] = (tmp_path / "cache").iterdir()
    kept.write_bytes(b"torn")
    code, _, err = evaluate(tiny_model, crops, "--cache", tmp_path / "cache")
    assert code == 1
    assert "can't be read as embeddings; delete it" in err


def test_a_damaged_cache_is_told(evaluate, tiny_model, crops, tmp_path):
    evaluate(tiny_model, crops, "--cache", tmp_path / "cache")
    [kept] = (tmp_path / "cache").iterdir()
    vectors = np.load(kept)
    vectors[3, 0] = np.nan
    np.save(kept, vectors)
    code, out, err = evaluate(tiny_model, crops, "--cache", tmp_path / "cache")
    assert (code, out) == (1, "")
    assert f"{kept}: damaged, row 3 has length nan, not 1; delete it" in err


@pytest.fixture
def store(tmp_path, tiny_model, crops):
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        for number, person in enumerate(sorted(crops.iterdir())):
            pictures = sorted(person.iterdir())
            gallery.enroll(pictures[:2], pid=f"p{number}", camera="c1")
            gallery.enroll(pictures[2:], pid=f"p{number}", camera="c2")
    return tmp_path / "store"


def test_ones_own_gallery_leaves_the_camera_out(evaluate, store, crops):
    shutil.rmtree(crops)  # stored vectors are enough
    code, out, _ = evaluate("--store", store)
    assert code == 0
    assert "tiny-0 (stored) on store: every sighting asks" in out
    assert "24 valid queries, 0 skipped, gallery of 24 pictures" in out
    _, harder, _ = evaluate("--store", store, "--json")
    _, easier, _ = evaluate("--store", store, "--leave-out", "sighting", "--json")
    assert json.loads(harder)["figures"]["map"]["value"] == 1.0
    assert json.loads(easier)["valid_queries"] == [24]


def test_another_model_is_compared_on_ones_own_gallery(evaluate, store, other_model):
    code, out, _ = evaluate(other_model, "--store", store)
    assert code == 0
    assert "tiny-1 less tiny-0 (stored)" in out


def test_a_picture_that_became_another_is_not_measured(evaluate, store, tiny_model, crops):
    shutil.copy(crops / "p0" / "0.png", crops / "p3" / "1.png")
    assert evaluate("--store", store)[0] == 0  # stored vectors are what they were
    code, _, err = evaluate(tiny_model, "--store", store)
    assert code == 1
    assert "p3/1.png: changed since it was enrolled" in err


def test_a_report_is_a_page_with_pictures(evaluate, tiny_model, other_model, crops, tmp_path):
    for number, noise in enumerate(("p0", "p1")):  # somebody must be confused, to be shown
        Image.new("RGB", (48, 96), (90, 90 + number, 90)).save(crops / noise / "odd.png")
    code, out, err = evaluate(tiny_model, other_model, crops, "--report", tmp_path / "report")
    assert code == 0
    assert err.startswith("report: ")
    page = (tmp_path / "report" / "index.html").read_text()
    pictures = [part.split('"')[0] for part in page.split('src="')[1:]]
    assert len(pictures) == 4 + 2 * 3
    for picture in pictures:
        with Image.open(tmp_path / "report" / picture) as opened:
            assert opened.width > 300
    lines = (tmp_path / "report" / "figures.jsonl").read_text().splitlines()
    assert [json.loads(line)["model"] for line in lines] == ["tiny-0", "tiny-1"]
    assert "cross-view" in page
    assert "verification, coin" in out


def test_a_report_without_errors_is_drawn_without_warnings(
    evaluate, tiny_model, crops, tmp_path, recwarn
):
    code, _, err = evaluate(tiny_model, crops, "--report", tmp_path / "report")
    assert code == 0
    assert err.startswith("report: ")
    assert not recwarn.list


def test_of_one_person_there_is_no_interval(evaluate, tiny_model, other_model, crops, tmp_path):
    for person in ("p1", "p2", "p3", "p4", "p5"):
        for variant in (1, 2, 3):
            (crops / person / f"{variant}.png").unlink()
    code, out, err = evaluate(tiny_model, other_model, crops)
    assert (code, err) == (0, "")
    assert out.count("one person: no interval.") == 2  # once a model
    assert "nan" not in out
    assert "mAP                     100.0%\n" in out
    assert "mAP                       +0.0   not told apart" in out
    assert "| all-to-all | tiny-1 | 100.0 | 100.0 | 100.0 | 4 x 9 | +0.0 | +0.0 |" in out
    _, out, _ = evaluate(tiny_model, other_model, crops, "--json")
    assert "NaN" not in out
    for found in map(json.loads, out.splitlines()):
        assert found["figures"]["map"] == {"value": 1.0, "low": None, "high": None}


def test_a_report_of_one_person_asked_shows_no_interval(
    evaluate, tiny_model, other_model, crops, tmp_path
):
    data = tmp_path / "market"
    for side in ("query", "bounding_box_test"):
        (data / side).mkdir(parents=True)
    for number, person in enumerate(sorted(crops.iterdir()), start=1):
        for camera in (1, 2):
            name = f"{number:04}_c{camera}s1_000001_00.jpg"
            Image.open(person / f"{camera}.png").save(data / "bounding_box_test" / name)
    Image.open(crops / "p0" / "0.png").save(data / "query" / "0001_c1s1_000002_00.jpg")
    code, _, _ = evaluate(
        tiny_model, other_model, "--protocol", "market1501", data, "--report", tmp_path / "report"
    )
    assert code == 0
    page = (tmp_path / "report" / "index.html").read_text()
    assert page.count("one person: no interval.") == 1
    assert "nan" not in page
    assert '<tr><td>mAP</td><td class="number">100.0 %</td>' in page
    assert "NaN" not in (tmp_path / "report" / "figures.jsonl").read_text()


def test_the_ap_convention_is_named_where_it_is_not_the_usual(
    evaluate, tiny_model, other_model, crops, tmp_path
):
    report = tmp_path / "report"
    for options in ([], ["--ap", "trapezoid"]):
        _, out, _ = evaluate(tiny_model, other_model, crops, *options, "--report", report)
        page = (report / "index.html").read_text()
        assert ("average precision by trapezoid" in out) == bool(options)
        assert ("average precision by trapezoid" in page) == bool(options)
        assert ("| mAP (trapezoid) |" in out) == bool(options)
    command = typer.main.get_command(build_app()).commands["evaluate"]
    [option] = [parameter for parameter in command.params if "--ap" in parameter.opts]
    assert "sum (of precisions) or trapezoid (of Market-1501's first toolkit)" in option.help


def test_bad_input_is_one_line(evaluate, tiny_model, crops, store, tmp_path):
    missing = tmp_path / "people.csv"
    missing.write_text("path,pid\ncrops/p0/0.png,a\ncrops/p0/1.png,a\nnot-there.png,b\n")
    alone = tmp_path / "alone"
    shutil.copytree(crops / "p0", alone / "p0")
    singles = tmp_path / "singles"
    for person in ("p0", "p1"):
        (singles / person).mkdir(parents=True)
        shutil.copy(crops / person / "0.png", singles / person)
    few = tmp_path / "few"
    for person in ("p0", "p1"):
        shutil.copytree(crops / person, few / person)
    broken = tmp_path / "broken"
    shutil.copytree(crops, broken)
    (broken / "p0" / "0.png").write_bytes(b"no picture")
    file = tmp_path / "file"
    file.touch()
    cases = {
        (tiny_model, missing): "not-there.png: no such picture (1 of 3 are missing)",
        (tiny_model, alone): "shows one person alone; it takes two",
        (tiny_model, singles): "none of 2 queries has its person",
        (tiny_model, singles, "--pairs"): "none of 2 queries has its person",
        (tiny_model, few, "--pairs"): "2 people were seen by two cameras",
        (tiny_model, broken): "0.png: not a picture",
        (tiny_model, "--protocol", "viper", crops): "no picture follows the layout 'viper'",
        (tiny_model, "--protocol", "vipr", crops): "protocol 'vipr' is unknown",
        (tiny_model, "--layout", "vipr", crops): "layout 'vipr' is unknown",
        ("gone.onnx", crops): "gone.onnx: no such model (file or name), folder or manifest",
        (file, crops): "not a model that ONNX Runtime can load",
        (tiny_model, tiny_model, crops): "named twice",
        ("--store", tmp_path / "gone"): "gone",
        (tiny_model, crops, "--report", file): "can't be made",
        (tiny_model, crops, "--cache", file): "can't be made",
    }
    for arguments, says in cases.items():
        code, out, err = evaluate(*arguments)
        assert (code, out) == (1, ""), arguments
        assert err.count("\n") == 1, err
        assert says in err


def test_wrong_usage_is_told(evaluate, tiny_model, crops, store):
    for arguments in (
        (tiny_model, crops, "--store", store),
        (tiny_model, "--protocol", "viper"),
        (tiny_model, "--protocol", "viper", "--protocol", "grid", crops),
    ):
        assert evaluate(*arguments)[0] == 2

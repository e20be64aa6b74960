"""The whole circle through the command line: train, export, move a gallery over, ask."""

import json
import os
import subprocess
import sys

import pytest
from reid_gallery import cli
from reid_gallery.gallery.extractor import checking
from reid_gallery.gallery.figures import draw_figures
from reid_gallery.train.reports import cost

COMMAND = [sys.executable, "-c", "from reid_gallery.cli import main; main()"]
RECIPE = """
[data]
validation_share = 0.25
people_per_batch = 6
pictures_per_person = 2
workers = 0

[model]
backbone = "mobilenetv3_small_050"
init = "none"
embedding_size = 16

[loss]
head = "adacos"
teacher_cosine_weight = 0.0
teacher_similarity_weight = 0.0

[[phases]]
epochs = 1
height = 64
width = 32
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("circle")
    draw_figures(folder / "crops", people=12, cameras=2, per_camera=2, seed=8)
    (folder / "tiny.toml").write_text(RECIPE)
    return folder


def run(place, *arguments):
    environment = os.environ | {"REID_GALLERY_STORE": str(place / "store"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_train_export_rebuild_query(place):
    assert run(place, "enroll", "crops").returncode == 0
    before = json.loads(run(place, "stats", "--json").stdout)["model"]
    arguments = ["--data", "crops", "--layout", "folders", "--recipe", "tiny.toml", "--out", "run"]
    trained = run(place, "train", *arguments, "--name", "ours", "--licence", "ours alone")
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.strip().endswith("model.onnx")
    spec = json.loads(run(place, "model", "show", "run/model.onnx").stdout)
    assert (spec["dim"], spec["backbone"]) == (16, "mobilenetv3_small_050")
    assert (spec["name"], spec["licence"]) == ("ours", "ours alone")
    moved = run(place, "rebuild", "--model", "run/model.onnx")
    assert moved.returncode == 0, moved.stderr
    stats = json.loads(run(place, "stats", "--json").stdout)
    assert stats["model"] == spec["sha256"] != before
    assert (stats["dim"], stats["sightings"]) == (16, 48)
    answer = json.loads(run(place, "query", "crops/p003/cam1_1.jpg", "--json").stdout)
    assert answer["model"] == spec["sha256"]
    assert answer["matches"][0]["pid"] == "p003"
    assert run(place, "verify").returncode == 0


@pytest.fixture
def here(place, monkeypatch, capsys):
    """Return a function that runs a command in this process: torch is imported only once."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("REID_GALLERY_STORE", str(place / "store"))
    monkeypatch.setattr(cost, "_SECONDS", 0.1)
    monkeypatch.setattr(checking, "_SECONDS", 0.1)

    def call(*arguments):
        code = cli.run(list(arguments))
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return call


def test_what_comes_after_training(place, here):
    """The report is there; 8 bits, a check and a comparison are a command each; so is moving on."""
    assert "## Held-out people" in (place / "run" / "report" / "report.md").read_text()
    assert here("train", "report", "run").stdout.strip().endswith("report.md")
    assert here("train", "export", "run").stdout.strip().endswith("model.onnx")
    small = here("train", "export", "run", "--int8")
    # A model that has hardly learned anything may lose more than is allowed, and is told so.
    assert small.returncode == 0 or "8 bits cost" in small.stderr
    checked = here("model", "check", "run/model.onnx", "--json")
    assert json.loads(checked.stdout)["sound"], checked.stdout
    compared = here("train", "compare", "run", "--json", "--out", "runs.png")
    models = [json.loads(line) for line in compared.stdout.splitlines()]
    assert models[0]["name"] == "run"
    assert len(models) == 1 + (small.returncode == 0)
    assert (place / "runs.png").is_file()
    if small.returncode == 0:
        assert here("rebuild", "--model", "run/model-int8.onnx").returncode == 0
        answer = json.loads(here("query", "crops/p003/cam1_1.jpg", "--json").stdout)
        assert answer["matches"][0]["pid"] == "p003"


def test_what_is_wrong_with_the_command_is_said(place, here):
    wrong = {
        ("train",): 2,
        ("train", "--out", "x"): 2,
        ("train", "--data", "crops", "--out", "x", "--recipe", "none"): 1,
        ("train", "--data", "nowhere", "--out", "x"): 1,
        ("train", "--resume", "nowhere"): 1,
        ("train", "--resume", "run", "--recipe", "cpu"): 2,
        ("train", "--resume", "run", "--layout", "folders"): 2,
        ("train", "export", "nowhere"): 1,
        ("train", "export", "nowhere", "--int8"): 1,
        ("train", "report", "nowhere"): 1,
        ("train", "compare", "nowhere"): 1,
        ("train", "compare", "run", "--out", "runs.jpg"): 2,
        ("train", "compare"): 2,
    }
    for arguments, code in wrong.items():
        done = here(*arguments)
        assert done.returncode == code, (arguments, done.stderr)
        assert "Traceback" not in done.stderr
        assert "not foreseen" not in done.stderr
        assert not (place / "x" / "run.json").exists()

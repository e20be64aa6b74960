"""Whole runs of seconds: stopped, killed, resumed, exported, used."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from reid_gallery.gallery.errors import ConfigError, LayoutError, TrainingError
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.train import api
from reid_gallery.train.checkpoint import read_state
from reid_gallery.train.config import DataConfig, LossConfig, ModelConfig, OptimConfig, Phase
from reid_gallery.train.loop import Run, resume_run, start_run
from reid_gallery.train.run_folder import BEST, LAST, RunData, write_description
from safetensors.torch import load_file

BATCHES = 4
"""Of each of the two epochs of the tiny run."""


@pytest.fixture(scope="session")
def data(people, teacher) -> RunData:
    return RunData(((people, "folders"),), teacher, name="tiny", licence="tests only")


@pytest.fixture(scope="session")
def whole(tmp_path_factory, tiny_config, data) -> Path:
    """A run that was never stopped."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    start_run(out, tiny_config(), data).finish()
    return out


def assert_same_checkpoint(a: Path, b: Path) -> None:
    """Every tensor equal bit for bit: weights, averages, optimizer and random state."""
    ours, theirs = load_file(a), load_file(b)
    assert ours.keys() == theirs.keys()
    assert {name.split(".")[0] for name in ours} >= {"model", "objective", "average", "optimizer"}
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name
    states = [{k: v for k, v in read_state(p).items() if k != "seconds"} for p in (a, b)]
    assert states[0] == states[1]


class StoppedError(Exception):
    pass


class StoppingRun(Run):
    """A run that is interrupted before a given step."""

    stop_at: int

    def _step(self, *arguments):
        if self.step == self.stop_at:
            raise StoppedError
        return super()._step(*arguments)


def test_the_run_is_of_the_expected_size(whole):
    state = read_state(whole / LAST)
    assert state["step"] == 2 * BATCHES
    assert state["epoch"] == 2


@pytest.mark.parametrize("step", [1, BATCHES, 2 * BATCHES - 1])
def test_a_run_that_was_stopped_equals_one_that_was_not(whole, tiny_config, data, tmp_path, step):
    run = StoppingRun(tmp_path, tiny_config(), data)
    write_description(tmp_path, tiny_config(), data)
    run.stop_at = step
    with pytest.raises(StoppedError):
        run.finish()
    assert read_state(tmp_path / LAST)["step"] == step
    torch.rand(7)  # whatever else the process did meanwhile
    resume_run(tmp_path).finish()
    assert_same_checkpoint(tmp_path / LAST, whole / LAST)
    assert_same_checkpoint(tmp_path / BEST, whole / BEST)


def test_a_run_that_was_killed_equals_one_that_was_not(whole, tiny_config, data, tmp_path):
    out = tmp_path / "run"
    (tmp_path / "arguments").write_bytes(pickle.dumps((out, tiny_config(), data)))
    code = (
        "import pickle, sys, torch; from pathlib import Path; torch.set_num_threads(1);"
        "from reid_gallery.train.loop import start_run;"
        "start_run(*pickle.loads(Path(sys.argv[1]).read_bytes())).finish()"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "arguments")])
    try:
        while process.poll() is None and not _is_inside_an_epoch(out / LAST):
            time.sleep(0.002)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    state = read_state(out / LAST)
    assert 0 < state["step"] < 2 * BATCHES
    resume_run(out).finish()
    assert_same_checkpoint(out / LAST, whole / LAST)
    assert_same_checkpoint(out / BEST, whole / BEST)


def _is_inside_an_epoch(checkpoint: Path) -> bool:
    return checkpoint.exists() and read_state(checkpoint)["batch"] in range(1, BATCHES)


def test_workers_change_nothing(whole, tiny_config, data, tmp_path):
    settings = {**vars(tiny_config().data), "workers": 1}
    start_run(tmp_path, tiny_config(data=DataConfig(**settings)), data).finish()
    ours, theirs = load_file(tmp_path / LAST), load_file(whole / LAST)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_run_learns(people, teacher, tiny_config, tmp_path):
    """Six epochs, and the mean of the head's loss has fallen."""
    config = tiny_config(
        loss=LossConfig(margin_rad=0.0),
        optim=OptimConfig(learning_rate=5e-3, ema_decay=0.5),
        phases=(Phase(epochs=6, height=64, width=32),),
    )
    start_run(tmp_path, config, RunData(((people, "folders"),), teacher)).finish()
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    losses = [record["head"] for record in records if "head" in record]
    assert len(losses) == 6
    assert losses[-1] < 0.8 * losses[0]
    figures = [record["validation"] for record in records if "validation" in record]
    assert len(figures) == 6
    assert all(0 < f["map"] <= 1 and 0 <= f["rank1"] <= 1 for f in figures)


class ScriptedRun(Run):
    """A run that trains nothing and validates to figures given beforehand."""

    script: list[float]

    def _train_epoch(self, phase):
        pass

    def _validate(self, phase):
        self._keep_if_best(self.script[self.epoch - 1])


def test_the_best_is_of_the_last_phase(tiny_config, data, tmp_path):
    config = tiny_config(
        phases=(Phase(epochs=2, height=32, width=32), Phase(epochs=3, height=64, width=32))
    )
    run = ScriptedRun(tmp_path, config, data)
    run.script = [0.9, 0.8, 0.3, 0.5, 0.4]
    run.finish()
    state = read_state(tmp_path / BEST)
    assert (state["epoch"], state["best_map"]) == (4, 0.5)


def test_without_held_out_people_the_last_is_the_best(tiny_config, people, tmp_path):
    settings = {**vars(tiny_config().data), "validation_share": 0.0}
    config = tiny_config(data=DataConfig(**settings))
    start_run(tmp_path, config, RunData(((people, "folders"),))).finish()
    assert_same_checkpoint(tmp_path / BEST, tmp_path / LAST)


# -- from start to model.onnx ----------------------------------------------------------------------


def test_train_resume_export_embed(whole, people, capsys):
    path = api.resume(whole)
    assert path == whole / "model.onnx"
    captured = capsys.readouterr()
    assert captured.out == ""
    assert str(path) in captured.err

    extractor = Extractor.load(path)
    crops = [read_crop(p) for p in sorted(people.rglob("*.jpg"))]
    embeddings = extractor.embed(crops)
    assert embeddings.shape == (60, 16)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)

    spec = extractor.spec
    assert (spec.name, spec.licence, spec.backbone) == ("tiny", "tests only", "test_efficientnet")
    held_out = {"people": 2, "pictures": 12}
    assert spec.training["data"] == [
        {
            "name": "/".join(people.parts[-2:]),
            "layout": "folders",
            "training": {"people": 8, "pictures": 48},
            "held_out": held_out,
        }
    ]
    best = read_state(whole / BEST)
    assert spec.metrics == {"held_out_people": best["validation"]}
    assert spec.training["epochs"] == best["epoch"]
    assert spec.training["config"]["phases"][1] == {
        "epochs": 1,
        "height": 64,
        "width": 32,
        "frozen_stages": 0,
    }
    content = path.read_bytes()
    assert str(people.parent).encode() not in content
    assert b"site-packages" not in content


def test_train_in_one_call(people, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        """
        [data]
        validation_share = 0.0
        people_per_batch = 10
        pictures_per_person = 6
        workers = 0
        [model]
        backbone = "test_efficientnet"
        init = "none"
        embedding_size = 8
        [[phases]]
        epochs = 1
        height = 64
        width = 32
        """
    )
    path = api.train(sources=[(people, "folders")], out=tmp_path / "mine", recipe=recipe)
    spec = Extractor.load(path).spec
    assert (spec.name, spec.dim) == ("mine", 8)
    assert "research use only" in spec.licence
    assert spec.metrics == {}  # nobody was held out
    with pytest.raises(TrainingError, match="holds a run already; go on with train --resume"):
        api.train(sources=[(people, "folders")], out=tmp_path / "mine", recipe=recipe)


def test_there_is_nothing_to_resume_or_export(tmp_path, tiny_config, data):
    with pytest.raises(TrainingError, match="holds no run to resume"):
        api.resume(tmp_path)
    write_description(tmp_path, tiny_config(), data)
    with pytest.raises(TrainingError, match="no epoch is finished yet"):
        api.export_run(tmp_path)
    (tmp_path / "run.json").write_text('{"config": 3}')
    with pytest.raises(TrainingError, match="holds no run to resume"):
        api.resume(tmp_path)


def test_a_start_that_fails_leaves_no_run(tiny_config, data, tmp_path):
    config = tiny_config(model=ModelConfig(backbone="resnext9000", init="none"))
    with pytest.raises(ConfigError):
        start_run(tmp_path, config, data)
    with pytest.raises(LayoutError):
        start_run(tmp_path, tiny_config(), RunData(((tmp_path, "folders"),)))
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="can't be made"):
        start_run(tmp_path / "file" / "run", tiny_config(), data)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_bad_pictures_are_named_before_training(tiny_config, tmp_path):
    for pid in "abcd":
        (tmp_path / pid).mkdir()
        Image.new("RGB", (16, 32)).save(tmp_path / pid / "1.jpg")
    (tmp_path / "a" / "2.jpg").write_bytes(b"torn")
    with pytest.raises(TrainingError, match=r"1 pictures can't be read.*2\.jpg"):
        start_run(tmp_path / "run", tiny_config(), RunData(((tmp_path, "folders"),)))


def test_fewer_people_than_a_batch_wants_are_all_taken(tiny_config, tmp_path):
    for pid in "abc":
        (tmp_path / "data" / pid).mkdir(parents=True)
        Image.new("RGB", (16, 32)).save(tmp_path / "data" / pid / "1.jpg")
    settings = {**vars(tiny_config().data), "validation_share": 0.0}
    data = RunData(((tmp_path / "data", "folders"),))
    run = start_run(tmp_path / "run", tiny_config(data=DataConfig(**settings)), data)
    assert run.steps == 2  # a batch of all three people, in each epoch


def test_other_data_than_before_is_refused(whole, tmp_path, people, tiny_config):
    (tmp_path / LAST).symlink_to(os.path.realpath(whole / LAST))
    settings = {**vars(tiny_config().data), "validation_share": 0.0}
    config = tiny_config(data=DataConfig(**settings))
    write_description(tmp_path, config, RunData(((people, "folders"),)))
    with pytest.raises(TrainingError, match="other data"):
        resume_run(tmp_path)


def test_a_loss_that_is_no_number_stops_the_run(tiny_config, data, tmp_path):
    run = Run(tmp_path, tiny_config(), data)
    with torch.no_grad():
        run.model.projection.weight.fill_(torch.nan)
    with pytest.raises(TrainingError, match="the loss is nan at step 0"):
        run.finish()

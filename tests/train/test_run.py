"""Whole runs of seconds: stopped, resumed, exported, used."""

import json
import os
import shutil
import time
import tomllib
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from reid_gallery.gallery.errors import ConfigError, LayoutError, TrainingError
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.train import api
from reid_gallery.train.budget import plan_budget
from reid_gallery.train.checkpoint import read_state
from reid_gallery.train.config import DataConfig, LossConfig, ModelConfig, OptimConfig, Phase
from reid_gallery.train.learner import Learner
from reid_gallery.train.loop import Run
from reid_gallery.train.material import split_of_run
from reid_gallery.train.opening import resume_run, start_run
from reid_gallery.train.pace import BudgetPace
from reid_gallery.train.reports.report import write_report
from reid_gallery.train.run_folder import BEST, LAST, RunData, read_metrics, write_description
from reid_gallery.train.validation import ValidationResult, embed_crops
from safetensors.torch import load_file

from .conftest import PICTURES, paint_person

BATCHES = 4
"""Of each of the two epochs of the tiny run."""


def train_whole(out: Path, config, data: RunData) -> None:
    with start_run(out, config, data) as run:
        run.finish()


def resume_whole(out: Path) -> None:
    with resume_run(out) as run:
        run.finish()


class StoppedError(Exception):
    pass


def run_until(out: Path, config, data: RunData, *, step: int, ending_s: float = 0.0) -> None:
    """Begin a run, or go on with one, that breaks off before a step."""

    learn = Learner.step

    def learn_or_stop(*arguments, **where):
        if where["step"] == step:
            raise StoppedError
        return learn(*arguments, **where)

    with (
        pytest.MonkeyPatch.context() as patch,
        suppress(StoppedError),
        start_run(out, config, data) if config else resume_run(out) as run,
    ):
        patch.setattr(Learner, "step", learn_or_stop)
        run.finish(ending_s=ending_s)
    assert read_state(out / LAST)["step"] == step


def test_the_run_is_of_the_expected_size(whole):
    state = read_state(whole / LAST)
    assert (state["step"], state["epoch"], state["phase"]) == (2 * BATCHES, 2, 2)


def test_the_configuration_lies_beside_it(whole, tiny_config):
    written = tomllib.loads((whole / "config.toml").read_text())
    assert written == json.loads(json.dumps(asdict(tiny_config())))


@pytest.mark.parametrize("step", [1, BATCHES, 2 * BATCHES - 1])
def test_a_run_that_was_stopped_equals_one_that_was_not(
    whole, tiny_config, data, tmp_path, step, assert_same_checkpoint
):
    out = tmp_path / "run"
    run_until(out, tiny_config(), data, step=step)
    torch.rand(7)  # whatever else the process did meanwhile
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99, "torn')  # what came after the checkpoint is forgotten
    resume_whole(out)
    assert_same_checkpoint(out / LAST, whole / LAST)
    assert_same_checkpoint(out / BEST, whole / BEST)
    steps = [[r["step"] for r in read_metrics(run) if "losses" in r] for run in (out, whole)]
    assert steps[0] == sorted(set(steps[0]))
    assert steps[0][-1] == steps[1][-1] == 2 * BATCHES


def test_workers_change_nothing(whole, tiny_config, data, tmp_path):
    settings = {**vars(tiny_config().data), "workers": 1}
    train_whole(tmp_path / "run", tiny_config(data=DataConfig(**settings)), data)
    ours, theirs = load_file(tmp_path / "run" / LAST), load_file(whole / LAST)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_run_learns(people, teacher, tiny_config, tmp_path):
    """Six epochs, and the mean of the head's loss has fallen."""
    config = tiny_config(
        loss=LossConfig(margin_rad=0.0),
        optim=OptimConfig(learning_rate=5e-3, ema_decay=0.5),
        phases=(Phase(epochs=6, height=64, width=32),),
    )
    train_whole(tmp_path, config, RunData(((people, "folders"),), teacher))
    records = read_metrics(tmp_path)
    training = [record for record in records if "losses" in record]
    losses = [record["losses"]["head"] for record in training]
    assert len(losses) == 6
    for record in training:
        assert record["gradient_norm"] > 0
        assert record["scale"] > 1  # AdaCos's
        assert record["pictures_per_s"] > 0
        assert 0 < record["learning_rate"] <= 5e-3
        assert (record["height"], record["width"], record["phase"]) == (64, 32, 0)
    assert losses[-1] < 0.8 * losses[0]
    figures = [record["validation"] for record in records if "validation" in record]
    assert len(figures) == 6
    assert all(0 < f["map"] <= 1 and 0 <= f["rank1"] <= 1 for f in figures)


def follow_script(run: Run, figures: list[float]) -> None:
    """Let a run count steps that train nothing, and validate to figures given beforehand."""
    remaining = iter(figures)

    def train_epoch() -> None:
        run.trained_phase, run.at.step = run.at.phase, run.at.step + 1
        run.at.batch += 1
        done = run.at.epoch + 1 - run.at.phase_epoch
        run._phase_is_over = done == run.phase.epochs

    run.train_epoch = train_epoch
    run._validate = lambda: ValidationResult(next(remaining), 0.5)


def test_the_best_is_of_the_last_phase(tiny_config, data, tmp_path):
    config = tiny_config(
        phases=(Phase(epochs=2, height=32, width=32), Phase(epochs=3, height=64, width=32))
    )
    with start_run(tmp_path, config, data) as run:
        follow_script(run, [0.9, 0.8, 0.3, 0.5, 0.4])
        run.finish()
    state = read_state(tmp_path / BEST)
    assert (state["epoch"], state["best_map"], state["trained_phase"]) == (4, 0.5, 1)


def test_of_equal_ones_the_later_is_the_best(tiny_config, data, tmp_path):
    config = tiny_config(phases=(Phase(epochs=4, height=64, width=32),))
    with start_run(tmp_path, config, data) as run:
        follow_script(run, [0.5, 1.0, 1.0, 0.9])
        run.finish()
    assert read_state(tmp_path / BEST)["epoch"] == 3


def test_a_phase_ends_when_it_gets_no_better(tiny_config, data, tmp_path, capsys):
    config = tiny_config(
        patience=2,
        phases=(Phase(epochs=9, height=32, width=32), Phase(epochs=9, height=64, width=32)),
    )
    with start_run(tmp_path, config, data) as run:
        follow_script(run, [0.5, 0.7, 0.6, 0.6, 0.1, 0.2, 0.1, 0.1])
        run.finish()
    assert read_state(tmp_path / BEST)["epoch"] == 6
    state = read_state(tmp_path / LAST)
    assert (state["epoch"], state["phase"]) == (8, 2)
    assert capsys.readouterr().err.count("no better for 2 validations") == 2


def test_an_epoch_that_draws_little_of_the_pictures_says_so(tiny_config, tmp_path, capsys):
    for number, count in enumerate([60, 6, 6, 6]):
        for variant in range(count):
            paint_person(tmp_path / "crops" / f"p{number}" / f"{variant}.jpg", number, variant)
    settings = {**vars(tiny_config().data), "validation_share": 0.0}
    phase = Phase(epochs=1, height=64, width=32)
    config = tiny_config(data=DataConfig(**settings), phases=(phase,))
    train_whole(tmp_path / "run", config, RunData(((tmp_path / "crops", "folders"),)))
    assert "an epoch draws 31% of these pictures" in capsys.readouterr().err


def test_without_held_out_people_the_last_is_the_best(
    tiny_config, people, tmp_path, assert_same_checkpoint
):
    settings = {**vars(tiny_config().data), "validation_share": 0.0}
    config = tiny_config(
        data=DataConfig(**settings), phases=(Phase(epochs=1, height=64, width=32),)
    )
    train_whole(tmp_path, config, RunData(((people, "folders"),)))
    ours, theirs = load_file(tmp_path / BEST), load_file(tmp_path / LAST)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_time_budget_is_kept(tiny_config, data, tmp_path):
    """Phases of many epochs each end in time, also when the run was stopped on the way."""
    config = tiny_config(
        checkpoint_minutes=0.0,
        time_budget="16s",
        phases=(Phase(epochs=3000, height=32, width=32), Phase(epochs=1000, height=64, width=32)),
    )
    began = time.monotonic()
    run_until(tmp_path / "run", config, data, step=9, ending_s=4.0)
    with resume_run(tmp_path / "run") as run:
        assert not run.needs_budget  # it was measured and is kept
        run.finish()
    assert time.monotonic() - began < 16.0
    state = read_state(tmp_path / "run" / LAST)
    assert state["phase"] == 2
    assert 8.0 < state["seconds"] < 12.5
    training = [r for r in read_metrics(tmp_path / "run") if "losses" in r]
    assert [r["phase"] for r in training] == sorted(r["phase"] for r in training)
    assert {r["height"] for r in training} == {32, 64}
    assert training[-1]["learning_rate"] < 0.2 * max(r["learning_rate"] for r in training)


@pytest.mark.parametrize("now", ["2h", ""])
def test_a_time_budget_that_was_edited_counts(tiny_config, data, tmp_path, now):
    config = tiny_config(time_budget="1h", checkpoint_minutes=0.0)
    run_until(tmp_path, config, data, step=9, ending_s=1.0)
    text = (tmp_path / "config.toml").read_text()
    assert 'time_budget = "1h"' in text
    (tmp_path / "config.toml").write_text(text.replace('"1h"', f'"{now}"'))
    with resume_run(tmp_path) as run:
        assert run.at.step == 9
        assert run.budget is None
        assert run.needs_budget == bool(now)
        if now:
            budget = plan_budget(run, ending_s=1.0)
            assert 6900 < budget.training_s < 7200
            assert run.at.step == 9


def test_a_time_budget_that_is_too_short_is_refused(tiny_config, data, tmp_path):
    with start_run(tmp_path, tiny_config(time_budget="2s"), data) as run:
        assert run.needs_budget
        with pytest.raises(TrainingError, match="too little is left to train; give at least"):
            run.finish(ending_s=1.0)


def test_a_phase_that_no_time_is_left_for_is_not_taken_for_trained(
    tiny_config, data, tmp_path, monkeypatch
):
    def share(self, at, **_):
        return 1.0 if at.phase else (at.step - at.phase_step) / 3

    monkeypatch.setattr(BudgetPace, "share_of_phase", share)
    with start_run(tmp_path, tiny_config(time_budget="1h"), data) as run:
        run.finish(ending_s=1.0)
    state = read_state(tmp_path / BEST)
    assert (state["trained_phase"], state["step"]) == (0, 3)
    assert read_state(tmp_path / LAST)["phase"] == 2


def test_an_epoch_is_not_judged_again_when_the_time_ends_with_it(
    tiny_config, data, tmp_path, monkeypatch
):
    judged = []

    def share(self, at, **_):
        return 1.0 if judged else at.step / 100

    def note(run, validate=Run._validate):
        judged.append(run.at.step)
        return validate(run)

    monkeypatch.setattr(BudgetPace, "share_of_phase", share)
    monkeypatch.setattr(Run, "_validate", note)
    config = tiny_config(time_budget="1h")
    with start_run(tmp_path, replace(config, phases=config.phases[:1]), data) as run:
        run.finish(ending_s=1.0)
    assert len(judged) == 1
    state = read_state(tmp_path / LAST)
    assert (state["phase"], state["step"]) == (1, judged[0])


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
    with pytest.raises(TrainingError, match=r"holds no run \(no run.json\); name the folder that"):
        api.resume(tmp_path)
    write_description(tmp_path, tiny_config(), data)
    with pytest.raises(TrainingError, match="no epoch is finished yet"):
        api.export_run(tmp_path)
    (tmp_path / "run.json").write_text('{"config": 3}')
    with pytest.raises(TrainingError, match="holds no run to resume"):
        api.resume(tmp_path)


@pytest.mark.parametrize("ask", [api.resume, api.export_run, write_report])
def test_a_folder_that_holds_no_run_is_named_in_one_line(ask, tmp_path):
    (tmp_path / "file").touch()
    for lacking in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(TrainingError, match=r"there is no such folder; name the folder that"):
            ask(lacking)
    for content, reason in (("{", r"is damaged \(.+\); bring it back"), ("[]", "is no table")):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(TrainingError, match=reason) as refused:
            ask(tmp_path)
        assert "\n" not in str(refused.value)
    (tmp_path / "run.json").unlink()
    (tmp_path / "run.json").mkdir()
    with pytest.raises(TrainingError, match=r"run.json: can't be read \(Is a directory\)"):
        ask(tmp_path)


def test_a_start_that_fails_leaves_no_run(tiny_config, data, tmp_path):
    config = tiny_config(model=ModelConfig(backbone="resnext9000", init="none"))
    with pytest.raises(ConfigError):
        train_whole(tmp_path / "run", config, data)
    with pytest.raises(LayoutError):
        train_whole(tmp_path / "run", tiny_config(), RunData(((tmp_path, "folders"),)))
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="can't be made"):
        train_whole(tmp_path / "file" / "run", tiny_config(), data)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_start_that_fails_keeps_what_the_teacher_embedded(tiny_config, data, tmp_path):
    config = tiny_config(model=replace(tiny_config().model, init="missing.pth"))
    with pytest.raises(ConfigError):
        train_whole(tmp_path, config, replace(data, teacher=resolve_model()))
    assert [path.name for path in tmp_path.iterdir()] == ["teacher.npz"]
    before = (tmp_path / "teacher.npz").stat().st_mtime_ns
    with start_run(tmp_path, tiny_config(), replace(data, teacher=resolve_model())):
        assert (tmp_path / "teacher.npz").stat().st_mtime_ns == before


def test_a_start_that_fails_takes_nothing_away(tiny_config, teacher, tmp_path):
    shutil.copy(teacher, tmp_path / "teacher.npz")
    data = RunData(((tmp_path / "typo", "folders"),), tmp_path / "teacher.npz")
    with pytest.raises(LayoutError):
        train_whole(tmp_path, tiny_config(), data)
    assert [path.name for path in tmp_path.iterdir()] == ["teacher.npz"]


def test_a_run_that_begins_again_has_no_metrics_of_before(tiny_config, data, tmp_path):
    run_until(tmp_path, tiny_config(), data, step=2)
    (tmp_path / LAST).unlink()  # as if it was killed before the first checkpoint
    (tmp_path / "metrics.jsonl").write_text('{"step": 99, "torn')
    resume_whole(tmp_path)
    steps = [record["step"] for record in read_metrics(tmp_path) if "losses" in record]
    assert steps == sorted(set(steps))
    assert steps[-1] == 2 * BATCHES


def test_bad_pictures_are_named_before_training(tiny_config, tmp_path):
    for pid in "abcd":
        (tmp_path / pid).mkdir()
        Image.new("RGB", (16, 32)).save(tmp_path / pid / "1.jpg")
    (tmp_path / "a" / "2.jpg").write_bytes(b"torn")
    with pytest.raises(TrainingError, match=r"1 picture can't be read.*2\.jpg"):
        train_whole(tmp_path / "run", tiny_config(), RunData(((tmp_path, "folders"),)))


def test_fewer_people_than_a_batch_wants_are_all_taken(tiny_config, tmp_path):
    for pid in "abc":
        (tmp_path / "data" / pid).mkdir(parents=True)
        Image.new("RGB", (16, 32)).save(tmp_path / "data" / pid / "1.jpg")
    settings = {**vars(tiny_config().data), "validation_share": 0.0}
    data = RunData(((tmp_path / "data", "folders"),))
    with start_run(tmp_path / "run", tiny_config(data=DataConfig(**settings)), data) as run:
        plan = run.material.plan(1)
    assert [len(batch) for batch in plan] == [9]  # all three people


def test_changed_data_are_noticed(tiny_config, data, people, tmp_path):
    copy = tmp_path / "people"
    shutil.copytree(people, copy)
    data = RunData(((copy, "folders"),))
    with start_run(tmp_path / "run", tiny_config(), data):
        pass
    with resume_run(tmp_path / "run"):
        pass
    picture = next(copy.rglob("*.jpg"))
    content = picture.read_bytes()
    picture.write_bytes(content + b"\0")
    with pytest.raises(TrainingError, match="not what they were when the run began"):
        resume_whole(tmp_path / "run")
    picture.write_bytes(content)
    (picture.parent / "new.jpg").write_bytes(content)
    with pytest.raises(TrainingError, match="not what they were when the run began"):
        resume_whole(tmp_path / "run")


def test_two_runs_in_one_folder_are_refused(tiny_config, data, tmp_path):
    with start_run(tmp_path / "run", tiny_config(), data):
        with pytest.raises(TrainingError, match="another process is training in this folder"):
            resume_whole(tmp_path / "run")
        with pytest.raises(TrainingError, match="holds a run already"):
            train_whole(tmp_path / "run", tiny_config(), data)
    with resume_run(tmp_path / "run"):
        pass


def test_a_loss_that_is_no_number_stops_the_run(
    tiny_config, data, tmp_path, whole, assert_same_checkpoint
):
    out = tmp_path / "run"
    with start_run(out, tiny_config(), data) as run:
        with torch.no_grad():
            run.learner.model.projection.weight.fill_(torch.nan)
        with pytest.raises(TrainingError, match=r"the loss is nan at step 0.*from the start"):
            run.finish()
    with resume_run(out) as run:
        break_gradient_at(run, step=2)
        wanted = (
            r"the gradient is .* at step 2.*config\.toml and go on from the last good checkpoint"
        )
        with pytest.raises(TrainingError, match=wanted):
            run.finish()
    assert read_state(out / LAST)["step"] == 2
    resume_whole(out)
    assert_same_checkpoint(out / LAST, whole / LAST)


def break_gradient_at(run: Run, *, step: int) -> None:
    """Let the backward pass of a step come to what is no number, its loss be finite."""
    backward = run.processes.backward

    def broken(loss):
        backward(loss)
        if run.at.step == step:
            run.learner.model.projection.weight.grad.fill_(torch.inf)

    run.processes.backward = broken


def test_sgd_trains(tiny_config, data, tmp_path):
    config = tiny_config(
        optim=OptimConfig(optimizer="sgd", learning_rate=0.01),
        phases=(Phase(epochs=1, height=64, width=32),),
    )
    train_whole(tmp_path, config, data)
    names = {name.rsplit(".", 1)[1] for name in load_file(tmp_path / LAST) if "optimizer" in name}
    assert names == {"momentum_buffer"}


def test_bf16_learns_much_the_same(tiny_config, data, tmp_path, whole):
    config = tiny_config(precision="bf16", phases=tiny_config().phases[:1])
    train_whole(tmp_path, config, data)
    losses = [next(r["losses"] for r in read_metrics(out)) for out in (tmp_path, whole)]
    assert losses[0] != losses[1]
    for name, value in losses[1].items():
        assert losses[0][name] == pytest.approx(value, rel=0.1), name
    weights = load_file(tmp_path / LAST)
    assert {tensor.dtype for tensor in weights.values()} <= {torch.float32, torch.int64}


@pytest.mark.skipif(torch.accelerator.is_available(), reason="fp16 can be had there")
def test_fp16_needs_a_gpu(tiny_config, data, tmp_path):
    with pytest.raises(ConfigError, match="precision 'fp16' needs a GPU"):
        train_whole(tmp_path / "run", tiny_config(precision="fp16"), data)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_fp16_goes_on_with_its_scale(tiny_config, data, tmp_path):
    config = tiny_config(precision="fp16", phases=tiny_config().phases[:1])
    train_whole(tmp_path / "whole", config, data)
    run_until(tmp_path / "run", config, data, step=2)
    resume_whole(tmp_path / "run")
    ours, theirs = (read_state(tmp_path / name / LAST)["scaler"] for name in ("run", "whole"))
    assert ours is not None
    assert ours == theirs


@pytest.fixture
def with_unlabelled(data, teacher, people, tmp_path) -> RunData:
    """The tiny run's data, and a folder of pictures that have no labels but a teacher's word."""
    folder = tmp_path / "whoever"
    for number in range(5):
        paint_person(folder / f"{number}.jpg", 20 + number, 0)
    with np.load(teacher) as arrays:
        paths, rows = arrays["paths"].tolist(), arrays["embeddings"]
    new = sorted(folder.iterdir())
    pixels = [np.asarray(Image.open(path), dtype=np.float32) for path in new]
    more = [np.concatenate([p[:32].mean((0, 1)), p[32:].mean((0, 1))]) for p in pixels]
    file = tmp_path / "teacher.npz"
    np.savez(file, paths=paths + list(map(str, new)), embeddings=np.concatenate([rows, more]))
    return replace(data, teacher=file, unlabelled=(folder,))


def test_pictures_without_labels_join_every_batch(
    tiny_config, with_unlabelled, tmp_path, assert_same_checkpoint
):
    settings = {**vars(tiny_config().data), "unlabelled_per_batch": 2}
    config = tiny_config(data=DataConfig(**settings))
    train_whole(tmp_path / "run", config, with_unlabelled)
    with start_run(tmp_path / "again", config, with_unlabelled) as run:
        assert [len(batch) for batch in run.material.plan(0)] == [12 + 2] * BATCHES
        assert run.material.labels.tolist().count(-1) == 5
        run.train_epoch()
        run._end_epoch(run._validate())
    resume_whole(tmp_path / "again")
    assert_same_checkpoint(tmp_path / "again" / LAST, tmp_path / "run" / LAST)
    training = Extractor.load(api.export_run(tmp_path / "run")).spec.training
    assert training["unlabelled"]["pictures"] == 5


def test_what_can_t_be_learnt_from_without_labels_is_told(tiny_config, with_unlabelled, tmp_path):
    alone = replace(with_unlabelled, teacher=None)
    with pytest.raises(TrainingError, match="only a teacher can tell"):
        train_whole(tmp_path / "run", tiny_config(loss=LossConfig()), alone)
    (tmp_path / "empty").mkdir()
    nothing = replace(with_unlabelled, unlabelled=(tmp_path / "empty",))
    with pytest.raises(TrainingError, match="empty: holds no picture"):
        train_whole(tmp_path / "run", tiny_config(), nothing)


@pytest.mark.parametrize("bring", [Path.symlink_to, lambda to, people: shutil.copytree(people, to)])
def test_held_out_people_are_not_learnt_from_without_labels(
    tiny_config, with_unlabelled, people, tmp_path, bring
):
    bring(tmp_path / "again", people)
    data = replace(with_unlabelled, unlabelled=(*with_unlabelled.unlabelled, tmp_path / "again"))
    with pytest.raises(TrainingError, match=r"again/.+: is the picture, or a copy of it, of some"):
        train_whole(tmp_path / "run", tiny_config(), data)


def test_views_of_another_manifest_are_warned_of(tiny_config, with_unlabelled, tmp_path, capsys):
    with start_run(tmp_path / "run", tiny_config(), with_unlabelled):
        assert "another manifest" not in "".join(capsys.readouterr())
    (with_unlabelled.unlabelled[0] / "made-of.txt").write_text("another\n")
    with start_run(tmp_path / "other", tiny_config(), with_unlabelled):
        assert "whoever holds views of another manifest" in "".join(capsys.readouterr())
    above = replace(with_unlabelled, unlabelled=(with_unlabelled.unlabelled[0].parent,))
    with start_run(tmp_path / "third", tiny_config(), above):
        assert "holds views of another manifest" in "".join(capsys.readouterr())


@pytest.mark.parametrize("put", [os.symlink, shutil.copytree])
def test_pictures_of_both_parts_are_warned_of(tiny_config, data, people, tmp_path, capsys, put):
    (tmp_path / "again").mkdir()
    for folder in people.iterdir():  # everybody under another name
        put(folder, tmp_path / "again" / f"other-{folder.name}")
    sources = (*data.sources, (tmp_path / "again", "folders"))
    twice = replace(data, sources=sources, teacher=None)
    with start_run(tmp_path / "run", tiny_config(loss=LossConfig()), twice):
        said = "".join(capsys.readouterr())
    assert "of held-out people as well" in said


@pytest.mark.parametrize("harm", ["no picture", "not looked into"])
def test_a_picture_without_a_label_that_can_t_be_read_is_named(
    tiny_config, with_unlabelled, tmp_path, harm
):
    bad = with_unlabelled.unlabelled[0] / "x.jpg"
    if harm == "no picture":
        bad.write_bytes(b"nothing")
    else:
        bad.mkdir()
    with pytest.raises(TrainingError, match=r"1 picture can't be read; .+x\.jpg"):
        train_whole(tmp_path / "run", tiny_config(), with_unlabelled)


def test_a_run_whose_pictures_without_labels_are_gone_says_so(
    tiny_config, with_unlabelled, tmp_path
):
    with start_run(tmp_path / "run", tiny_config(), with_unlabelled):
        pass
    (folder,) = with_unlabelled.unlabelled
    folder.rename(tmp_path / "elsewhere")
    for ask in (resume_whole, split_of_run):
        with pytest.raises(LayoutError, match="whoever: no such folder"):
            ask(tmp_path / "run")


def test_a_changed_picture_without_a_label_is_noticed(tiny_config, with_unlabelled, tmp_path):
    with start_run(tmp_path / "run", tiny_config(), with_unlabelled):
        pass
    picture = with_unlabelled.unlabelled[0] / "0.jpg"
    picture.write_bytes(picture.read_bytes() + b"\0")
    with pytest.raises(TrainingError, match="not what they were when the run began"):
        resume_whole(tmp_path / "run")


def test_the_neck_adds_nothing_when_statistics_are_measured_anew(tmp_path, people, tiny_config):
    """Its shift isn't trained: what a file brought would stay."""
    config = tiny_config(model=replace(tiny_config().model, init="none"))
    with start_run(tmp_path, config, RunData(((people, "folders"),))) as run:
        learner = run.learner
        torch.nn.init.ones_(learner.model.neck.bias)
        pictures = torch.randint(0, 256, (8, 64, 32, 3), dtype=torch.uint8)
        assert learner.measure_statistics([pictures]) > 0
        for model in (learner.model, learner.average.module):
            assert not model.neck.bias.any()


def test_head_and_projection_start_where_an_extractor_ended(
    whole, tiny_config, with_unlabelled, tmp_path
):
    """Its own class means are the prototypes, and its rows already speak as the teacher does."""
    api.resume(whole)
    model = ModelConfig(
        backbone="test_efficientnet", init=str(whole / "model.onnx"), embedding_size=16
    )
    config = tiny_config(model=model, phases=tiny_config().phases[1:])
    with start_run(tmp_path / "run", config, with_unlabelled) as run:
        material, objective = run.material, run.learner.objective
        rows = torch.from_numpy(
            embed_crops(run.learner.model, material.training, height=64, width=32)
        )
    labelled = material.labels >= 0
    assert not labelled.all()
    nearest = objective.head.cosines(rows[labelled]).argmax(1)
    assert (nearest == material.labels[labelled]).float().mean() > 0.9
    taught = torch.nn.functional.normalize(material.teacher, dim=1)
    cosine = torch.nn.functional.cosine_similarity(objective.projector(rows), taught)
    assert cosine.mean() > 0.8


def test_stopped_and_resumed_it_is_the_same_from_an_extractor_and_with_new_norms(
    whole, tiny_config, data, tmp_path, assert_same_checkpoint
):
    """What was measured before the first step is in the checkpoint, and not measured again."""
    api.resume(whole)
    model = replace(tiny_config().model, init=str(whole / "model.onnx"), normalised_stages=2)
    config = tiny_config(model=model)
    train_whole(tmp_path / "one", config, data)
    run_until(tmp_path / "two", config, data, step=BATCHES)
    resume_whole(tmp_path / "two")
    assert_same_checkpoint(tmp_path / "two" / LAST, tmp_path / "one" / LAST)
    assert_same_checkpoint(tmp_path / "two" / BEST, tmp_path / "one" / BEST)


@pytest.mark.parametrize(("per_person", "unlabelled"), [(1, 0), (4, 3), (99, 99)])
def test_a_sample_has_of_everybody_and_of_those_without_labels(
    tiny_config, with_unlabelled, tmp_path, per_person, unlabelled
):
    with start_run(tmp_path / "run", tiny_config(), with_unlabelled) as run:
        chosen = run.material.sample(per_person=per_person, unlabelled=unlabelled)
        labels = run.material.labels[chosen]
    assert chosen == sorted(set(chosen))
    counts = torch.bincount(labels + 1, minlength=9).tolist()
    assert counts == [min(unlabelled, 5)] + [min(per_person, PICTURES)] * 8

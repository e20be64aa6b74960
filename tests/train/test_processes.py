"""Two processes on a CPU train as one does."""

import os
import pickle
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from reid_gallery.train import api
from reid_gallery.train.checkpoint import read_state
from reid_gallery.train.config import LossConfig, OptimConfig, Phase
from reid_gallery.train.gathered import GatheredBatchNorm
from reid_gallery.train.opening import start_run
from reid_gallery.train.processes import Processes
from reid_gallery.train.run_folder import BEST, LAST, read_metrics
from safetensors.torch import load_file
from timm.layers import BatchNormAct2d
from torch import nn

PROGRAM = """
import pickle, sys, torch
from pathlib import Path
from reid_gallery.train.opening import start_run
from reid_gallery.train.processes import Processes
torch.set_num_threads(1)
with start_run(*pickle.loads(Path(sys.argv[1]).read_bytes())) as run:
    run.finish()
"""


def train_in_two(tmp_path: Path, out: Path, config, data) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "arguments").write_bytes(pickle.dumps((out, config, data)))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
            *(str(tmp_path / "program.py"), str(tmp_path / "arguments")),
        ],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr


def test_two_processes_train_as_one(tiny_config, data, tmp_path):
    """Every loss needs the whole batch, every batch norm its statistics.

    Sums are taken in another order, so they agree as float32 does: losses within 1e-5 of their
    size at first, weights within 1e-4 or so after these steps. Optimizers that divide a gradient by
    its own size would blow up what is noise around zero, so this is SGD.
    """
    config = tiny_config(
        checkpoint_minutes=1.0,
        loss=LossConfig(head="adacos", margin_warmup_epochs=1.0),
        optim=OptimConfig(optimizer="sgd", learning_rate=0.01, ema_decay=0.9),
        phases=(
            Phase(epochs=1, height=64, width=32, frozen_stages=1),
            Phase(epochs=1, height=64, width=32),
        ),
    )
    with start_run(tmp_path / "one", config, data) as run:
        run.finish()
    train_in_two(tmp_path, tmp_path / "two", config, data)

    one, two = (load_file(tmp_path / name / LAST) for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name in (name for name in one if not name.startswith("optimizer")):
        torch.testing.assert_close(two[name], one[name], rtol=1e-3, atol=5e-4, msg=name)
    records = [[r for r in read_metrics(tmp_path / n) if "losses" in r] for n in ("one", "two")]
    assert len(records[0]) == len(records[1])  # only one process writes
    for a, b in zip(*records, strict=True):
        assert a["losses"] == pytest.approx(b["losses"], rel=1e-4)
        assert a["gradient_norm"] == pytest.approx(b["gradient_norm"], rel=1e-3)
    assert read_state(tmp_path / "two" / BEST)["step"] > 0


def test_what_is_measured_before_the_first_step_is_the_same_in_both(
    whole, tiny_config, data, tmp_path
):
    """From an extractor, with new norms: the first process measures, the second is given it."""
    api.resume(whole)
    model = replace(tiny_config().model, init=str(whole / "model.onnx"), normalised_stages=2)
    config = tiny_config(
        checkpoint_minutes=1.0,
        model=model,
        optim=OptimConfig(optimizer="sgd", learning_rate=1e-6, ema_decay=0.9),
        phases=tiny_config().phases[1:],
    )
    with start_run(tmp_path / "one", config, data) as run:
        run.finish()
    train_in_two(tmp_path, tmp_path / "two", config, data)
    one, two = (load_file(tmp_path / name / LAST) for name in ("one", "two"))
    for name in (name for name in one if name.startswith(("model.", "objective."))):
        torch.testing.assert_close(two[name], one[name], rtol=1e-3, atol=5e-4, msg=name)


@pytest.mark.parametrize(("has", "words"), [("AVX2", "take precision 'fp32'"), ("AVX512", "")])
def test_16_bits_without_instructions_for_them_are_warned_of(has, words, monkeypatch, capsys):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: has)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    Processes("bf16", frozen_stages=False)
    said = "".join(capsys.readouterr())
    assert words in said
    assert bool(said) == bool(words)


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(4), BatchNormAct2d(4)])
def test_a_gathered_batch_norm_is_a_batch_norm(norm, tmp_path):
    """Alone in a group of one process it does what the one that it replaces does."""
    torch.manual_seed(0)
    nn.init.uniform_(norm.weight)
    nn.init.uniform_(norm.bias)
    state = {key: value.clone() for key, value in norm.state_dict().items()}
    values = torch.randn(6, 4, 5, 3)[
        (slice(None),) * 2 + (0, 0) * (norm.__class__ is nn.BatchNorm1d)
    ]
    values.requires_grad_()
    torch.distributed.init_process_group("gloo", f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        results = []
        for module in (norm, GatheredBatchNorm(norm)):
            norm.load_state_dict(state)
            result = module.train()(values)
            (gradient,) = torch.autograd.grad((result**3).sum(), values)
            results.append([result, gradient, *(b.clone() for b in norm.buffers())])
            evaluated = module.eval()(values)
            results[-1].append(evaluated)
        assert GatheredBatchNorm(norm).state_dict().keys() == state.keys()
    finally:
        torch.distributed.destroy_process_group()
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(theirs, ours)

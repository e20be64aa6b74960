import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from reid_gallery.gallery.errors import TrainingError
from reid_gallery.train.checkpoint import load_checkpoint, read_state, save_checkpoint
from reid_gallery.train.config import OptimConfig
from reid_gallery.train.optimizer import build_optimizer
from torch import nn


def build(width: int = 4) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A model with kernels laid out channels last, buffers, a scalar and a part that is frozen."""
    torch.manual_seed(width)
    model = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Conv2d(width, 2, 3))
    model.register_parameter("power", nn.Parameter(torch.tensor(3.0)))
    model = model.to(memory_format=torch.channels_last)
    model[2].requires_grad_(False)
    return model, torch.optim.AdamW(model.parameters(), lr=0.1)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, number: int = 0) -> None:
    torch.manual_seed(number)
    loss = (model(torch.randn(2, 3, 8, 8)) ** 2).mean() * model.power
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def save(path: Path, model, optimizer, **state) -> None:
    save_checkpoint(path, modules={"model": model}, optimizer=optimizer, state=state)


def test_training_goes_on_from_it_as_if_nothing_had_happened(tmp_path):
    model, optimizer = build()
    for number in range(3):
        step(model, optimizer, number)
    save(tmp_path / "c.safetensors", model, optimizer, epoch=2)
    for number in range(3, 6):
        step(model, optimizer, number)

    other, other_optimizer = build()
    state = load_checkpoint(
        tmp_path / "c.safetensors", modules={"model": other}, optimizer=other_optimizer
    )
    assert state == {"epoch": 2}
    assert other_optimizer.state[other[0].weight]["exp_avg"].stride() == other[0].weight.stride()
    for number in range(3, 6):
        step(other, other_optimizer, number)
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_it_restores_only_the_modules_that_are_asked_for(tmp_path):
    model, optimizer = build()
    save(tmp_path / "c.safetensors", model, optimizer)
    other, _ = build()
    load_checkpoint(tmp_path / "c.safetensors", modules={"model": other})
    assert torch.equal(other[0].weight, model[0].weight)


def test_another_architecture_is_refused(tmp_path):
    model, optimizer = build()
    save(tmp_path / "c.safetensors", model, optimizer)
    with pytest.raises(TrainingError, match="another architecture or other data") as caught:
        load_checkpoint(tmp_path / "c.safetensors", modules={"model": build(5)[0]})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"text", b"\x80\x04K\x01."])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "c.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainingError, match="not a checkpoint"):
        read_state(path)
    with pytest.raises(TrainingError, match="not a checkpoint"):
        load_checkpoint(path, modules={})


def test_it_is_no_pickle(tmp_path):
    save(tmp_path / "c.safetensors", *build(), note="here")
    content = (tmp_path / "c.safetensors").read_bytes()
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    assert header.startswith(b'{"')
    assert read_state(tmp_path / "c.safetensors") == {"note": "here"}


def test_a_checkpoint_that_does_not_fit_leaves_the_previous_one(tmp_path):
    path = tmp_path / "c.safetensors"
    save(path, *build(), epoch=1)
    before = path.read_bytes()
    code = f"""
import sys, torch
from pathlib import Path
from reid_gallery.gallery.errors import TrainingError
from reid_gallery.train.checkpoint import save_checkpoint
model = torch.nn.Linear(64, 64)
optimizer = torch.optim.AdamW(model.parameters())
try:
    path = Path({str(path)!r})
    save_checkpoint(path, modules={{"model": model}}, optimizer=optimizer, state={{}})
except TrainingError as error:
    sys.exit(7 if "can't be written" in str(error) else str(error))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert done.returncode == 7, done.stderr
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="there is no earlier one"):
        save(tmp_path / "file" / "c.safetensors", *build())


def test_what_is_no_number_is_not_written(tmp_path):
    path = tmp_path / "c.safetensors"
    model, optimizer = build()
    save(path, model, optimizer, epoch=1)
    before = path.read_bytes()
    with torch.no_grad():
        model[0].weight[0] = torch.inf
    with pytest.raises(TrainingError, match=r"model\.0\.weight is no longer.*still .*safetensors"):
        save(path, model, optimizer, epoch=2)
    assert path.read_bytes() == before


@pytest.mark.parametrize("optimizer_name", ["adamw", "sgd"])
def test_every_optimizer_goes_on(tmp_path, optimizer_name):
    config = OptimConfig(optimizer=optimizer_name)
    model, other = build()[0], build()[0]
    optimizer, other_optimizer = (build_optimizer([m], config) for m in (model, other))
    step(model, optimizer)
    save(tmp_path / "c.safetensors", model, optimizer)
    step(model, optimizer)
    load_checkpoint(tmp_path / "c.safetensors", modules={"model": other}, optimizer=other_optimizer)
    step(other, other_optimizer)
    assert torch.equal(model[0].weight, other[0].weight)

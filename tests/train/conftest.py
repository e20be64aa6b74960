"""Tiny people to train on: a folder PID/*.jpg of coloured figures, and a run of seconds."""

import colorsys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from reid_gallery.train.checkpoint import read_state
from reid_gallery.train.config import (
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    Phase,
    TrainConfig,
)
from reid_gallery.train.opening import start_run
from reid_gallery.train.run_folder import RunData
from safetensors.torch import load_file

PEOPLE, PICTURES = 10, 6


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The same sums in the same order, whatever the machine."""
    torch.set_num_threads(1)


def paint_person(path: Path, number: int, variant: int) -> None:
    """Write a picture of two coloured halves; a person's variants differ by light and noise."""
    random = np.random.default_rng((number, variant))
    pixels = np.empty((64, 32, 3))
    pixels[:32] = np.array(colorsys.hsv_to_rgb(number * 0.381966 % 1, 0.9, 0.9)) * 255
    pixels[32:] = np.array(colorsys.hsv_to_rgb(number * 0.7 % 1, 0.8, 0.6)) * 255
    noisy = pixels * random.uniform(0.7, 1.1) + random.normal(0, 12, pixels.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="session")
def people(tmp_path_factory) -> Path:
    """A folder ``PID/*.jpg``."""
    folder = tmp_path_factory.mktemp("people")
    for number in range(PEOPLE):
        for variant in range(PICTURES):
            paint_person(folder / f"p{number}" / f"{variant}.jpg", number, variant)
    return folder


@pytest.fixture(scope="session")
def teacher(people: Path) -> Path:
    """A teacher's embeddings of all of them: their mean colours above and below."""
    paths = sorted(people.rglob("*.jpg"))
    pixels = [np.asarray(Image.open(path), dtype=np.float32) for path in paths]
    rows = np.stack([np.concatenate([p[:32].mean((0, 1)), p[32:].mean((0, 1))]) for p in pixels])
    file = people.parent / f"{people.name}-teacher.npz"
    np.savez(file, paths=[str(path.resolve()) for path in paths], embeddings=rows)
    return file


@pytest.fixture(scope="session")
def tiny_config() -> Callable[..., TrainConfig]:
    """Return a function that makes a configuration of two phases, an epoch each, and 8 batches."""

    def make(**changes) -> TrainConfig:
        settings = {
            "seed": 5,
            "checkpoint_minutes": 0.0,
            "data": DataConfig(
                validation_share=0.2,
                people_per_batch=4,
                pictures_per_person=3,
                workers=0,
                cache_mib=16,
            ),
            "model": ModelConfig(backbone="test_efficientnet", init="none", embedding_size=16),
            "loss": LossConfig(head="adacos", margin_warmup_epochs=1.0),
            "optim": OptimConfig(ema_decay=0.9),
            "phases": (
                Phase(epochs=1, height=64, width=32, frozen_stages=1),
                Phase(epochs=1, height=64, width=32),
            ),
        }
        return TrainConfig(**{**settings, **changes})

    return make


@pytest.fixture(scope="session")
def data(people, teacher) -> RunData:
    """What the tiny run is trained on."""
    return RunData(((people, "folders"),), teacher, name="tiny", licence="tests only")


@pytest.fixture(scope="session")
def whole(tmp_path_factory, tiny_config, data) -> Path:
    """A run that was never stopped."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    with start_run(out, tiny_config(), data) as run:
        run.finish()
    return out


@pytest.fixture(scope="session")
def assert_same_checkpoint() -> Callable[[Path, Path], None]:
    """Return a function that asserts every tensor equal bit for bit, and the state but times."""

    def check(ours: Path, theirs: Path) -> None:
        a, b = load_file(ours), load_file(theirs)
        assert a.keys() == b.keys()
        assert {name.split(".")[0] for name in a} >= {"model", "objective", "average", "optimizer"}
        for name, tensor in a.items():
            assert torch.equal(tensor, b[name]), name
        clocks = {"seconds", "phase_seconds", "metrics_bytes"}
        states = [
            {key: value for key, value in read_state(path).items() if key not in clocks}
            for path in (ours, theirs)
        ]
        assert states[0] == states[1]

    return check

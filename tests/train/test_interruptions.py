"""Runs in processes of their own: killed, told to stop, out of disk, and resumed."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from reid_gallery.train.checkpoint import read_state
from reid_gallery.train.opening import resume_run
from reid_gallery.train.run_folder import BEST, LAST
from reid_gallery.train.toml_text import to_toml

STEPS = 8
PATIENCE_S = 120.0


@pytest.fixture
def command(tmp_path, tiny_config, data) -> list[str]:
    """The command that makes the run `whole`, into ``tmp_path / "run"``."""
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(to_toml(asdict(tiny_config())))
    ((folder, layout),) = data.sources
    return [
        *("train", "--data", str(folder), "--layout", layout, "--recipe", str(recipe)),
        *("--teacher", str(data.teacher), "--out", str(tmp_path / "run")),
    ]


@contextmanager
def running(arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run the command line on one thread; end it with the block at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from reid_gallery.cli import main; main()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    assert path.exists(), process.stderr.read()


def finish_in(out: Path) -> None:
    with resume_run(out) as run:
        run.finish()


def test_killed_at_random_instants_it_equals_one_that_was_not(
    whole, command, tmp_path, assert_same_checkpoint
):
    """A checkpoint is written at every step, so that kills fall into the writing, too."""
    out = tmp_path / "run"
    arguments = command
    for seed in range(2):
        with running(arguments) as process:
            wait_for(out / "config.toml" if seed == 0 else out / LAST, process)
            if seed:  # it reads for a while before it trains
                time.sleep(1.0)
            time.sleep(random.Random(seed).uniform(0, 1.0))
            process.kill()
            assert process.wait() in {-signal.SIGKILL, 0}
        arguments = ["train", "--resume", str(out)]
    finish_in(out)
    assert_same_checkpoint(out / LAST, whole / LAST)
    assert_same_checkpoint(out / BEST, whole / BEST)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_writes_a_checkpoint_and_says_how_to_go_on(
    whole, command, tmp_path, assert_same_checkpoint, number
):
    out = tmp_path / "run"
    with running(command) as process:
        wait_for(out / LAST, process)
        process.send_signal(number)
        _, told = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 130
    assert f"stopped; go on with: reid-gallery train --resume {out}" in told
    assert "Traceback" not in told
    finish_in(out)
    assert_same_checkpoint(out / LAST, whole / LAST)


def test_a_full_disk_stops_it_with_the_last_good_checkpoint(
    whole, command, tmp_path, assert_same_checkpoint
):
    out = tmp_path / "run"
    with running(command) as process:
        wait_for(out / LAST, process)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
        _, told = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 1
    assert "the checkpoint can't be written" in told
    assert "the last good one is still" in told
    assert 0 < read_state(out / LAST)["step"] < STEPS
    assert not list(out.glob(".*.part*"))
    finish_in(out)
    assert_same_checkpoint(out / LAST, whole / LAST)
    assert_same_checkpoint(out / BEST, whole / BEST)

"""Pictures/s of the real loop, from files, against the same step on tensors in memory.

    python benchmarks/train_throughput.py DIR --layout market1501 --recipe cpu --rounds 4

For every phase of the recipe, the loop trains for some seconds from the files (decoded, augmented,
loaded by its workers, noted, shown), then the same learner takes the same number of steps on
batches that lie in memory, and so on by turns: a machine that has other work as well slows both.
The ratio is that of the medians of the rounds.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from reid_gallery.train.config import Phase, load_config, recipe_path
from reid_gallery.train.loop import Run
from reid_gallery.train.opening import start_run
from reid_gallery.train.run_folder import RunData

IN_MEMORY = 4
"""Batches that lie in memory; more would only fill it."""


def main() -> None:
    """Measure and print a line a phase."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--layout", default="folders")
    parser.add_argument("--recipe", default="cpu")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=10, help="a round")
    arguments = parser.parse_args()
    config = load_config(recipe_path(arguments.recipe))
    data = RunData(((arguments.data, arguments.layout),))
    with tempfile.TemporaryDirectory() as out, start_run(Path(out) / "run", config, data) as run:
        print(f"on {run.processes.device}, {torch.get_num_threads()} threads, {config.precision}")
        for number in range(len(config.phases)):
            run.at.phase = number
            measure(run, rounds=arguments.rounds, steps=arguments.steps)


def measure(run: Run, *, rounds: int, steps: int) -> None:
    """Print pictures/s of both, and how they compare, in the present phase."""
    phase = run.phase
    ready = load_into_memory(run, phase)
    rates: list[tuple[float, float]] = []
    for _ in range(rounds):
        rates.append((time_files(run, steps), time_memory(run, ready, steps)))
        print(f"  files {rates[-1][0]:.1f}, memory {rates[-1][1]:.1f} pictures/s", flush=True)
    files, memory = (statistics.median(column) for column in zip(*rates, strict=True))
    print(
        f"{phase.height}x{phase.width}: files {files:.1f}, memory {memory:.1f} pictures/s: "
        f"{files / memory:.3f}",
        flush=True,
    )


def load_into_memory(run: Run, phase: Phase) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return a few batches as the loop gets them."""
    plan = run.material.plan(0)
    batches = run.material.batches(plan, phase, epoch=0, first=0, rank=0, count=1)
    return [pair for pair, _ in zip(batches, range(IN_MEMORY), strict=False)]


def time_files(run: Run, steps: int) -> float:
    """Train by the loop itself, an epoch of ``steps`` after two that fill the workers' queues."""
    plan = run.material.plan(run.at.epoch)
    warm = 2
    began: list[float] = []
    learn = run.learner.step

    def learn_and_note(*batch: torch.Tensor, **where: float) -> dict[str, float]:
        values = learn(*batch, **where)  # type: ignore[arg-type]
        if run.at.batch + 1 == len(plan) - steps:
            settle(run)
            began.append(time.perf_counter())
        return values

    assert len(plan) >= steps + warm, "an epoch is shorter than a round; lower --steps"
    run.at.batch = len(plan) - steps - warm
    run.at.phase_epoch = run.at.epoch  # else the phase would be over after its epochs
    run.learner.step = learn_and_note  # type: ignore[method-assign]
    try:
        run.train_epoch()
    finally:
        run.learner.step = learn  # type: ignore[method-assign]
    settle(run)
    seconds = time.perf_counter() - began[0]
    run.at.epoch, run.at.batch = run.at.epoch + 1, 0
    return steps * len(plan[0]) / seconds


def time_memory(run: Run, ready: list[tuple[torch.Tensor, torch.Tensor]], steps: int) -> float:
    """Take the same steps on what lies in memory."""
    settle(run)
    began = time.perf_counter()
    for number in range(steps):
        pictures, positions = ready[number % len(ready)]
        run.learner.step(pictures, positions, epochs=0.0, step=number, phase_step=0)
    settle(run)
    return steps * len(ready[0][0]) / (time.perf_counter() - began)


def settle(run: Run) -> None:
    """Wait for what a GPU still computes."""
    if run.processes.device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()

"""Pictures/s of a training step on this CPU: as PyTorch does it, and as `train` does.

    python benchmarks/train_step.py --height 192 --width 96

The step is forward and backward pass of EfficientNet-Lite0 with its first two stages frozen, on
random pictures. The sides are processes of their own, by turns:

- plain: 32 bits, nothing set (the floor);
- kept: freed memory is kept for the next step (`reid_gallery.train.memory`);
- bf16, plain: in 16 bits as well, which a processor may or may not have instructions for;
- bf16: with gradients of depthwise convolutions in other ways (`reid_gallery.train.depthwise`).

Ratios are of the medians, to the floor. Page faults and the most memory that a process had stand
beside them.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from typing import Any

import torch
from reid_gallery.train.config import ModelConfig
from reid_gallery.train.depthwise import QuickDepthwise
from reid_gallery.train.memory import keep_freed_memory
from reid_gallery.train.model import EmbeddingModel

SIDES = ("plain", "kept", "bf16, plain", "bf16")
WARM = 3


def main() -> None:
    """Measure all sides by turns and print a table."""
    arguments = _parse()
    if arguments.side:
        print(json.dumps(measure(arguments)))
        return
    taken: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(arguments.rounds):
        for side, runs in taken.items():
            child = [sys.executable, *sys.argv, "--side", side]
            said = subprocess.run(child, check=True, capture_output=True, text=True).stdout
            runs.append(json.loads(said))
    print(
        f"{arguments.height}x{arguments.width}, {arguments.pictures} pictures a step, "
        f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}\n"
    )
    print("| step | pictures/s | ratio | page faults a step | peak MiB |\n|---|---|---|---|---|")
    floor = _median(taken[SIDES[0]], "rate")
    for side, runs in taken.items():
        rate = _median(runs, "rate")
        print(
            f"| {side} | {rate:.1f} | {rate / floor:.2f} | {_median(runs, 'faults'):,.0f} "
            f"| {_median(runs, 'mib'):,.0f} |"
        )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=192)
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--pictures", type=int, default=128, help="a batch")
    parser.add_argument("--steps", type=int, default=6, help="a process")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    return parser.parse_args()


def _median(runs: list[dict[str, float]], name: str) -> float:
    return statistics.median(run[name] for run in runs)


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Take the steps in this process; return pictures/s, page faults a step and MiB at most."""
    if arguments.side != "plain":
        keep_freed_memory()
    model = EmbeddingModel(ModelConfig(init="none")).to(memory_format=torch.channels_last)
    model.freeze_stages(2)
    model.train()
    shape = (arguments.pictures, arguments.height, arguments.width, 3)
    pictures = torch.randint(0, 255, shape, dtype=torch.uint8)
    seconds = []
    for number in range(WARM + arguments.steps):
        if number == WARM:
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        began = time.perf_counter()
        step(model, pictures, arguments.side)
        seconds.append(time.perf_counter() - began)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "rate": arguments.pictures / statistics.median(seconds[WARM:]),
        "faults": (usage.ru_minflt - faults) / arguments.steps,
        "mib": usage.ru_maxrss / 1024,
    }


def step(model: EmbeddingModel, pictures: torch.Tensor, side: str) -> None:
    """Forward and backward pass; what was learned is thrown away."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=side.startswith("bf16")):
        loss = model(pictures)[1].float().square().mean()
    backward: Any = QuickDepthwise() if side == "bf16" else nullcontext()
    with backward:
        loss.backward()
    model.zero_grad(set_to_none=True)


if __name__ == "__main__":
    main()

"""Pictures/s of a training step that keeps the memory it frees, against one that gives it back.

    python benchmarks/train_memory.py --height 192 --width 96

The step is forward and backward pass of EfficientNet-Lite0 with its first two stages frozen, on
random pictures. Each side is a process of its own, by turns; the ratio is that of the medians. Page
faults and the most memory that a process had stand beside it.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch
from reid_gallery.train.config import ModelConfig
from reid_gallery.train.memory import keep_freed_memory
from reid_gallery.train.model import EmbeddingModel

WARM = 3


def main() -> None:
    """Measure and print both sides and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=192)
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--pictures", type=int, default=128, help="a batch")
    parser.add_argument("--steps", type=int, default=6, help="a process")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=["given back", "kept"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(measure(arguments)))
        return
    rates: dict[str, list[float]] = {"given back": [], "kept": []}
    for _ in range(arguments.rounds):
        for side, measured in rates.items():
            child = [sys.executable, *sys.argv, "--side", side]
            said = subprocess.run(child, check=True, capture_output=True, text=True).stdout
            result = json.loads(said)
            measured.append(result["rate"])
            print(
                f"{side}: {result['rate']:.1f} pictures/s, {result['faults']:,} page faults a "
                f"step, {result['mib']:,} MiB",
                flush=True,
            )
    given, kept = (statistics.median(measured) for measured in rates.values())
    size = f"{arguments.height}x{arguments.width}"
    print(f"{size}: kept {kept:.1f}, given back {given:.1f} pictures/s: {kept / given:.2f}")


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Take the steps in this process; return pictures/s, page faults a step and MiB at most."""
    if arguments.side == "kept":
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
        model(pictures)[1].square().mean().backward()
        model.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - began)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "rate": arguments.pictures / statistics.median(seconds[WARM:]),
        "faults": (usage.ru_minflt - faults) // arguments.steps,
        "mib": usage.ru_maxrss // 1024,
    }


if __name__ == "__main__":
    main()

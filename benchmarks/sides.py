"""Two sides measured in turn, and the line that tells their ratio."""

import os
import time
from collections.abc import Callable, Mapping
from statistics import median

Seconds = tuple[float, float]
"""Wall clock and processor time."""


def timed(work: Callable[[], object]) -> Seconds:
    """Run once."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def in_turn(sides: Mapping[str, Callable[[int], object]], runs: int) -> dict[str, list[Seconds]]:
    """Run every side with 0, 1, ... in turn, so that a busy machine is busy for all of them."""
    taken: dict[str, list[Seconds]] = {name: [] for name in sides}
    for run in range(runs):
        for name, work in sides.items():
            taken[name].append(timed(lambda work=work, run=run: work(run)))
    return taken


def tell(
    what: str, floor: list[Seconds], ours: list[Seconds], reach: str, unit: str = "ms"
) -> None:
    """Print medians of both sides, the ratio of wall clocks and that of processor times."""
    scale = 1000 if unit == "ms" else 1
    (floor_wall, floor_cpu), (our_wall, our_cpu) = (
        [median(column) for column in zip(*side, strict=True)] for side in (floor, ours)
    )
    print(
        f"  {what:<46}{floor_wall * scale:9.2f}{our_wall * scale:9.2f} {unit:<3}"
        f"{our_wall / floor_wall:7.3f}{our_cpu / max(1e-9, floor_cpu):7.3f}   {reach}",
        flush=True,
    )


def heading(title: str) -> None:
    """Print what the columns are, and how busy the machine is."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{title} (load {load}; OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')})")
    print(f"  {'':<46}{'floor':>9}{'ours':>9}    {'ratio':>7}{'cpu':>7}   reach", flush=True)

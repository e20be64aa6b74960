"""Two sides measured in turn."""

import time
from collections.abc import Callable, Mapping

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

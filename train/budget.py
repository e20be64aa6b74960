"""A time budget: what steps, validation and export take here, and so how long to train."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ..gallery.errors import TrainingError
from .config import Phase
from .durations import parse_duration, say_duration
from .model import EmbeddingModel
from .validation import embed_crops

if TYPE_CHECKING:
    from .loop import Run

_TIMED_STEPS = 4
_SAMPLE = 64
_MARGIN = 1.25
"""Of what was measured for the ending: the machine may have less time for us by then."""
_REPORT_SHARE, _REPORT_S = 0.05, 30.0
"""For the report and whatever else was not measured: a share of the budget, or this if less."""


@dataclass(frozen=True)
class Budget:
    """How a run's time is shared out; kept in its checkpoints.

    Attributes:
        training_s: the run's seconds at which training ends.
        weights: of the phases, in proportion to the time that their epochs take.
    """

    training_s: float
    weights: tuple[float, ...]


def plan_budget(run: "Run", *, ending_s: float) -> Budget:
    """Measure, and share out what `TrainConfig.time_budget` says.

    Args:
        run: that has not begun.
        ending_s: what the export takes, and to measure what was exported.

    Raises:
        TrainingError: too little is left for training.
    """
    config, whole = run.config, parse_duration(run.config.time_budget)
    step_s = [_time_steps(run, phase) for phase in config.phases]
    validation_s = _time_validation(run)
    run.renew_learner()  # what it learnt by the way is forgotten
    reserve = _MARGIN * (ending_s + validation_s) + min(_REPORT_S, _REPORT_SHARE * whole)
    training_s = run.processes.from_main(whole - reserve)
    needed = run.seconds + 2 * _TIMED_STEPS * sum(step_s)
    if training_s < run.processes.from_main(needed):
        raise TrainingError(
            f"time_budget {config.time_budget}: starting took {say_duration(run.seconds)} and "
            f"ending takes {say_duration(reserve)} here, so too little is left to train; give at "
            f"least {say_duration(2 * (needed + reserve))}"
        )
    weights = [phase.epochs * s for phase, s in zip(config.phases, step_s, strict=True)]
    left = training_s - run.seconds
    epochs = config.epochs * left / (sum(weights) * len(run.material.plan(0)))
    run.logbook.say(
        f"{say_duration(left)} to train, about {epochs:.1f} epochs; {say_duration(reserve)} are "
        "kept for validation, export and report"
    )
    return Budget(training_s, tuple(run.processes.from_main(weights)))


def _time_steps(run: "Run", phase: Phase) -> float:
    """Seconds that a step takes, loading included."""
    plan, processes = run.material.plan(0), run.processes
    run.learner.begin_epoch(phase.frozen_stages)
    batches = run.material.batches(
        plan, phase, epoch=0, first=0, rank=processes.rank, count=processes.count
    )
    began = time.monotonic()
    for number, (pictures, positions) in zip(range(1 + _TIMED_STEPS), batches, strict=False):
        if number == 1 or len(plan) == 1:  # the first one warms up
            began = time.monotonic()
        run.learner.step(pictures, positions, epochs=0.0, step=number, phase_step=0)
    return (time.monotonic() - began) / min(_TIMED_STEPS, max(1, len(plan) - 1))


def _time_validation(run: "Run") -> float:
    """Seconds that it takes to embed the held-out pictures as the last phase does."""
    count, phase = len(run.material.split.validation), run.config.phases[-1]
    if not count:
        return 0.0
    sample = range(min(count, _SAMPLE))
    model = cast(EmbeddingModel, run.learner.average.module)
    began = time.monotonic()
    embed_crops(
        model, run.material.validation, height=phase.height, width=phase.width, numbers=sample
    )
    return (time.monotonic() - began) * count / len(sample)

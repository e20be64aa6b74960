"""How far a run is: by epochs, or by the time it was given.

A run's position is told in the configuration's epochs, so that learning rate, margin and input
size follow the same course however long the run takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .config import Phase, TrainConfig


@dataclass(kw_only=True)
class Progress:
    """Where a run is.

    Attributes:
        epoch: passes over the training pictures that are done.
        batch: batches of the present pass that are done.
        step: batches that are done.
        phase: number of the present phase; as many as there are when the run is done.
        phase_epoch: ``epoch`` when the phase began.
        phase_step: ``step`` when it began.
        phase_seconds: seconds of the run when it began.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    phase: int = 0
    phase_epoch: int = 0
    phase_step: int = 0
    phase_seconds: float = 0.0

    def begin_next_phase(self, seconds: float) -> None:
        """Note that a phase is over."""
        self.phase += 1
        self.phase_epoch, self.phase_step, self.phase_seconds = self.epoch, self.step, seconds


class Pace(Protocol):
    """Tells how much of a phase is done."""

    def share_of_phase(self, at: Progress, *, batches: int, seconds: float) -> float:
        """Return a share in [0, 1].

        Args:
            at: where the run is.
            batches: in the present epoch.
            seconds: of the run so far.
        """
        ...


class EpochPace:
    """Every phase has the epochs that it says."""

    def __init__(self, phases: Sequence[Phase]) -> None:
        self.phases = phases

    def share_of_phase(self, at: Progress, *, batches: int, seconds: float) -> float:
        """See `Pace`."""
        done = at.epoch - at.phase_epoch + at.batch / batches
        return min(1.0, done / self.phases[at.phase].epochs)


@dataclass(frozen=True)
class BudgetPace:
    """A phase has the share of the time that its epochs would take.

    Time that an early phase leaves or takes too much is shared by the later ones.

    Attributes:
        training_s: the run's seconds at which training has to end.
        weights: of the phases, in proportion to the time that their epochs take.
    """

    training_s: float
    weights: tuple[float, ...]

    def share_of_phase(self, at: Progress, *, batches: int, seconds: float) -> float:
        """See `Pace`."""
        left = self.training_s - at.phase_seconds
        length = left * self.weights[at.phase] / sum(self.weights[at.phase :])
        return min(1.0, (seconds - at.phase_seconds) / length) if length > 0 else 1.0


def position(config: TrainConfig, at: Progress, share: float) -> float:
    """The configuration's epochs that ``share`` of the present phase amounts to."""
    return config.first_epochs[at.phase] + share * config.phases[at.phase].epochs


def seconds_left(config: TrainConfig, at: Progress, share: float, *, phase_s: float) -> float:
    """Estimate how long training still takes: a later phase costs as its pixels do.

    Args:
        config: of the run.
        at: where it is.
        share: of the present phase that is done.
        phase_s: what the whole present phase takes.
    """
    now = config.phases[at.phase]
    per_pixel = phase_s / (now.epochs * now.height * now.width)
    later = config.phases[at.phase + 1 :]
    return phase_s * (1 - share) + sum(p.epochs * p.height * p.width * per_pixel for p in later)

"""The training loop: a run is a directory, and can be killed and resumed at any point."""

import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from ..gallery.counted import counted
from ..gallery.errors import TrainingError
from .budget import Budget, plan_budget
from .config import Phase, TrainConfig
from .learner import DivergedError, Learner
from .logbook import Logbook
from .material import Material
from .meter import Meter
from .model import EmbeddingModel
from .pace import BudgetPace, EpochPace, Pace, Progress, position
from .processes import Processes
from .run_folder import (
    BEST,
    CONFIG,
    DESCRIPTION,
    LAST,
    RunData,
    cut_metrics,
    metrics_bytes,
    read_fingerprint,
)
from .starting import start_learner
from .stopping import Stopper
from .validation import ValidationResult, validate

_WORTH_SAYING = 0.5
"""Of what an epoch could draw: what is left for want of a last batch is always less."""


class Run:
    """One training run: get it from `opening`, then call `finish`.

    Attributes:
        out: its folder.
        at: where it is.
        trained_phase: the phase that the weights were last trained in.
        best_map: the best held-out mAP of the present phase, if there is one.
        stale: validations in a row that were not the best.
        figures: the last validation's.
        budget: how its time is shared out, if it was given one.
    """

    def __init__(
        self,
        out: Path,
        config: TrainConfig,
        data: RunData,
        processes: Processes,
        *,
        resuming: bool = False,
        began: float | None = None,
    ) -> None:
        self._began, self._earlier_s = time.monotonic() if began is None else began, 0.0
        self.out, self.config, self.data, self.processes = out, config, data, processes
        self.stopper, self.logbook = Stopper(), Logbook(out, config, main=processes.main)
        self.material = self._read_material()
        if resuming:
            self._refuse_other_data()
        self.at, self.budget = Progress(), cast(Budget | None, None)
        self.best_map: float | None = None
        self.figures: dict[str, Any] | None = None
        self.stale, self.trained_phase = 0, 0
        self._goes_on = resuming and (out / LAST).exists()
        if resuming and not self._goes_on and processes.main:
            cut_metrics(out, 0)  # it begins again
        self.renew_learner(started=not self.needs_budget)
        if not self._goes_on:
            self.logbook.say(self.learner.origin)
        self._saved = time.monotonic()

    def _read_material(self) -> Material:
        """Read the data; where a teacher has to embed them, the first process does it for all."""
        if self.data.teacher and not self.processes.main:
            self.processes.wait()
        material = Material(self.data, self.config, self.out)
        if self.data.teacher and self.processes.main:
            self.processes.wait()
        return material

    def renew_learner(self, *, started: bool = True) -> None:
        """Make what learns as it is at the start of this part of the run.

        Args:
            started: with what `start_learner` measures, which takes a while; to time steps it takes
                none of it.
        """
        self.processes.free()
        self.learner = Learner(
            self.config,
            self.processes,
            people=len(self.material.people),
            labels=self.material.labels,
            teacher=self.material.teacher,
            initial_weights=not self._goes_on,
        )
        if self._goes_on:
            self._restore()
        elif started:
            start_learner(self.learner, self.material, self.config, self.logbook.say)

    @property
    def seconds(self) -> float:
        """That the run took so far, with its earlier parts if it was resumed."""
        return self._earlier_s + time.monotonic() - self._began

    @property
    def phase(self) -> Phase:
        """The present one."""
        return self.config.phases[self.at.phase]

    # -- checkpoints ---------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds beside what was learned, as JSON."""
        return {
            **asdict(self.at),
            "trained_phase": self.trained_phase,
            "best_map": self.best_map,
            "stale": self.stale,
            "seconds": self.seconds,
            "validation": self.figures,
            "budget": None if self.budget is None else asdict(self.budget),
            "metrics_bytes": metrics_bytes(self.out),
            "config": asdict(self.config),
        }

    def _save(self, name: str) -> None:
        if self.processes.main:
            self.learner.save(self.out / name, self.state())
            self._saved = time.monotonic()

    def _restore(self) -> None:
        state = self.learner.load(self.out / LAST)
        names = Progress.__dataclass_fields__
        self.at = Progress(**{name: state[name] for name in names})
        self.best_map, self.figures = state["best_map"], state.get("validation")
        self.stale, self.trained_phase = state["stale"], state["trained_phase"]
        self._earlier_s = state["seconds"]
        same_time = state["config"].get("time_budget") == self.config.time_budget
        if state.get("budget") and same_time:  # else it was edited, and is shared out anew
            self.budget = Budget(**state["budget"])
        if self.processes.main and "metrics_bytes" in state:
            cut_metrics(self.out, state["metrics_bytes"])
        self.logbook.say(f"resumed at epoch {self.at.epoch}, batch {self.at.batch}")

    def _refuse_other_data(self) -> None:
        if read_fingerprint(self.out) != self.material.fingerprint:
            split = self.material.split
            raise TrainingError(
                f"{self.out}: the training data are not what they were when the run began: files "
                f"came, went or changed (now {counted(len(split.training), 'picture')} to train on "
                f"and {len(split.validation)} held out); put them back, or begin a new run"
            )

    # -- the loop ------------------------------------------------------------------------------

    @property
    def needs_budget(self) -> bool:
        """Whether it was given a time that is not shared out yet."""
        return bool(self.config.time_budget) and self.budget is None

    def finish(self, *, ending_s: float = 0.0) -> Path:
        """Train to the end of the last phase; return the best checkpoint's path.

        Args:
            ending_s: seconds to keep, of a time budget, for what follows training.

        Raises:
            TrainingError: the loss is no longer a number, what is to be written can't be, or the
                time budget is too short.
            KeyboardInterrupt: the user stopped it; there is a checkpoint of this moment.
        """
        with ExitStack() as stack:
            stack.enter_context(self.stopper.listening())
            stack.enter_context(self.logbook)
            self._introduce()
            if self.needs_budget:
                self.budget = plan_budget(self, ending_s=ending_s)
            if not self.at.step:
                self.at.phase_seconds = self._common_seconds()
            while self.at.phase < len(self.config.phases):
                self.train_epoch()
                if self.at.step == self.at.phase_step:
                    self._pass_over_phase()
                elif not self.at.batch:  # the time ended while the last epoch was judged
                    self._begin_next_phase()
                    self._save(LAST)
                else:
                    self._end_epoch(self._validate())
        return self.out / BEST

    def _introduce(self) -> None:
        split = self.material.split
        self.logbook.say(
            f"{counted(len(split.training), 'picture')} of "
            f"{counted(len(self.material.people), 'person')}, "
            f"{counted(len(split.validation), 'picture')} held out"
        )
        if split.left_out:
            self.logbook.say(
                f"{counted(len(split.left_out), 'file')} left out, the first is {split.left_out[0]}"
            )

        if (share := self.material.share_planned()) < _WORTH_SAYING:
            self.logbook.say(
                f"an epoch draws {share:.0%} of these pictures: a batch has "
                f"{self.config.data.people_per_batch} different people, and few people have most "
                "pictures; with [data] balance_to or fewer people_per_batch it draws more"
            )

    def _pace(self) -> Pace:
        if self.budget is None:
            return EpochPace(self.config.phases)
        return BudgetPace(self.budget.training_s, tuple(self.budget.weights))

    def _common_seconds(self) -> float:
        """The main process's clock: by their own, processes would part at a phase's end."""
        return float(self.processes.from_main(self.seconds))

    def _share(self, batches: int) -> float:
        """Of the present phase that is done; the same in every process."""
        seconds = self._common_seconds() if self.budget else self.seconds
        return self._pace().share_of_phase(self.at, batches=batches, seconds=seconds)

    def train_epoch(self) -> None:
        """Train from the present batch to the end of the epoch or of the phase."""
        self.learner.begin_epoch(self.phase.frozen_stages)
        plan = self.material.plan(self.at.epoch, begun_at=self.at.step - self.at.batch)
        batches = self.material.batches(
            plan,
            self.phase,
            epoch=self.at.epoch,
            first=self.at.batch,
            rank=self.processes.rank,
            count=self.processes.count,
        )
        meter = Meter()
        while self.at.batch < len(plan) and (share := self._share(len(plan))) < 1:
            with meter.waiting():
                pictures, positions = next(batches)
            meter.add(len(plan[self.at.batch]), self._step(pictures, positions, share))
            meter = self._look_up(meter, len(plan))
        self._phase_is_over = self._share(len(plan)) >= 1

    def _step(self, pictures: Any, positions: Any, share: float) -> dict[str, float]:
        try:
            values = self.learner.step(
                pictures,
                positions,
                epochs=position(self.config, self.at, share),
                step=self.at.step,
                phase_step=self.at.phase_step,
            )
        except DivergedError as error:
            raise TrainingError(self._explain(error)) from error
        self.at.batch, self.at.step = self.at.batch + 1, self.at.step + 1
        self.trained_phase = self.at.phase
        return values

    def _explain(self, error: DivergedError) -> str:
        edited = self.out / (CONFIG if (self.out / CONFIG).exists() else DESCRIPTION)
        kept = "from the last good checkpoint" if (self.out / LAST).exists() else "from the start"
        return (
            f"{error} at step {self.at.step}; lower optim.learning_rate in {edited} and go on "
            f"{kept} with train --resume {self.out}"
        )

    def _look_up(self, meter: Meter, batches: int) -> Meter:
        """After a step: show and note how it goes, write a checkpoint if it is time, or stop."""
        now = self.seconds
        done = self._pace().share_of_phase(self.at, batches=batches, seconds=now)
        end_s = self.budget.training_s if self.budget else None
        if meter.due or self.at.batch == batches:
            self.logbook.note_training(self.at, meter, share=done, seconds=now, end_s=end_s)
            meter = Meter()
        else:
            self.logbook.show(self.at, meter, share=done, seconds=now, end_s=end_s)
        if self.processes.any(self.stopper.asked):
            self._stop()
        if time.monotonic() - self._saved > 60 * self.config.checkpoint_minutes:
            self._save(LAST)
        return meter

    def _stop(self) -> None:
        self._save(LAST)
        raise KeyboardInterrupt

    def _validate(self) -> ValidationResult | None:
        """Rank the held-out people; None if there are none to rank."""
        result = None
        if self.processes.main and self.material.split.validation:
            try:
                with self.stopper.interruptible():
                    result = validate(
                        cast(EmbeddingModel, self.learner.average.module),
                        self.material.split.validation,
                        self.material.validation,
                        height=self.phase.height,
                        width=self.phase.width,
                    )
            except KeyboardInterrupt:
                self._stop()
        return cast(ValidationResult | None, self.processes.from_main(result))

    def _end_epoch(self, result: ValidationResult | None) -> None:
        """Note an epoch's result, keep the weights if they are the best, begin the next one."""
        self.at.epoch, self.at.batch = self.at.epoch + 1, 0
        if result is None:
            self.logbook.say(
                f"epoch {self.at.epoch}: nobody held out to validate on; the latest counts as best"
            )
        else:
            self.figures = asdict(result)
            self.logbook.note(self.at, self.seconds, {"validation": self.figures})
            self.logbook.say(
                f"epoch {self.at.epoch}: held-out mAP {result.map:.4f}, rank-1 {result.rank1:.4f}"
            )
        self._keep_if_best(None if result is None else result.map)
        if self._phase_is_over or 0 < self.config.patience <= self.stale:
            self._begin_next_phase()
        self._save(LAST)

    def _keep_if_best(self, held_out_map: float | None) -> None:
        """Save the weights as the phase's best so far; without a figure the latest always are.

        Of equal ones the later is: few people are soon all found, and training goes on.
        Figures of different input sizes don't compare, so every phase begins anew: in the end the
        best is of the last phase.
        """
        if held_out_map is None or self.best_map is None or held_out_map >= self.best_map:
            self.best_map, self.stale = held_out_map or 0.0, 0
            self._save(BEST)
        else:
            self.stale += 1

    def _pass_over_phase(self) -> None:
        """Of a time budget nothing was left for this phase: the best stays that of the last."""
        self.logbook.say(f"no time was left for phase {self.at.phase + 1}")
        self._begin_next_phase()
        self._save(LAST)

    def _begin_next_phase(self) -> None:
        if not self._phase_is_over:
            self.logbook.say(f"no better for {self.stale} validations: the phase ends early")
        self.at.begin_next_phase(self._common_seconds())
        self.best_map, self.stale = None, 0

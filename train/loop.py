"""The training loop: a run is a directory, and can be killed and resumed at any point."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from ..gallery.errors import TrainingError
from .batches import load_batches, plan_run
from .checkpoint import load_checkpoint, save_checkpoint
from .config import Phase, TrainConfig
from .datasets import CropCache, load_teacher, split_people
from .meter import Meter
from .model import EmbeddingModel, load_initial_weights
from .objective import Objective
from .optimizer import build_optimizer
from .run_folder import (
    BEST,
    DESCRIPTION,
    LAST,
    RunData,
    log,
    make_folder,
    read_description,
    write_description,
    write_metrics,
)
from .schedule import WeightAverage, learning_rate_at, margin_at
from .validation import validate


def start_run(out: Path, config: TrainConfig, data: RunData) -> "Run":
    """Begin a new run in the folder ``out``.

    Raises:
        TrainingError: there is a run in it already, or it can't be made, or pictures can't be read.
        LayoutError: the sources don't have the layouts they were said to have.
        ConfigError: the backbone or its initial weights can't be had.
    """
    make_folder(out)
    run = Run(out, config, data)
    write_description(out, config, data)
    return run


def resume_run(out: Path) -> "Run":
    """Go on with the run in the folder ``out`` from its last checkpoint.

    Raises:
        TrainingError: there is no run in it, or its checkpoint doesn't fit the data.
    """
    config, data = read_description(out)
    return Run(out, config, data)


class Run:
    """One training run: build it with `start_run` or `resume_run`, then call `finish`."""

    def __init__(self, out: Path, config: TrainConfig, data: RunData) -> None:
        self.out, self.config, self.data = out, config, data
        torch.manual_seed(config.seed)
        split = split_people(
            data.sources, validation_share=config.data.validation_share, seed=config.seed
        )
        self.training = CropCache([p.path for p in split.training], limit_mib=config.data.cache_mib)
        self.validation = CropCache([p.path for p in split.validation], limit_mib=1024)
        self._refuse_bad_pictures()
        self.split = split
        self.people = sorted({p.person for p in split.training})
        numbers = {person: number for number, person in enumerate(self.people)}
        self.labels = torch.tensor([numbers[p.person] for p in split.training])
        paths = [p.path for p in split.training]
        self.teacher = load_teacher(data.teacher, paths) if data.teacher else None
        cameras = [p.camera for p in split.training]
        self.plans = plan_run(self.labels.tolist(), cameras, config)
        self.steps = sum(map(len, self.plans))
        self._build()

    def _refuse_bad_pictures(self) -> None:
        failed = self.training.failed + self.validation.failed
        if failed:
            raise TrainingError(
                f"{len(failed)} pictures can't be read; move them away first: "
                + "; ".join(failed[:5])
            )

    def _build(self) -> None:
        config = self.config
        self.model = EmbeddingModel(config.model).to(memory_format=torch.channels_last)
        self.objective = Objective(
            config.loss,
            dim=config.model.embedding_size,
            classes=len(self.people),
            teacher_dim=self.teacher.shape[1] if self.teacher is not None else None,
        )
        self.optimizer = build_optimizer([self.model, self.objective], config.optim)
        self.epoch, self.batch, self.step, self.best_map, self.seconds = 0, 0, 0, 0.0, 0.0
        self.figures: dict[str, float] | None = None
        if (self.out / LAST).exists():
            self._restore()
        else:
            log(load_initial_weights(self.model, config.model.init))
            self.average = WeightAverage(self.model, decay=config.optim.ema_decay)
        self._saved = time.monotonic()

    # -- checkpoints ---------------------------------------------------------------------------

    def _modules(self) -> dict[str, torch.nn.Module]:
        return {"model": self.model, "objective": self.objective, "average": self.average.module}

    def _save(self, name: str) -> None:
        state = {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "best_map": self.best_map,
            "seconds": self.seconds,
            "validation": self.figures,
            "config": asdict(self.config),
        }
        save_checkpoint(
            self.out / name, modules=self._modules(), optimizer=self.optimizer, state=state
        )
        self._saved = time.monotonic()

    def _restore(self) -> None:
        self.average = WeightAverage(self.model, decay=self.config.optim.ema_decay)
        path = self.out / LAST
        state = load_checkpoint(path, modules=self._modules(), optimizer=self.optimizer)
        self.epoch, self.batch, self.step = state["epoch"], state["batch"], state["step"]
        self.best_map, self.seconds = state["best_map"], state["seconds"]
        self.figures = state.get("validation")
        log(f"resumed at epoch {self.epoch}, batch {self.batch}")

    # -- the loop ------------------------------------------------------------------------------

    def finish(self) -> Path:
        """Train to the end of the last epoch; return the best checkpoint's path.

        Raises:
            TrainingError: the loss is no longer a number, or a checkpoint can't be written.
        """
        pictures = len(self.split.training)
        log(
            f"{pictures} pictures of {len(self.people)} people, "
            f"{len(self.split.validation)} pictures held out; {self.steps} steps"
        )
        if left_out := self.split.left_out:
            log(f"{len(left_out)} files left out, the first is {left_out[0]}")
        while self.epoch < self.config.epochs:
            self._train_epoch(self.config.phase_of(self.epoch))
            self.epoch, self.batch = self.epoch + 1, 0
            self._validate(self.config.phase_of(self.epoch - 1))
            self._save(LAST)
        return self.out / BEST

    def _train_epoch(self, phase: Phase) -> None:
        self.model.freeze_stages(phase.frozen_stages)
        self.model.train()
        self.objective.train()
        meter = Meter()
        plan = self.plans[self.epoch]
        batches = load_batches(
            self.training, plan, self.config, phase, epoch=self.epoch, first=self.batch
        )
        while self.batch < len(plan):
            with meter.waiting():
                pictures, positions = next(batches)
            parts = self._step(pictures, positions, len(plan))
            self.batch, self.step = self.batch + 1, self.step + 1
            meter.add(len(pictures), parts)
            if meter.due or self.batch == len(plan):
                self.seconds += meter.elapsed
                self._report(meter, len(plan))
                meter = Meter()
            if time.monotonic() - self._saved > 60 * self.config.checkpoint_minutes:
                self._save(LAST)

    def _step(self, pictures: Tensor, positions: Tensor, epoch_batches: int) -> dict[str, float]:
        optim, loss = self.config.optim, self.config.loss
        rate = learning_rate_at(
            self.step,
            steps=self.steps,
            warmup=round(optim.warmup_epochs * epoch_batches),
            peak=optim.learning_rate,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        done = self.epoch + self.batch / epoch_batches
        self.objective.set_margin(
            margin_at(done, warmup_epochs=loss.margin_warmup_epochs, margin_rad=loss.margin_rad)
        )
        projected, necked = self.model(pictures)
        teacher = self.teacher[positions] if self.teacher is not None else None
        total, parts = self.objective(projected, necked, self.labels[positions], teacher)
        if not torch.isfinite(total):
            raise TrainingError(
                f"the loss is {total.item()} at step {self.step}; lower optim.learning_rate in "
                f"{self.out / DESCRIPTION} and go on from the last good checkpoint with "
                f"train --resume {self.out}"
            )
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), optim.clip_norm)
        self.optimizer.step()
        # Another input size is another model at first: the average starts anew with each phase.
        self.average.update(self.model, self.step - self._first_step_of_phase())
        return {**parts, "total": float(total.detach()), "learning_rate": rate}

    def _first_step_of_phase(self) -> int:
        first_epoch = max(first for first in self.config.first_epochs if first <= self.epoch)
        return sum(map(len, self.plans[:first_epoch]))

    def _validate(self, phase: Phase) -> None:
        """Rank the held-out people after an epoch, and keep the weights if they are the best."""
        result = None
        if self.split.validation:
            result = validate(
                cast(EmbeddingModel, self.average.module),
                self.split.validation,
                self.validation,
                height=phase.height,
                width=phase.width,
            )
        if result is None:
            log(f"epoch {self.epoch}: nobody held out to validate on; the latest counts as best")
        else:
            self.figures = asdict(result)
            write_metrics(self.out, {"epoch": self.epoch, "validation": self.figures})
            log(f"epoch {self.epoch}: held-out mAP {result.map:.4f}, rank-1 {result.rank1:.4f}")
        self._keep_if_best(None if result is None else result.map)

    def _keep_if_best(self, held_out_map: float | None) -> None:
        """Save the weights as the best so far; without a figure the latest always are.

        Figures of different input sizes don't compare, so every phase begins anew: in the end the
        best is of the last phase.
        """
        begins = self.epoch - 1 in self.config.first_epochs
        if held_out_map is None or begins or held_out_map > self.best_map:
            self.best_map = held_out_map or 0.0
            self._save(BEST)

    # -- logs ----------------------------------------------------------------------------------

    def _report(self, meter: Meter, epoch_batches: int) -> None:
        parts = meter.means()
        record = {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "pictures_per_s": round(meter.pictures / meter.elapsed, 1),
            "waiting_share": round(meter.waited / meter.elapsed, 3),
            "seconds": round(self.seconds, 1),
            **{name: round(value, 6) for name, value in parts.items()},
        }
        write_metrics(self.out, record)
        losses = ", ".join(f"{n} {v:.3f}" for n, v in parts.items() if n != "learning_rate")
        log(
            f"epoch {self.epoch} {self.batch}/{epoch_batches}: {losses}; "
            f"{record['pictures_per_s']} pictures/s, waiting {100 * record['waiting_share']:.0f} %"
        )

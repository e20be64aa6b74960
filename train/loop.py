"""The training loop: a run is a directory, and can be killed and resumed at any point."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..gallery.errors import TrainingError
from .augment import Augmentation
from .checkpoint import load_checkpoint, read_state, save_checkpoint
from .config import Phase, TrainConfig, parse_config
from .datasets import CropCache, PictureDataset, load_teacher, split_people
from .meter import Meter
from .model import EmbeddingModel, load_initial_weights
from .objective import Objective
from .samplers import plan_epoch
from .schedule import WeightAverage, learning_rate_at, margin_at
from .validation import validate


@dataclass(frozen=True, slots=True)
class RunData:
    """Where a run's pictures come from: what `train` was given, kept for `resume`."""

    sources: tuple[tuple[Path, str], ...]
    teacher: Path | None = None


def start_run(out: Path, config: TrainConfig, data: RunData) -> "Run":
    """Begin a new run in the folder ``out``.

    Raises:
        TrainingError: there is a run in it already.
    """
    if (out / "last.safetensors").exists() or (out / "run.json").exists():
        raise TrainingError(f"{out}: holds a run already; go on with train --resume {out}")
    out.mkdir(parents=True, exist_ok=True)
    description = {
        "config": asdict(config),
        "sources": [[str(folder.resolve()), layout] for folder, layout in data.sources],
        "teacher": str(data.teacher.resolve()) if data.teacher else None,
    }
    (out / "run.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    return Run(out, config, data)


def resume_run(out: Path) -> "Run":
    """Go on with the run in the folder ``out`` from its last checkpoint.

    Raises:
        TrainingError: there is no run in it.
    """
    try:
        description = json.loads((out / "run.json").read_text(encoding="utf-8"))
        sources = tuple((Path(folder), layout) for folder, layout in description["sources"])
        teacher = Path(description["teacher"]) if description["teacher"] else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{out}: holds no run to resume ({error})") from error
    config = parse_config(_lists(description["config"]), where=str(out / "run.json"))
    return Run(out, config, RunData(sources, teacher))


def _lists(tree: Any) -> Any:
    return json.loads(json.dumps(tree))


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
        self._build()

    def _refuse_bad_pictures(self) -> None:
        failed = self.training.failed + self.validation.failed
        if failed:
            raise TrainingError(
                f"{len(failed)} pictures can't be read; move them away first: {'; '.join(failed[:5])}"
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
        self.optimizer = torch.optim.AdamW(
            _parameter_groups([self.model, self.objective], config.optim.weight_decay),
            lr=config.optim.learning_rate,
        )
        self.epoch, self.batch, self.step, self.best_map, self.seconds = 0, 0, 0, 0.0, 0.0
        if (self.out / "last.safetensors").exists():
            self._restore()
        else:
            self._log(load_initial_weights(self.model, config.model.init))
            self.average = WeightAverage(self.model, decay=config.optim.ema_decay)
        self.plans = {n: self._plan(n) for n in range(config.epochs)}
        self.steps = sum(len(plan) for plan in self.plans.values())
        self._saved = time.monotonic()

    def _plan(self, epoch: int) -> list[list[int]]:
        plan = plan_epoch(
            self.labels.tolist(),
            [p.camera for p in self.split.training],
            people=min(self.config.data.people_per_batch, len(self.people)),
            per_person=self.config.data.pictures_per_person,
            seed=self.config.seed,
            epoch=epoch,
        )
        if not plan:
            raise TrainingError(
                "the training pictures don't fill one batch; lower people_per_batch"
            )
        return plan

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
            "config": asdict(self.config),
        }
        save_checkpoint(
            self.out / name, modules=self._modules(), optimizer=self.optimizer, state=state
        )
        self._saved = time.monotonic()

    def _restore(self) -> None:
        self.average = WeightAverage(self.model, decay=self.config.optim.ema_decay)
        path = self.out / "last.safetensors"
        state = load_checkpoint(path, modules=self._modules(), optimizer=self.optimizer)
        self.epoch, self.batch, self.step = state["epoch"], state["batch"], state["step"]
        self.best_map, self.seconds = state["best_map"], state["seconds"]
        self._log(f"resumed at epoch {self.epoch}, batch {self.batch}")

    # -- the loop ------------------------------------------------------------------------------

    def finish(self) -> Path:
        """Train to the end of the last epoch; return the best checkpoint's path.

        Raises:
            TrainingError: the loss is no longer a number, or a checkpoint can't be written.
        """
        pictures = len(self.split.training)
        self._log(
            f"{pictures} pictures of {len(self.people)} people, "
            f"{len(self.split.validation)} pictures held out; {self.steps} steps"
        )
        while self.epoch < self.config.epochs:
            self._train_epoch(self.config.phase_of(self.epoch))
            self.epoch, self.batch = self.epoch + 1, 0
            self._validate(self.config.phase_of(self.epoch - 1))
            self._save("last.safetensors")
        return self.out / "best.safetensors"

    def _train_epoch(self, phase: Phase) -> None:
        self.model.freeze_stages(phase.frozen_stages)
        self.model.train()
        self.objective.train()
        meter = Meter()
        plan = self.plans[self.epoch]
        batches = self._batches(phase, plan)
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
                self._save("last.safetensors")

    def _batches(self, phase: Phase, plan: list[list[int]]) -> Iterator[tuple[Tensor, Tensor]]:
        dataset = PictureDataset(
            self.training, Augmentation(height=phase.height, width=phase.width)
        )
        workers = self.config.data.workers
        loader = DataLoader(
            dataset,
            batch_sampler=[
                self._with_seeds(plan[number], number) for number in range(self.batch, len(plan))
            ],
            num_workers=workers,
            prefetch_factor=4 if workers else None,
        )
        return iter(loader)

    def _with_seeds(self, positions: Sequence[int], number: int) -> list[tuple[int, int]]:
        """Pair positions with seeds that depend on nothing but where they stand in the run."""
        first = ((self.config.seed * 10_007 + self.epoch) * 100_003 + number) * 1_009
        return [(position, first + slot) for slot, position in enumerate(positions)]

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
                f"the loss is {float(total)} at step {self.step}; lower optim.learning_rate and "
                f"go on from the last good checkpoint with train --resume {self.out}"
            )
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), optim.clip_norm)
        self.optimizer.step()
        self.average.update(self.model, self.step)
        return {**parts, "total": float(total.detach()), "learning_rate": rate}

    def _validate(self, phase: Phase) -> None:
        if not self.split.validation:
            self._save("best.safetensors")
            return
        result = validate(
            self.average.module,
            self.split.validation,
            self.validation,
            height=phase.height,
            width=phase.width,
        )
        self._write({"epoch": self.epoch, "validation": asdict(result)})
        self._log(f"epoch {self.epoch}: held-out mAP {result.map:.4f}, rank-1 {result.rank1:.4f}")
        # Figures of different input sizes don't compare: the last phase's best is the best.
        final = self.epoch > self.config.epochs - self.config.phases[-1].epochs
        if result.map > self.best_map or (final and not self._best_is_final()):
            self.best_map = result.map
            self._save("best.safetensors")

    def _best_is_final(self) -> bool:
        path = self.out / "best.safetensors"
        first_final = self.config.epochs - self.config.phases[-1].epochs
        return path.exists() and read_state(path)["epoch"] > first_final

    # -- logs ----------------------------------------------------------------------------------

    def _report(self, meter: "Meter", epoch_batches: int) -> None:
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
        self._write(record)
        losses = ", ".join(f"{n} {v:.3f}" for n, v in parts.items() if n != "learning_rate")
        self._log(
            f"epoch {self.epoch} {self.batch}/{epoch_batches}: {losses}; "
            f"{record['pictures_per_s']} pictures/s, waiting {100 * record['waiting_share']:.0f} %"
        )

    def _write(self, record: dict[str, Any]) -> None:
        with (self.out / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def _log(self, line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def _parameter_groups(
    modules: Sequence[torch.nn.Module], weight_decay: float
) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels only: biases and norms must be free."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]

"""What learns, and one step of it: model, objective, optimizer and the average of the weights."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..gallery.errors import TrainingError
from .checkpoint import load_checkpoint, save_checkpoint
from .config import TrainConfig
from .folded import measure_statistics
from .initial import load_initial_weights
from .model import EmbeddingModel, check_phases
from .objective import Objective
from .optimizer import build_optimizer
from .processes import Processes
from .schedule import WeightAverage, learning_rate_at, margin_at

_SMALLEST_LOSS_SCALE = 1.0
"""fp16 lowers its scale when gradients overflow; below this they do so by themselves."""


class DivergedError(TrainingError):
    """The loss or a gradient is no number any more; the weights are as before the step."""


class Learner:
    """Build it, `load` a checkpoint if there is one, then call `step`.

    Args:
        config: of the run.
        processes: that train together.
        people: the number of classes.
        labels: int64[n], the class of each training picture.
        teacher: float32[n, t] embeddings of all training pictures, or None.
        initial_weights: start the backbone from ``model.init``; leave it out before `load`.

    Raises:
        ConfigError: the backbone or its initial weights can't be had, or a phase asks for more
            than the backbone can.
    """

    def __init__(
        self,
        config: TrainConfig,
        processes: Processes,
        *,
        people: int,
        labels: Tensor,
        teacher: Tensor | None,
        initial_weights: bool = True,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.processes = config, processes
        model = EmbeddingModel(config.model)
        check_phases(model, config.phases)
        self.origin = load_initial_weights(model, config.model.init) if initial_weights else ""
        self.objective = Objective(
            config.loss,
            dim=config.model.embedding_size,
            classes=people,
            teacher_dim=None if teacher is None else teacher.shape[1],
        ).to(processes.device)
        model = cast(EmbeddingModel, processes.join_batch_statistics(model))
        self.model = model.to(processes.device).to(memory_format=torch.channels_last)
        self.average = WeightAverage(self.model, decay=config.optim.ema_decay)
        self.optimizer = build_optimizer([self.model, self.objective], config.optim)
        self._forward, self._stepper = processes.prepare(self.model, self.optimizer)
        self._labels = labels.to(processes.device)
        self._teacher = None if teacher is None else teacher.to(processes.device)

    def measure_statistics(self, batches: Iterable[Tensor]) -> int:
        """Before the first step, see `folded.measure_statistics`; return how many norms changed.

        The neck's shift, which isn't trained, starts from zero again.
        """
        measured = measure_statistics(self.model, batches)
        self.model.centre()
        return measured

    def start_objective(self, embeddings: Tensor, positions: Tensor) -> None:
        """Before the first step of a model that is trained already, see `Objective.start_from`.

        Args:
            embeddings: float32[n, d] unit rows that the model gives for training pictures.
            positions: int64[n], which these are.
        """
        positions = positions.to(self.processes.device)
        teacher = None if self._teacher is None else self._teacher[positions]
        rows = embeddings.to(self.processes.device)
        self.objective.start_from(rows, self._labels[positions], teacher)

    def share(self) -> None:
        """Before the first step, give the average and all processes what the first one measured."""
        for module in (self.model, self.objective):
            self.processes.share(module)
        # Not a new copy: a prepared model's `forward` computes in the precision of training.
        self.average.module.load_state_dict(self.model.state_dict())

    def begin_epoch(self, frozen_stages: int) -> None:
        """Switch to training, the first stages frozen."""
        self.model.freeze_stages(frozen_stages)
        self.model.train()
        self.objective.train()

    def step(
        self, pictures: Tensor, positions: Tensor, *, epochs: float, step: int, phase_step: int
    ) -> dict[str, float]:
        """Learn from one batch.

        Args:
            pictures: uint8[n, h, w, 3], this process's share of the batch.
            positions: int64[n], which training pictures they are.
            epochs: that are done, which tells the learning rate and the margin.
            step: batches done; what is random in a step depends on nothing else.
            phase_step: ``step`` when the phase began.

        Returns:
            The value of each part of the loss and their ``total``, ``learning_rate``,
            ``gradient_norm``, and the head's ``scale`` where it has one.

        Raises:
            DivergedError: the loss or its gradient is no number; nothing was changed by it.
        """
        rate = self._follow_schedule(epochs)
        seed = (self.config.seed * 1_000_003 + step) * 1_009 + self.processes.rank
        torch.manual_seed(seed)
        total, parts = self._loss(pictures, positions)
        norm = self._descend(total)
        # Another input size is another model at first: the average starts anew with each phase.
        self.average.update(self.model, step - phase_step)
        scale = self.objective.scale
        return {
            **parts,
            "total": float(total.detach()),
            "learning_rate": rate,
            "gradient_norm": norm,
            **({} if scale is None else {"scale": scale}),
        }

    def _follow_schedule(self, epochs: float) -> float:
        optim, loss = self.config.optim, self.config.loss
        rate = learning_rate_at(
            epochs,
            of=self.config.epochs,
            warmup=optim.warmup_epochs,
            peak=optim.learning_rate,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.objective.set_margin(
            margin_at(epochs, warmup_epochs=loss.margin_warmup_epochs, margin_rad=loss.margin_rad)
        )
        return rate

    def _loss(self, pictures: Tensor, positions: Tensor) -> tuple[Tensor, Mapping[str, float]]:
        device, gather = self.processes.device, self.processes.gather
        positions = gather(positions.to(device, non_blocking=True))
        projected, necked = self._forward(pictures.to(device, non_blocking=True))
        teacher = None if self._teacher is None else self._teacher[positions]
        total, parts = self.objective(
            gather(projected), gather(necked), self._labels[positions], teacher
        )
        if not torch.isfinite(total):
            raise DivergedError(f"the loss is {total.item()}")
        return total, parts

    def _descend(self, total: Tensor) -> float:
        """Change the weights; return the length of the model's gradient before clipping."""
        self.optimizer.zero_grad(set_to_none=True)
        self.processes.backward(total)
        self.processes.average_gradients(self.objective)
        norm = float(self.processes.clip(self.model.parameters(), self.config.optim.clip_norm))
        gradients = [p.grad for p in self.objective.parameters() if p.grad is not None]
        of_objective = float(torch.nn.utils.get_total_norm(gradients)) if gradients else 0.0
        if not torch.isfinite(torch.tensor([norm, of_objective])).all():
            self._refuse_unless_fp16_recovers(norm)
        self._stepper.step()
        return norm

    def _refuse_unless_fp16_recovers(self, norm: float) -> None:
        scale = self.processes.loss_scale
        if scale is None or scale < _SMALLEST_LOSS_SCALE:
            raise DivergedError(f"the gradient is {norm}")

    # -- checkpoints ---------------------------------------------------------------------------

    def _modules(self) -> dict[str, nn.Module]:
        return {"model": self.model, "objective": self.objective, "average": self.average.module}

    def save(self, path: Path, state: Mapping[str, Any]) -> None:
        """Write a checkpoint with ``state`` beside what was learned; see `save_checkpoint`."""
        save_checkpoint(
            path,
            modules=self._modules(),
            optimizer=self.optimizer,
            state={**state, "scaler": self.processes.scaler_state()},
        )

    def load(self, path: Path) -> dict[str, Any]:
        """Restore a checkpoint; return its state. See `load_checkpoint` for errors."""
        state = load_checkpoint(path, modules=self._modules(), optimizer=self.optimizer)
        self.processes.restore_scaler(state.get("scaler"))
        return state

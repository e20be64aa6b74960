"""Which pictures each step sees, and how they are loaded."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..gallery.errors import TrainingError
from .augment import Augmentation
from .config import Phase, TrainConfig
from .datasets import CropCache, PictureDataset
from .samplers import plan_epoch

Plan = list[list[int]]
"""One epoch: batches of positions."""


def plan_run(
    labels: Sequence[int], cameras: Sequence[str | None], config: TrainConfig
) -> list[Plan]:
    """Plan every epoch of a run.

    Raises:
        TrainingError: the pictures don't fill one batch.
    """
    plans = [
        plan_epoch(
            labels,
            cameras,
            people=min(config.data.people_per_batch, len(set(labels))),
            per_person=config.data.pictures_per_person,
            seed=config.seed,
            epoch=epoch,
        )
        for epoch in range(config.epochs)
    ]
    if not all(plans):
        raise TrainingError("the training pictures don't fill one batch; lower people_per_batch")
    return plans


def load_batches(
    crops: CropCache, plan: Plan, config: TrainConfig, phase: Phase, *, epoch: int, first: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of an epoch from number ``first`` on.

    Each is uint8[n, h, w, 3] augmented pictures and int64[n] positions. A batch depends on nothing
    but where it stands in the run, so that a resumed run sees what an uninterrupted one would.
    """
    numbers = range(first, len(plan))
    workers = config.data.workers
    loader = DataLoader(
        PictureDataset(crops, Augmentation(height=phase.height, width=phase.width)),
        batch_sampler=[_with_seeds(plan[n], config.seed, epoch, n) for n in numbers],
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        # Its own generator: a loader draws from it when it starts, and must not move the run's.
        generator=torch.Generator(),
    )
    return iter(loader)


def _with_seeds(
    positions: Sequence[int], seed: int, epoch: int, number: int
) -> list[tuple[int, int]]:
    first = ((seed * 10_007 + epoch) * 100_003 + number) * 1_009
    return [(position, first + slot) for slot, position in enumerate(positions)]

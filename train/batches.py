"""Which pictures each step sees, and how they are loaded."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from .augment import Augmentation
from .config import Phase, TrainConfig
from .datasets import CropCache, PictureDataset
from .samplers import plan_epoch, shard

Plan = list[list[int]]
"""One epoch: batches of positions."""


def plan_batches(
    labels: Sequence[int],
    cameras: Sequence[str | None],
    config: TrainConfig,
    *,
    epoch: int,
    tracklets: Sequence[str | None] | None = None,
) -> Plan:
    """Plan an epoch of a run, the same in every process.

    Args:
        labels: of every training picture, whom it shows.
        cameras: of every training picture.
        config: says how many people and pictures make a batch, and how they are balanced.
        epoch: from 0.
        tracklets: of every training picture; None if none is known.

    Returns:
        At least one batch; of fewer people than the configuration says where there aren't as many.
    """
    views = list(zip(cameras, tracklets or [None] * len(cameras), strict=True))
    return plan_epoch(
        labels,
        views if config.data.mix_cameras else None,
        people=min(config.data.people_per_batch, len(set(labels))),
        per_person=config.data.pictures_per_person,
        seed=config.seed,
        epoch=epoch,
        balance_to=config.data.balance_to,
    )


def load_batches(
    crops: CropCache,
    plan: Plan,
    config: TrainConfig,
    phase: Phase,
    *,
    epoch: int,
    first: int,
    rank: int = 0,
    world_size: int = 1,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of an epoch from number ``first`` on.

    Each is uint8[n, h, w, 3] augmented pictures and int64[n] positions. A batch depends on nothing
    but where it stands in the run, so that a resumed run sees what an uninterrupted one would. Of
    several processes each gets its part of every batch, augmented as one process alone would.

    Raises:
        TrainingError: the batches can't be cut into ``world_size`` equal parts.
    """
    batches = [
        shard(_with_seeds(plan[n], config.seed, epoch, n), rank=rank, world_size=world_size)
        for n in range(first, len(plan))
    ]
    workers = config.data.workers
    loader = DataLoader(
        PictureDataset(crops, Augmentation(config.augment, height=phase.height, width=phase.width)),
        batch_sampler=batches,
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

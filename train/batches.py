"""Which pictures each step sees, and how they are loaded."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from ..gallery.errors import PictureError, TrainingError
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


def add_unlabelled(
    plan: Plan, positions: Sequence[int], config: TrainConfig, *, begun_at: int
) -> Plan:
    """Let pictures without labels join the batches of an epoch, `unlabelled_per_batch` each.

    Those that follow one another in ``positions`` come together, ``pictures_per_person`` of them:
    names in order are often of one person, and among strangers alone a teacher has little to tell.
    All groups have come when the first comes again, in another order. Every batch is as long, so
    that either all can be shared by several processes or none: the last group is filled up with
    its neighbours.

    Args:
        plan: of the labelled pictures.
        positions: of the others, in the order of their names.
        config: says how many join, how many come together, and the seed.
        begun_at: batches of the run before these, however long its epochs were.
    """
    together = config.data.pictures_per_person
    last = max(len(positions) - together, 0)
    starts = [min(n, last) for n in range(0, len(positions), together)]
    groups = [positions[start : start + together] for start in starts]
    per_batch = -(-config.data.unlabelled_per_batch // together)
    batches = []
    for number, batch in enumerate(plan):
        first = (begun_at + number) * per_batch
        drawn = [groups[_nth(n, len(groups), config.seed)] for n in range(first, first + per_batch)]
        joining = [position for group in drawn for position in group]
        batches.append(batch + joining[: config.data.unlabelled_per_batch])
    return batches


def _nth(number: int, count: int, seed: int) -> int:
    """The ``number``-th draw of an endless deck of ``count`` cards, shuffled anew each round."""
    turn, place = divmod(number, count)
    return int(_shuffled(count, (seed, turn))[place])


@lru_cache(maxsize=4)
def _shuffled(count: int, seed: tuple[int, int]) -> npt.NDArray[np.intp]:
    return np.random.default_rng(seed).permutation(count)


def load_batches(
    crops: CropCache,
    plan: Plan,
    config: TrainConfig,
    phase: Phase,
    *,
    epoch: int,
    first: int,
    labelled: int | None = None,
    rank: int = 0,
    world_size: int = 1,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of an epoch from number ``first`` on.

    Each is uint8[n, h, w, 3] augmented pictures and int64[n] positions. A batch depends on nothing
    but where it stands in the run, so that a resumed run sees what an uninterrupted one would. Of
    several processes each gets its part of every batch, augmented as one process alone would.
    Only the first ``labelled`` crops are augmented, or all.

    Raises:
        TrainingError: the batches can't be cut into ``world_size`` equal parts; or, when a batch is
            asked for, a picture of it can't be read any more.
    """
    batches = [
        shard(_with_seeds(plan[n], config.seed, epoch, n), rank=rank, world_size=world_size)
        for n in range(first, len(plan))
    ]
    workers = config.data.workers
    loader = DataLoader(
        PictureDataset(
            crops,
            Augmentation(config.augment, height=phase.height, width=phase.width),
            labelled=len(crops.paths) if labelled is None else labelled,
        ),
        batch_sampler=batches,
        collate_fn=_collate,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        # Its own generator: a loader draws from it when it starts, and must not move the run's.
        generator=torch.Generator(),
    )
    return map(_require_pictures, iter(loader))


def _collate(items: Sequence[Any]) -> Any:
    problem = next((item for item in items if isinstance(item, PictureError)), None)
    return default_collate(list(items)) if problem is None else problem


def _require_pictures(batch: Any) -> tuple[Tensor, Tensor]:
    if isinstance(batch, PictureError):
        raise TrainingError(f"{batch}; bring it back, then go on with train --resume")
    pictures, positions = batch
    return pictures, positions


def _with_seeds(
    positions: Sequence[int], seed: int, epoch: int, number: int
) -> list[tuple[int, int]]:
    first = ((seed * 10_007 + epoch) * 100_003 + number) * 1_009
    return [(position, first + slot) for slot, position in enumerate(positions)]

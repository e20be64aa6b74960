"""Which pictures make a batch: P people, K pictures of each, cameras mixed or not."""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from ..gallery.errors import TrainingError
from .balancing import draw_pictures

Item = TypeVar("Item")
Group = tuple[int, list[int]]
"""A person and some of their pictures."""


def plan_epoch(
    labels: Sequence[int],
    views: Sequence[tuple[Hashable, Hashable]] | None,
    *,
    people: int,
    per_person: int,
    seed: int,
    epoch: int,
    balance_to: int = 0,
) -> list[list[int]]:
    """Plan the batches of one epoch; the same arguments give the same plan.

    Of every person, as many pictures are drawn as they have, or ``balance_to`` (see
    `draw_pictures`), rounded up to whole groups of ``per_person``. The groups are dealt into
    batches of ``people`` different people. What does not fill a whole batch is left for the next
    epoch's other order.

    Args:
        labels: of every picture, whom it shows.
        views: of every picture, (camera, tracklet): a group then mixes cameras for as long as the
            person has others. None draws without regard to them.
        people: P.
        per_person: K.
        seed: of the run.
        epoch: from 0.
        balance_to: pictures of each person in an epoch; 0 takes each picture once.

    Returns:
        Batches of P * K positions in ``labels``, a person's pictures adjacent.
    """
    random = np.random.default_rng((seed, epoch))
    positions: dict[int, list[int]] = defaultdict(list)
    for position, label in enumerate(labels):
        positions[label].append(position)
    groups: list[Group] = []
    for label in sorted(positions):
        count = -(-(balance_to or len(positions[label])) // per_person) * per_person
        drawn = draw_pictures(positions[label], views, count, group=per_person, random=random)
        starts = range(0, count, per_person)
        groups += [(label, drawn[start : start + per_person]) for start in starts]
    return list(_deal([groups[n] for n in random.permutation(len(groups))], people))


def _deal(groups: list[Group], people: int) -> Iterator[list[int]]:
    """Deal groups into batches in which no person appears twice."""
    waiting = deque(groups)
    while len(waiting) >= people:
        batch: dict[int, list[int]] = {}
        later = []
        while waiting and len(batch) < people:
            label, group = waiting.popleft()
            if label in batch:
                later.append((label, group))
            else:
                batch[label] = group
        if len(batch) < people:
            return
        yield [position for group in batch.values() for position in group]
        waiting.extendleft(reversed(later))


def shard(batch: Sequence[Item], *, rank: int, world_size: int) -> list[Item]:
    """One process's part of a batch; those of all processes, in the order of ranks, are the batch.

    Args:
        batch: the same in every process.
        rank: of the process, from 0.
        world_size: how many processes there are.

    Raises:
        TrainingError: the batch can't be cut into as many equal parts.
    """
    size, rest = divmod(len(batch), world_size)
    if rest:
        raise TrainingError(
            f"a batch of {len(batch)} pictures can't be shared evenly by {world_size} processes; "
            "make data.people_per_batch a multiple of their number, and data.unlabelled_per_batch"
        )
    return list(batch[rank * size : (rank + 1) * size])

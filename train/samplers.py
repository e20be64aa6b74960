"""Which pictures make a batch: P people, K pictures of each, cameras mixed."""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence

import numpy as np


def plan_epoch(
    labels: Sequence[int],
    cameras: Sequence[str | None],
    *,
    people: int,
    per_person: int,
    seed: int,
    epoch: int,
) -> list[list[int]]:
    """Plan the batches of one epoch; the same arguments give the same plan.

    Every person's pictures are ordered so that cameras alternate, cut into groups of
    ``per_person`` (the last one filled up with the person's other pictures), and the groups dealt
    into batches of ``people`` different people. What does not fill a whole batch is left for the
    next epoch's other order.

    Returns:
        Batches of ``people * per_person`` positions in ``labels``, a person's pictures adjacent.
    """
    random = np.random.default_rng((seed, epoch))
    positions: dict[int, list[int]] = defaultdict(list)
    for position, label in enumerate(labels):
        positions[label].append(position)
    groups = [
        (label, group)
        for label in sorted(positions)
        for group in _groups(positions[label], cameras, per_person, random)
    ]
    return list(_deal([groups[n] for n in random.permutation(len(groups))], people))


def _groups(
    positions: list[int],
    cameras: Sequence[str | None],
    per_person: int,
    random: np.random.Generator,
) -> Iterator[list[int]]:
    order = _alternate_cameras([positions[n] for n in random.permutation(len(positions))], cameras)
    for start in range(0, len(order), per_person):
        group = order[start : start + per_person]
        while len(group) < per_person:
            group.append(order[int(random.integers(len(order)))])
        yield group


def _alternate_cameras(shuffled: list[int], cameras: Sequence[str | None]) -> list[int]:
    """Order positions so that neighbours come from different cameras for as long as possible."""
    seen: dict[str | None, int] = defaultdict(int)
    turns: list[tuple[int, int, int]] = []
    for position in shuffled:
        turns.append((seen[cameras[position]], len(turns), position))
        seen[cameras[position]] += 1
    return [position for _, _, position in sorted(turns)]


def _deal(groups: list[tuple[int, list[int]]], people: int) -> Iterator[list[int]]:
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

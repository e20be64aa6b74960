"""Balancing: which people are trained on, and how many pictures of each an epoch sees.

It is a plan over what is on the disk; nothing is copied or deleted. People are split first: only
those to train on are balanced, so no picture of theirs, however augmented, reaches validation.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


def small_people(people: Sequence[str], quantile: float) -> set[str]:
    """Who has fewer pictures than a quantile of the people.

    Args:
        people: of every picture, whom it shows.
        quantile: in [0, 1); of the numbers of pictures, linear between two of them.
    """
    counts = Counter(people)
    if not counts:
        return set()
    least = float(np.quantile(list(counts.values()), quantile))
    return {person for person, count in counts.items() if count < least}


def draw_pictures(
    positions: Sequence[int],
    views: Sequence[tuple[Hashable, Hashable]] | None,
    count: int,
    *,
    group: int,
    random: np.random.Generator,
) -> list[int]:
    """Draw ``count`` of one person's pictures: every one as often as any other, give or take one.

    With fewer pictures than ``count`` they come in rounds, to be augmented in another way each
    time; with more, those are taken that cover cameras, and in each camera tracklets, evenly.

    Args:
        positions: of the person's pictures.
        views: (camera, tracklet) of every position there is; None draws without regard to them.
        count: how many to draw.
        group: no picture comes twice in a run of this many, from the first on, if there are enough.
        random: the source of the order.
    """
    drawn: list[int] = []
    while len(drawn) < count:
        fresh = [positions[n] for n in random.permutation(len(positions))]
        if views is not None:
            fresh = _spread(fresh, views)
        begun = set(drawn[len(drawn) - len(drawn) % group :])
        drawn += [p for p in fresh if p not in begun] + [p for p in fresh if p in begun]
    return drawn[:count]


def _spread(shuffled: list[int], views: Sequence[tuple[Hashable, Hashable]]) -> list[int]:
    """Let cameras take turns for as long as they can, and in each camera its tracklets."""
    by_tracklet = _take_turns(shuffled, lambda position: views[position])
    return _take_turns(by_tracklet, lambda position: views[position][0])


def _take_turns(items: list[Item], key: Callable[[Item], Hashable]) -> list[Item]:
    """Let keys take turns, in the order of each key's first item; the items of one as they are.

    With one order for all turns no key comes twice among any as many neighbours as keys are left.
    """
    seen: dict[Hashable, int] = defaultdict(int)
    first: dict[Hashable, int] = {}
    turns = []
    for place, item in enumerate(items):
        rank = first.setdefault(key(item), place)
        turns.append((seen[key(item)], rank, place))
        seen[key(item)] += 1
    return [items[place] for _, _, place in sorted(turns)]

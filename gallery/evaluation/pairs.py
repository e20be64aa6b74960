"""Pairs of pictures to verify: the same person, or two?

Two ways to draw them. The coin's is what a demonstration does: it draws any two pictures of a
person, mostly from one camera and often from one second. The honest way draws what is asked in use:
the same person in another view.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from ..counted import counted
from ..errors import NotFoundError
from .counting import Rows

COIN_PAIRS = 3000
"""How many pairs the coin's protocol draws."""

PAIRS_A_PERSON = 20
"""Most positive pairs of one person in the honest protocol: nobody weighs more than others."""

_ENUMERATED = 200
"""Pictures of one person up to which all pairs are listed; of more, random pairs are drawn."""

_TRIES = 100


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """m pairs of rows.

    Attributes:
        left: int64[m].
        right: int64[m].
        same: bool[m], whether both show one person.
        half: int64[m], 0 or 1: the half of the people that a pair is of; all 0 with the coin.
    """

    left: Rows
    right: Rows
    same: npt.NDArray[np.bool_]
    half: Rows


def draw_coin_pairs(
    pids: Sequence[str], *, nobody: Collection[str] = (), count: int = COIN_PAIRS, seed: int = 0
) -> Pairs:
    """Draw pairs with a coin for same or different; people and pictures are drawn evenly.

    Args:
        pids: n identities.
        nobody: pids that aren't one person.
        count: pairs.
        seed: of the draws.

    Raises:
        NotFoundError: nobody has two pictures, or there is one person only.
    """
    rows_of = _group(pids, nobody)
    several = [rows for rows in rows_of.values() if len(rows) > 1]
    everybody = list(rows_of.values())
    if not several or len(everybody) < 2:
        raise NotFoundError("pairs take two people at least, one of them with two pictures")
    generator = np.random.default_rng(seed)
    same = generator.random(count) < 0.5
    drawn = np.empty((count, 2), dtype=np.int64)
    for number in range(count):
        if same[number]:
            drawn[number] = generator.choice(_pick(generator, several), 2, replace=False)
        else:
            two = generator.choice(len(everybody), 2, replace=False)
            drawn[number] = [generator.choice(everybody[person]) for person in two]
    return Pairs(drawn[:, 0], drawn[:, 1], same, np.zeros(count, dtype=np.int64))


def draw_honest_pairs(
    pids: Sequence[str],
    views: Sequence[str],
    *,
    nobody: Collection[str] = (),
    most: int = PAIRS_A_PERSON,
    seed: int = 0,
) -> Pairs:
    """Draw pairs of one person in two views, and for each a pair of two people in two views.

    The people are parted into halves and both people of a pair are of one half, so that a
    threshold can be learned from one half and tried on the other.

    Args:
        pids: n identities.
        views: n names, such as cameras; see `trials.Trial`.
        nobody: pids that aren't one person.
        most: positive pairs of one person.
        seed: of the draws.

    Raises:
        NotFoundError: fewer than four people were seen in two views.
    """
    names = np.asarray(views)
    generator = np.random.default_rng(seed)
    rows_of = {
        pid: rows
        for pid, rows in _group(pids, nobody).items()
        if len(set(names[rows].tolist())) > 1
    }
    if len(rows_of) < 4:
        raise NotFoundError(
            f"{counted(len(rows_of), 'person', 'were')} seen by two cameras, or in two tracklets "
            "or pictures; pairs whose threshold comes from other people take four"
        )
    people = [list(rows_of.values())[n] for n in generator.permutation(len(rows_of))]
    middle = len(people) // 2
    parts = [
        _draw_half(half, names, most, generator) for half in (people[:middle], people[middle:])
    ]
    left, right, same = (np.concatenate(column) for column in zip(*parts, strict=True))
    half = np.repeat([0, 1], [len(part[0]) for part in parts])
    return Pairs(left, right, same, half)


def _draw_half(
    people: list[Rows], views: npt.NDArray[Any], most: int, generator: np.random.Generator
) -> tuple[Rows, Rows, npt.NDArray[np.bool_]]:
    positives = [_draw_positives(rows, views, most, generator) for rows in people]
    left = np.concatenate([pair[0] for pair in positives])
    right = np.concatenate([pair[1] for pair in positives])
    owners = np.repeat(np.arange(len(people)), [len(pair[0]) for pair in positives])
    others = _draw_others(left, owners, people, views, generator)
    same = np.repeat([True, False], len(left))
    return np.concatenate([left, left]), np.concatenate([right, others]), same


def _draw_positives(
    rows: Rows, views: npt.NDArray[Any], most: int, generator: np.random.Generator
) -> tuple[Rows, Rows]:
    """Draw pairs of one person's pictures in two views, none twice; there is one at least."""
    if len(rows) <= _ENUMERATED:
        first, second = np.triu_indices(len(rows), 1)
    else:
        first, second = np.sort(_draw_apart(views[rows], most * _TRIES, generator), axis=0)
    apart = views[rows[first]] != views[rows[second]]
    pairs = np.unique(np.stack([first[apart], second[apart]]), axis=1)
    chosen = generator.permutation(pairs.shape[1])[:most]
    return rows[pairs[0, chosen]], rows[pairs[1, chosen]]


def _draw_apart(
    views: npt.NDArray[Any], count: int, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw int64[2, count] of n pictures: any two in two views, all such pairs as likely."""
    order = np.argsort(views, kind="stable")
    _, begins, view, sizes = np.unique(
        views[order], return_index=True, return_inverse=True, return_counts=True
    )
    others = len(views) - sizes[view]
    first = generator.choice(len(views), size=count, p=others / others.sum())
    # Of all but the view's own, which lie together: those behind them are moved up.
    second = generator.integers(others[first])
    second += np.where(second >= begins[view[first]], sizes[view[first]], 0)
    return np.stack([order[first], order[second]])


def _draw_others(
    left: Rows,
    owners: Rows,
    people: list[Rows],
    views: npt.NDArray[Any],
    generator: np.random.Generator,
) -> Rows:
    """Draw another person's picture for each, in another view unless there is hardly any."""
    sizes = np.array([len(rows) for rows in people])
    starts = np.cumsum(sizes) - sizes
    flat = np.fromiter(chain.from_iterable(people), dtype=np.int64, count=int(sizes.sum()))
    others = np.empty_like(left)
    pending = np.arange(len(left))
    for _ in range(_TRIES):
        # Of the n - 1 others: those behind the owner are moved up by one.
        drawn = generator.integers(len(people) - 1, size=len(pending))
        drawn += drawn >= owners[pending]
        others[pending] = flat[starts[drawn] + generator.integers(sizes[drawn])]
        pending = pending[views[others[pending]] == views[left[pending]]]
        if not len(pending):
            break
    return others


def _group(pids: Sequence[str], nobody: Collection[str]) -> dict[str, Rows]:
    groups: dict[str, list[int]] = {}
    for row, pid in enumerate(pids):
        if pid not in nobody:
            groups.setdefault(pid, []).append(row)
    return {pid: np.array(rows, dtype=np.int64) for pid, rows in groups.items()}


def _pick(generator: np.random.Generator, groups: list[Rows]) -> Rows:
    return groups[int(generator.integers(len(groups)))]

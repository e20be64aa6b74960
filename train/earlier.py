"""Whom runs held out before they noted a fingerprint of their data: such runs still go on."""

from collections.abc import Sequence

import numpy as np

from .splitting import Split, TrainingPicture


def hold_out_as_before(split: Split, *, share: float, seed: int) -> Split:
    """Part the same people by the rule of those runs: a permutation of each source's people.

    Args:
        split: all pictures, on whichever side.
        share: of each source's people, in [0, 1).
        seed: of the choice.
    """
    everything = [*split.training, *split.validation]
    held_out = {
        person
        for number, people in enumerate(_people_by_source(everything))
        for person in _choose(people, share, (seed, number))
    }
    return Split(
        training=[p for p in everything if p.person not in held_out],
        validation=[p for p in everything if p.person in held_out],
        left_out=split.left_out,
    )


def _people_by_source(pictures: Sequence[TrainingPicture]) -> list[list[str]]:
    people: dict[int, set[str]] = {}
    for picture in pictures:
        people.setdefault(int(picture.source), set()).add(picture.person)
    return [sorted(people[number]) for number in sorted(people)]


def _choose(people: Sequence[str], share: float, seed: tuple[int, int]) -> list[str]:
    order = np.random.default_rng(seed).permutation(len(people))
    return [people[n] for n in order[: round(share * len(people))]]

"""The tables of docs/unknown.md, as they stand there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from openset import Answers, Cell, Draw, Floats, People, Rule, calibration_loss, draw
from openset_rules import RULES
from reid_gallery.gallery.decision import Calibration

GALLERIES = 50
RESAMPLES = 400
SIZES = (10, 50, 100, 300, 700)
FPIRS = (0.10, 0.01)
FIRST = "best sighting"


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A place's galleries, and what rules answered: a cell is drawn once for all that ask it."""

    place: People
    cohort: People
    rules: Mapping[str, Rule]
    galleries: int = GALLERIES
    _kept: dict[tuple[Cell, str], Answers | None] = field(default_factory=dict)

    def answers(self, cell: Cell, names: Sequence[str] = (FIRST,)) -> list[Answers]:
        """What each rule answered; nothing where the place has too few people."""
        missing = [name for name in names if (cell, name) not in self._kept]
        if missing:
            drawn = list(draw(self.place, self.cohort, cell, self.galleries))
            for name in missing:
                self._kept[cell, name] = Answers.of(drawn, self.rules[name]) if drawn else None
        found = [self._kept[cell, name] for name in names]
        return [one for one in found if one is not None]


def span(values: Floats, digits: int = 1) -> str:
    """A percentage with its 95 % interval; the first value is of everyone, the rest resampled."""
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return f"{values[0]:.{digits}%} [{low:.{digits}%}, {high:.{digits}%}]".replace("%", "")


def print_head(*columns: str) -> None:
    """Print a table's first two lines."""
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")


def print_row(*values: object) -> None:
    """Print one line of a table."""
    print(f"| {' | '.join(str(value) for value in values)} |", flush=True)


REALISED = tuple(c for f in FPIRS for c in ("threshold", f"FPIR at {f * 100:.0f} %", "FNIR"))
"""The columns of `realised`."""


def realised(
    asked: Asked,
    cells: Iterable[Cell],
    calibration: Calibration,
    before: Callable[[Cell], tuple[object, ...]],
    *,
    strangers: bool = True,
) -> list[dict]:
    """Print a row a cell, begun by what ``before`` says; return the numbers for the plots."""
    rows = []
    for cell in cells:
        columns: list[object] = []
        for answers in asked.answers(cell):
            weights = answers.weights(RESAMPLES)
            for fpir in FPIRS:
                at = calibration.threshold(
                    fpir=fpir, size={cell.sightings: cell.people}, pictures=cell.pictures
                )
                named, lost = answers.fpir(at, weights), answers.fnir(at, weights)
                columns += [f"{at:.3f}", span(named, 2), span(lost)]
                low, high = np.quantile(named[1:], [0.025, 0.975])
                rows.append({"cell": cell, "fpir": fpir, "named": named[0], "low": low,
                             "high": high, "lost": lost[0]})  # fmt: skip
            asking = [(~answers.mated).sum()] if strangers else []
            print_row(*before(cell), *columns, *asking)
    return rows


def ablate(columns: Sequence[tuple[str, Asked, Cell]], names: Sequence[str]) -> None:
    """Print each rule's FNIR at equal realised FPIR, as its paired difference from the first's."""
    answered = [asked.answers(cell, names) for _, asked, cell in columns]
    weights = [answers[0].weights(RESAMPLES) for answers in answered]
    for fpir in FPIRS:
        lost = [
            [one.fnir_at(fpir, weight) for one in answers]
            for answers, weight in zip(answered, weights, strict=True)
        ]
        print_head(f"FPIR {fpir * 100:.0f} %", *(title for title, _, _ in columns))
        print_row(names[0], *(f"FNIR {100 * column[0][0]:.1f}" for column in lost))
        for number, name in enumerate(names[1:], start=1):
            print_row(name, *(span(column[number] - column[0]) for column in lost))


def against_fixed(asked: Asked, calibration: Calibration, names: Sequence[str]) -> None:
    """Print one threshold for all sizes against the calibrated ones, at equal FPIR overall."""
    cells = [Cell(size, sightings, 1) for size in SIZES for sightings in (1, 2, 5)]
    answered = {cell: dict(zip(names, asked.answers(cell, names), strict=True)) for cell in cells}
    print_head("rule", "FPIR over all cells", "lowest, highest of a cell", "FNIR",
               "calibrated less this")  # fmt: skip
    for fpir in FPIRS:
        answers = {cell: answered[cell][FIRST] for cell in cells}
        varied = _matched(answers, fpir, lambda nominal, cell: calibration.threshold(
            fpir=float(np.clip(nominal, 1e-9, 0.999)), size={cell.sightings: cell.people}),
            low=1e-7, high=0.9, geometric=True)  # fmt: skip
        best = _pooled(answers, varied)
        _print_pooled(f"{FIRST}, calibrated", best, best)
        for name in names:
            own = {cell: answered[cell][name] for cell in cells}
            fixed = _matched(own, fpir, lambda at, cell: -at, low=-30, high=30, geometric=False)
            _print_pooled(f"{name}, one threshold", _pooled(own, fixed), best)


def _matched(
    answers: dict, fpir: float, threshold: Callable, *, low: float, high: float, geometric: bool
) -> dict:
    """Find thresholds of one parameter, more lenient as it grows, with this FPIR over all cells."""
    for _ in range(40):
        middle = float(np.sqrt(low * high)) if geometric else (low + high) / 2
        at = {cell: threshold(middle, cell) for cell in answers}
        named = np.mean([(a.scores[~a.mated] >= at[c]).mean() for c, a in answers.items()])
        low, high = (middle, high) if named < fpir else (low, middle)
    return at


def _pooled(answers: dict, at: dict) -> tuple[Floats, Floats]:
    named, lost = [], []
    for cell, one in answers.items():
        weights = one.weights(RESAMPLES)
        named.append(one.fpir(at[cell], weights))
        lost.append(one.fnir(at[cell], weights))
    return np.array(named), np.mean(lost, axis=0)


def _print_pooled(name: str, own: tuple, best: tuple) -> None:
    named, lost = own
    print_row(
        name,
        span(named.mean(axis=0), 2),
        f"{100 * named[:, 0].min():.2f}, {100 * named[:, 0].max():.2f}",
        span(lost),
        span(best[1] - lost),
    )


def odds(asked: Asked, calibration: Calibration) -> list[tuple]:
    """Print how many bits the probabilities cost beyond the least; return what a plot needs."""
    print_head("N", "sightings", "bits", "least", "difference")
    collected = []
    for cell in [Cell(size, sightings, 1) for size in SIZES for sightings in (1, 5)]:
        for answers in asked.answers(cell):
            probability = calibration.probabilities(
                answers.scores, size={cell.sightings: cell.people}
            )
            weights = np.where(answers.mated, 1 / answers.mated.mean(), 1 / (~answers.mated).mean())
            _print_bits(cell.people, cell.sightings, (probability, answers.right, weights))
            collected.append((probability, answers.right, weights / weights.sum()))
    _print_bits("all", "all", [np.concatenate(c) for c in zip(*collected, strict=True)])
    return collected


def _print_bits(people: object, sightings: object, given: Sequence) -> None:
    bits, least = calibration_loss(*given)
    print_row(people, sightings, f"{bits:.3f}", f"{least:.3f}", f"{bits - least:.3f}")


def carried(
    before: Sequence[object],
    drawn: Sequence[Draw],
    *,
    rule: Rule,
    thresholds: Mapping[float, tuple[float, float]],
) -> None:
    """Print a rule beside the best sighting, each with its own threshold of a wanted FPIR.

    FPIR is what came of the thresholds; FNIR is compared where the realised FPIR is the same.

    Args:
        before: begins the row.
        drawn: the galleries.
        rule: to compare.
        thresholds: by FPIR, the best sighting's and the rule's.
    """
    best, other = Answers.of(drawn, RULES[FIRST]), Answers.of(drawn, rule)
    weights = best.weights(RESAMPLES)
    columns = []
    for fpir, (of_best, of_other) in thresholds.items():
        less = other.fnir_at(fpir, weights) - best.fnir_at(fpir, weights)
        columns += [
            span(best.fpir(of_best, weights), 2),
            span(other.fpir(of_other, weights), 2),
            span(less),
        ]
    print_row(*before, *columns)

"""The tables of docs/unknown.md, as they stand there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from openset import (
    Answers,
    Cell,
    Draw,
    Floats,
    People,
    Rule,
    StrangerCurve,
    Truths,
    calibration_loss,
    draw,
    resample,
)
from openset_rules import RULES
from reid_gallery.gallery.decision import Calibration

GALLERIES = 50
RESAMPLES = 400
SIZES = (10, 50, 100, 300, 700)
FPIRS = (0.10, 0.01)
FIRST = "best sighting"
PICTURES = (1, 4, 8)
OF_ODDS = 200
"""Resamples of the people for the odds, each of which is fitted anew."""
OF_CHANCE = 40
"""Drawings of the answers that the odds promise."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A place's galleries, and what rules answered: a cell is drawn once for all that ask it."""

    place: People
    cohort: People
    rules: Mapping[str, Rule]
    galleries: int = GALLERIES
    most: int = 100
    _kept: dict[tuple[Cell, str], Answers | None] = field(default_factory=dict)

    def answers(self, cell: Cell, names: Sequence[str] = (FIRST,)) -> list[Answers]:
        """What each rule answered; nothing where the place has too few people."""
        missing = [name for name in names if (cell, name) not in self._kept]
        if missing:
            drawn = list(draw(self.place, self.cohort, cell, self.galleries, most=self.most))
            for name in missing:
                self._kept[cell, name] = Answers.of(drawn, self.rules[name]) if drawn else None
        found = [self._kept[cell, name] for name in names]
        return [one for one in found if one is not None]


def span(values: Floats, digits: int = 1) -> str:
    """A percentage with its 95 % interval; the first value is of everyone, the rest resampled."""
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return f"{values[0]:.{digits}%} [{low:.{digits}%}, {high:.{digits}%}]".replace("%", "")


def spread(values: Floats) -> str:
    """A number with its 95 % interval, as `span`."""
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return f"{values[0]:.3f} [{low:.3f}, {high:.3f}]"


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


Group = tuple[str, Sequence[tuple[Asked, Cell]]]
"""Galleries of one kind in several places, and what they are called together."""


def ablate(groups: Sequence[Group], names: Sequence[str]) -> None:
    """Print each rule's FNIR at equal realised FPIR, as its paired difference from the first's.

    Of a group of several places it is the mean, whose people are resampled place by place.
    """
    columns = {fpir: [] for fpir in FPIRS}
    for _, parts in groups:
        of_group = [_lost(asked, cell, names) for asked, cell in parts]
        for fpir in FPIRS:
            columns[fpir].append(np.mean([lost[fpir] for lost in of_group], axis=0))
    titles = [title for title, _ in groups]
    for fpir in FPIRS:
        print_head(f"FPIR {fpir * 100:.0f} %", *titles)
        print_row(names[0], *(f"FNIR {span(column[0])}" for column in columns[fpir]))
        for number, name in enumerate(names[1:], start=1):
            print_row(name, *(span(column[number] - column[0]) for column in columns[fpir]))


def _lost(asked: Asked, cell: Cell, names: Sequence[str]) -> dict[float, Floats]:
    """By FPIR, float64[rules, b] FNIR."""
    answered = asked.answers(cell, names)
    weights = answered[0].weights(RESAMPLES)
    return {fpir: np.array([one.fnir_at(fpir, weights) for one in answered]) for fpir in FPIRS}


def against_fixed(asked: Asked, calibration: Calibration, names: Sequence[str]) -> None:
    """Print one threshold for all sizes against the calibrated ones, at equal FPIR overall.

    In each resample of the people every rule's thresholds are sought anew, so that its FPIR is the
    wanted one there, too.
    """
    cells = [Cell(size, sightings, 1) for size in SIZES for sightings in (1, 2, 5)]
    answered = {cell: dict(zip(names, asked.answers(cell, names), strict=True)) for cell in cells}
    print_head("rule", "lowest FPIR of a cell", "highest", "FNIR", "calibrated less this",
               "fewer lost, of a hundred")  # fmt: skip
    for fpir in FPIRS:
        print_row(f"FPIR {fpir * 100:.0f} % over all cells", "", "", "", "", "")
        answers = {cell: answered[cell][FIRST] for cell in cells}
        best = _matched(answers, fpir, _calibrated(calibration, cells))
        _print_pooled(f"{FIRST}, calibrated", best, best)
        for name in names:
            own = {cell: answered[cell][name] for cell in cells}
            _print_pooled(f"{name}, one threshold", _matched(own, fpir, _one_threshold), best)


Thresholds = Callable[[Cell, Floats], Floats]
"""From a leniency each, float64[b] in [0, 1], to thresholds float64[b] that fall with it."""


def _one_threshold(cell: Cell, leniency: Floats) -> Floats:
    """The same for every cell, between what is above and below all rules' scores."""
    return 30 - 60 * leniency


def _calibrated(calibration: Calibration, cells: Sequence[Cell]) -> Thresholds:
    nominal = np.geomspace(1e-7, 0.9, 300)
    known = {
        cell: [
            calibration.threshold(fpir=fpir, size={cell.sightings: cell.people}) for fpir in nominal
        ]
        for cell in cells
    }
    at = np.linspace(0, 1, len(nominal))
    return lambda cell, leniency: np.interp(leniency, at, known[cell])


def _matched(
    answers: Mapping[Cell, Answers], fpir: float, thresholds: Thresholds
) -> tuple[Floats, Floats]:
    """Seek the leniency with this FPIR over all cells, in each resample.

    Returns:
        float64[cells, b] FPIR and float64[b] FNIR over all cells.
    """
    weights = resample(np.concatenate([one.probe for one in answers.values()]), RESAMPLES)
    curves = {cell: StrangerCurve.of(one, weights) for cell, one in answers.items()}
    low, high = np.zeros(len(weights)), np.ones(len(weights))
    for _ in range(40):
        middle = (low + high) / 2
        named = np.array([c.fpir(thresholds(cell, middle)) for cell, c in curves.items()])
        strict = named.mean(axis=0) < fpir
        low, high = np.where(strict, middle, low), np.where(strict, high, middle)
    lost = [one.fnir(thresholds(cell, middle), weights) for cell, one in answers.items()]
    return named, np.mean(lost, axis=0)


def _print_pooled(name: str, own: tuple[Floats, Floats], best: tuple[Floats, Floats]) -> None:
    named, lost = own
    print_row(
        name,
        span(named.min(axis=0), 2),
        span(named.max(axis=0), 2),
        span(lost),
        span(best[1] - lost),
        span(1 - best[1] / lost),
    )


def tracklets(asked: Asked, calibration: Calibration) -> list[dict]:
    """Print what 4 and 8 pictures of a person are worth; return the numbers for the plot."""
    rows: list[dict] = []
    for fpir in FPIRS:
        print_head(f"FPIR {fpir * 100:.0f} %: N", "sightings",
                   *(f"{what}, {m}" for what in ("FPIR", "FNIR") for m in PICTURES),
                   "first is another, 1", "8", "8 lose fewer than 1, of a hundred",
                   "strangers asking")  # fmt: skip
        for size in SIZES:
            for sightings in (1, 2, 5):
                cells = [Cell(size, sightings, m, least=PICTURES[-1]) for m in PICTURES]
                rows += _print_tracklets(asked, cells, calibration, fpir)
    return rows


def _print_tracklets(
    asked: Asked, cells: Sequence[Cell], calibration: Calibration, fpir: float
) -> list[dict]:
    """One row: the thresholds' FPIR and FNIR, and FNIR of many against one at equal FPIR."""
    answered = [answers for cell in cells for answers in asked.answers(cell)]
    if len(answered) < len(cells):
        return []
    weights = answered[0].weights(RESAMPLES)
    named, lost = [], []
    for cell, answers in zip(cells, answered, strict=True):
        at = calibration.threshold(
            fpir=fpir, size={cell.sightings: cell.people}, pictures=cell.pictures
        )
        named.append(answers.fpir(at, weights))
        lost.append(answers.fnir(at, weights))
    first, last = answered[0], answered[-1]
    with np.errstate(invalid="ignore", divide="ignore"):  # in a resample nobody may be lost by one
        fewer = 1 - last.fnir_at(fpir, weights) / first.fnir_at(fpir, weights)
    print_row(
        cells[0].people,
        cells[0].sightings,
        *(span(one, 2) for one in named),
        *(span(one) for one in lost),
        *(span(one.misranked(weights)) for one in (first, last)),
        span(fewer, 0) if np.isfinite(fewer).all() else "too few are lost",
        (~first.mated).sum(),
    )
    return [_for_plot(cell, fpir, one) for cell, one in zip(cells, lost, strict=True)]


def _for_plot(cell: Cell, fpir: float, lost: Floats) -> dict:
    low, high = np.quantile(lost[1:], [0.025, 0.975])
    return {"cell": cell, "fpir": fpir, "lost": lost[0], "low": low, "high": high}


def own_scores(asked: Asked, calibration: Calibration) -> None:
    """Print what several pictures do to scores, and which enrolled people stay unnamed."""
    print_head("N", "pictures", "own score", "strangers' first", "threshold at 1 %",
               "first is another", "first is right, below the threshold")  # fmt: skip
    for size in (100, 300, 700):
        for pictures in PICTURES:
            cell = Cell(size, 2, pictures, least=PICTURES[-1])
            at = calibration.threshold(fpir=0.01, size={2: size}, pictures=pictures)
            for answers in asked.answers(cell):
                weights = answers.weights(RESAMPLES)
                misranked = answers.misranked(weights)
                scores = (span(mean / 100, 3) for mean in answers.mean_scores(weights))
                below = answers.fnir(at, weights) - misranked
                print_row(size, pictures, *scores, f"{at:.3f}", span(misranked), span(below))


def odds(asked: Asked, calibration: Calibration) -> list[tuple]:
    """Print how many bits the probabilities cost beyond the least; return what a plot needs."""
    print_head("N", "sightings", "bits", "least", "difference", "were they exact")
    cells = [Cell(size, sightings, 1) for size in SIZES for sightings in (1, 5)]
    collected = []
    for cell in cells:
        for answers in asked.answers(cell):
            probability = calibration.probabilities(
                answers.scores, size={cell.sightings: cell.people}
            )
            collected.append((answers, probability))
            _print_bits(cell.people, cell.sightings, collected[-1:])
    _print_bits("all", "all", collected)
    return [(p, one.right, one.mated, one.probe) for one, p in collected]


def _print_bits(people: object, sightings: object, given: Sequence[tuple[Answers, Floats]]) -> None:
    """One row, of one cell or of several in equal parts."""
    probe = np.concatenate([answers.probe for answers, _ in given])
    probability = np.concatenate([probability for _, probability in given])
    right = np.concatenate([answers.right for answers, _ in given])
    weights = [
        np.concatenate([balance(answers.mated, weight[answers.probe]) for answers, _ in given])
        for weight in resample(probe, OF_ODDS)
    ]
    bits = np.array([calibration_loss(probability, right, weight) for weight in weights])
    paid, least = bits.T
    spans = [spread(column) for column in (paid, least, paid - least)]
    print_row(people, sightings, *spans, spread(_by_chance(probability, weights[0])))


def _by_chance(probability: Floats, weights: Floats) -> Floats:
    """The difference where every answer is right with exactly the probability that was given.

    It isn't zero, since the least is fitted to the answers. Answers are drawn one by one; those of
    one person, which come out alike, would make it larger.
    """
    random = np.random.default_rng(0)
    differences = []
    for _ in range(OF_CHANCE):
        paid, least = calibration_loss(
            probability, random.random(len(probability)) < probability, weights
        )
        differences.append(paid - least)
    return np.array([np.mean(differences), *differences])


def balance(mated: Truths, weights: Floats) -> Floats:
    """Make strangers and acquaintances weigh alike, 1 together."""
    of_mated = (weights * mated).sum()
    return np.where(mated, weights / of_mated, weights / (weights.sum() - of_mated)) / 2


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

"""How honest "unknown" is: realised FPIR and FNIR, rules compared, the odds checked.

    python benchmarks/unknown.py DATA --held-out PEOPLE.csv [--model FILE] [--cache DIR]
        [--plots DIR]

DATA holds ``market1501``, ``viper`` and ``grid``; PEOPLE.csv is a manifest (path, pid, camera,
source) of people that the model was neither trained nor tested on: they calibrate it. Prints the
tables of docs/unknown.md and, with --plots, draws its plots. Everything is decided on the people of
the manifest; those of DATA only fill tables. Some minutes of one core, once the pictures are
embedded.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from openset import Answers, Cell, Draw, People, Rule, draw
from openset_rules import RULES, neighbour_mean
from ratio import Ratio, learn_ratio
from reid_gallery.gallery.calibration.odds import fit_logistic
from reid_gallery.gallery.decision import ONE_PERSON, Calibration
from reid_gallery.gallery.extractor import Extractor, resolve_model
from unknown_people import calibrate, embed, halves, others, read_held_out, read_tests
from unknown_strangers import dependence, own_tail
from unknown_tables import (
    FIRST,
    FPIRS,
    GALLERIES,
    REALISED,
    SIZES,
    Asked,
    ablate,
    against_fixed,
    carried,
    odds,
    print_head,
    print_row,
    realised,
    span,
    tracklets,
)

ABLATED = {
    "10 people, 1 sighting": Cell(10, 1, 1),
    "10 people, 5 sightings": Cell(10, 5, 1),
    "100 people, 1 sighting": Cell(100, 1, 1),
    "100 people, 5 sightings": Cell(100, 5, 1),
    "700 people, 5 sightings": Cell(700, 5, 1),
    "100 people, 2 sightings, 8 pictures": Cell(100, 2, 8, least=8),
    "100 people, 1 to 5 sightings": Cell(100, 5, 1, mixed=True),
}
OF_FEWER = 50, 100, 300
"""Sizes that calibrations on fewer people are measured on."""
DRAWS = 8
"""Of fewer people."""
LEARNED = "learned: best, centroid, next 10"
FIXED = (
    "best sighting",
    "centroid",
    "trimmed mean (best 60 %)",
    "softmax over the first 16",
    "margin to the next 10",
    LEARNED,
)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The model's calibration, the people it is of, and the galleries it is measured on."""

    places: dict[str, People]
    calibration: Calibration
    tests: dict[str, Asked]
    own: Calibration
    own_half: People
    other_half: Asked


def measure(data: Path, held_out: Path, model: Path | None, kept: Path | None) -> Measured:
    """Read, embed and calibrate."""
    extractor = Extractor.load(resolve_model(model))
    print(f"{extractor.spec.name}, sha256 {extractor.sha256[:12]}", flush=True)
    places = {name: embed(extractor, p, kept) for name, p in read_held_out(held_out).items()}
    tests = {name: embed(extractor, p, kept) for name, p in read_tests(data).items()}
    market = tests["Market-1501"]
    cohort = others({**places, "": market}, "")
    rules = RULES | {LEARNED: learn(places)}
    parts = [market.only(market.people % 2 == number) for number in (0, 1)]
    return Measured(
        places=places,
        calibration=calibrate(places),
        tests={name: Asked(place, cohort, rules) for name, place in tests.items()},
        own=calibrate({"half": parts[0]}),
        own_half=parts[0],
        other_half=Asked(parts[1], cohort, rules),
    )


def learn(places: dict[str, People]) -> Rule:
    """Fit a linear log-likelihood ratio that the first identity is right, on calibration people."""
    rows, right, weights = [], [], []
    for name, place in places.items():
        for cell in (Cell(10, 1, 1), Cell(20, 2, 1), Cell(20, 5, 1)):
            drawn = list(draw(place, others(places, name), cell, 20, seed=7))
            answers = Answers.of(drawn, RULES[FIRST])
            rows.append(np.concatenate([_features(one) for one in drawn]))
            right.append(answers.right)
            weights.append(np.where(answers.mated, 1 / answers.mated.mean(), 1))
    evidence = np.concatenate(rows)
    beta = fit_logistic(
        np.column_stack((np.ones(len(evidence)), evidence)),
        np.concatenate(right).astype(np.float64),
        np.concatenate(weights),
    )

    def rule(one: Draw) -> np.ndarray:
        near = neighbour_mean(one, 10, cohort=True)[:, None]
        return np.asarray(one.best * beta[1] + one.centroids * beta[2] + near * beta[3])

    return rule


def _features(drawn: Draw) -> np.ndarray:
    first = np.arange(len(drawn.best)), drawn.best.argmax(axis=1)
    near = neighbour_mean(drawn, 10, cohort=True)
    return np.column_stack((drawn.best[first], drawn.centroids[first], near))


# -- the page's sections ---------------------------------------------------------------------------


def print_places(found: Measured) -> None:
    """Print what was measured in each place, and what a test place's own strangers would say."""
    chances = 0.01, 0.001, 0.0001, 0.00001
    print_head("place", "people", "a", "r", "theta", *(f"p = {100 * p:g} %" for p in chances))
    for name, place in zip(sorted(found.places), found.calibration.places, strict=True):
        numbers = [place.sighting_shift, place.picture_agreement]
        scores = [place.threshold(fpir=p, size=ONE_PERSON) for p in chances]
        _print_place(name, found.places[name], [f"{number:.3f}" for number in numbers], scores)
    for name, asked in found.tests.items():
        tail = own_tail(asked.place)
        logs = -np.log([p for p, _ in tail])
        scores = [float(np.interp(-np.log(p), logs, [t for _, t in tail])) for p in chances]
        _print_place(f"{name} (test)", asked.place, ["", ""], scores)


def _print_place(name: str, place: People, effects: list[str], scores: list[float]) -> None:
    people = len(np.unique(place.people))
    theta = span(dependence(place, people // 2) / 100, 2)
    print_row(name, people, *effects, theta, *(f"{score:.3f}" for score in scores))


def does_it_hold(found: Measured) -> tuple[list[dict], dict[str, list[dict]]]:
    """Print the tables of "Does it hold?"; return the numbers for the plots."""
    market = found.tests["Market-1501"]

    def kind(cell: Cell) -> tuple[object, ...]:
        return cell.people, cell.sightings

    cells = [Cell(size, sightings, 1) for sightings in (1, 2, 5) for size in SIZES]
    print("\n### Calibrated on half of Market-1501's people, tested on the other half")
    print_head("N", "sightings", *REALISED, "strangers asking")
    across = {"Market, own place": realised(found.other_half, cells, found.own, kind)}
    print("\n### Calibrated on the three places, tested on Market-1501")
    print_head("N", "sightings", *REALISED, "strangers asking")
    rows = realised(market, cells, found.calibration, kind)
    print("\n### Calibrated on those three places, tested on others")
    print_head("tested on", "N", *REALISED)
    for name in ("VIPeR", "GRID"):
        across[name] = realised(
            found.tests[name],
            [Cell(size, 1, 1) for size in SIZES],
            found.calibration,
            lambda cell, name=name: (name, cell.people),
            strangers=False,
        )
    print("\n### Market-1501, calibrated on one place alone")
    print_head("calibrated on", "N", *REALISED)
    for name, place in found.places.items():
        title = f"{name}, {len(np.unique(place.people))} people"
        realised(
            market,
            [Cell(size, 2, 1) for size in (10, 100, 700)],
            calibrate({name: place}),
            lambda cell, title=title: (title, cell.people),
            strangers=False,
        )
    return rows, across


def fewer_people(found: Measured) -> None:
    """Print what a place's calibration is worth by how many of its people it is of."""
    print_head("calibrated on", *(
        f"FPIR at {fpir * 100:.0f} %, N = {size}" for fpir in FPIRS for size in OF_FEWER
    ))  # fmt: skip
    everyone = np.unique(found.own_half.people)
    for count in (60, 120, 240, len(everyone)):
        named = []
        for number in range(DRAWS if count < len(everyone) else 1):
            chosen = np.random.default_rng(number).permutation(everyone)[:count]
            part = found.own_half.only(np.isin(found.own_half.people, chosen))
            named.append(_realised_of(found.other_half, calibrate({"part": part})))
        columns = [
            f"{100 * np.mean(column):.2f} ({100 * min(column):.2f} to {100 * max(column):.2f})"
            for column in zip(*named, strict=True)
        ]
        print_row(f"{count} people, {len(named)} draws", *columns)


def _realised_of(asked: Asked, calibration: Calibration) -> list[float]:
    return [
        float(answers.fpir(calibration.threshold(fpir=fpir, size={2: size}), answers.weights(0))[0])
        for fpir in FPIRS
        for size in OF_FEWER
        for answers in asked.answers(Cell(size, 2, 1))
    ]


def rules_compared(found: Measured) -> None:
    """Print every rule at equal realised FPIR, on calibration people and on test people."""
    even, mixed = [], []
    for name in sorted(found.places):
        place = found.places[name]
        people = len(np.unique(place.people)) // 2
        rest = {other: one for other, one in found.places.items() if other != name}
        rules = RULES | {LEARNED: learn(rest)}
        asked = Asked(place, others(found.places, name), rules, galleries=60)
        title = f"{name}, {people} people"
        even.append((f"{title}, 2 sightings", asked, Cell(people, 2, 1)))
        mixed.append((f"{title}, 1 to 5 sightings", asked, Cell(people, 5, 1, mixed=True)))
    rules = [*RULES, LEARNED]
    ablate([("the three, 2 sightings", even), ("the three, 1 to 5 sightings", mixed)], rules)
    market = found.tests["Market-1501"]
    ablate([(title, [(title, market, cell)]) for title, cell in ABLATED.items()], rules)


def ratio_carried(found: Measured) -> None:
    """Print the ratio's threshold beside the best sighting's, where neither saw the people."""
    print_head("calibrated on", "tested on", "N", *(
        column for fpir in FPIRS for column in (
            f"best sighting's FPIR at {fpir * 100:.0f} %", "the ratio's", "FNIR, ratio less best"
        )))  # fmt: skip
    for name in sorted(found.places):
        one, other = halves(found.places[name], 0)
        _carry((f"{name}, half A", "half B"), {name: one}, other, (10, 20, 40), 2)
        _carry((f"{name}, half B", "half A"), {name: other}, one, (10, 20, 40), 2)
    for name in sorted(found.places):
        rest = {other: place for other, place in found.places.items() if other != name}
        _carry(("the other two", name), rest, found.places[name], (10, 40, 100), 2)
    half = {"half": found.own_half}
    _carry(("Market-1501, 375 people", "the other 375"), half, found.other_half.place, SIZES, 2)
    for name, asked in found.tests.items():
        sightings = 2 if name == "Market-1501" else 1
        _carry(("the three", name), found.places, asked.place, SIZES, sightings)


def _carry(
    names: tuple[str, str],
    places: dict[str, People],
    asked: People,
    sizes: tuple[int, ...],
    sightings: int,
) -> None:
    """Calibrate both on the same people, and print a row a size."""
    learned: Ratio = learn_ratio(list(places.values()))
    calibration = calibrate(places)
    for size in sizes:
        drawn = list(draw(asked, learned.cohort, Cell(size, sightings, 1), GALLERIES))
        if drawn:
            thresholds = {
                fpir: (
                    calibration.threshold(fpir=fpir, size={sightings: size}),
                    learned.threshold(fpir, size),
                )
                for fpir in FPIRS
            }
            carried((*names, size), drawn, rule=learned.rule, thresholds=thresholds)


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--plots", type=Path)
    arguments = parser.parse_args()
    found = measure(arguments.data, arguments.held_out, arguments.model, arguments.cache)
    market = found.tests["Market-1501"]
    print("\n## Calibration")
    print_places(found)
    print("\n## Does it hold?")
    rows, across = does_it_hold(found)
    print("\n### By how many people of a place it was calibrated on")
    fewer_people(found)
    print("\n## What a threshold that follows the size is worth")
    against_fixed(market, found.calibration, FIXED)
    print("\n## Several pictures of one person")
    pictures = tracklets(market, found.calibration)
    print("\n## The odds\n\nOwn place:")
    odds(found.other_half, found.own)
    print("\nThree places:")
    probabilities = odds(market, found.calibration)
    print("\n## What was tried")
    rules_compared(found)
    print("\n### The ratio's threshold, carried")
    ratio_carried(found)
    if arguments.plots is not None:
        from unknown_plots import draw_plots  # noqa: PLC0415 (matplotlib is of another extra)

        draw_plots(arguments.plots, rows, pictures, across, probabilities)


if __name__ == "__main__":
    main()

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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from openset import Cell, Floats, People, draw
from openset_learned import LEARNED, MORE, learn
from openset_rules import RULES
from ratio import Ratio, learn_ratio
from reid_gallery.gallery.calibration import tail
from reid_gallery.gallery.decision import ONE_PERSON, Calibration
from reid_gallery.gallery.extractor import Extractor, resolve_model
from unknown_choices import changed, tails_compared, theta_compared
from unknown_people import calibrate, embed, halves, others, read_held_out, read_tests
from unknown_strangers import dependence, own_tail
from unknown_tables import (
    FPIRS,
    GALLERIES,
    REALISED,
    RESAMPLES,
    SIZES,
    Asked,
    ablate,
    against_fixed,
    carried,
    odds,
    own_scores,
    print_head,
    print_row,
    realised,
    span,
    spread,
    tracklets,
)

ABLATED = {
    "1 person, 2 sightings": Cell(1, 2, 1),
    "10 people, 1 sighting": Cell(10, 1, 1),
    "10 people, 5 sightings": Cell(10, 5, 1),
    "100 people, 1 sighting": Cell(100, 1, 1),
    "100 people, 5 sightings": Cell(100, 5, 1),
    "700 people, 5 sightings": Cell(700, 5, 1),
    "100 people, 2 sightings, 8 pictures": Cell(100, 2, 8, least=8),
    "100 people, 2 sightings, 1 to 8 pictures": Cell(100, 2, 8),
    "100 people, 1 to 5 sightings": Cell(100, 5, 1, mixed=True),
}
OF_ONE = 1000
"""Galleries of one person, each asked by few."""
OF_FEWER = 50, 100, 300
"""Sizes that calibrations on fewer people are measured on."""
DRAWS = 8
"""Of fewer people."""
CHANCES = 0.01, 0.001, 0.0001, 0.00001
OF_PLACES = 40
"""Halves of a place's people, each of which is calibrated on anew."""
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
    rules = RULES | {name: learn(places, more) for name, more in MORE.items()}
    parts = [market.only(market.people % 2 == number) for number in (0, 1)]
    return Measured(
        places=places,
        calibration=calibrate(places),
        tests={name: Asked(place, cohort, rules) for name, place in tests.items()},
        own=calibrate({"half": parts[0]}),
        own_half=parts[0],
        other_half=Asked(parts[1], cohort, rules),
    )


# -- the page's sections ---------------------------------------------------------------------------


def print_places(found: Measured) -> None:
    """Print what was measured in each place, and what a test place's own strangers would say."""
    print_head("place", "people", "a", "r", "theta", *(f"p = {100 * p:g} %" for p in CHANCES))
    for name in sorted(found.places):
        place = found.places[name]
        _print_place(name, place, _with_spans(place, lambda one: _numbers(calibrate({"": one}))))
    for name, asked in found.tests.items():
        _print_place(
            f"{name} (test)", asked.place, ["", "", *_with_spans(asked.place, _own_scores)]
        )


def _with_spans(place: People, numbers: Callable[[People], list[float]]) -> list[str]:
    """Numbers of a place with intervals by random halves of its people, drawn without repeats.

    Half of the people vary about their mean as all people do about theirs (McCarthy 1969); people
    drawn twice would be strangers to themselves.
    """
    everyone = np.unique(place.people)
    again = []
    with changed(tail, _SAMPLES=20):  # of a half; their own mean is what counts
        for number in range(OF_PLACES):
            chosen = np.random.default_rng(number).permutation(everyone)[: len(everyone) // 2]
            again.append(numbers(place.only(np.isin(place.people, chosen))))
    found, of_halves = np.array(numbers(place)), np.array(again)
    around = found + of_halves - of_halves.mean(axis=0)
    return [spread(column) for column in np.concatenate(([found], around)).T]


def _numbers(calibration: Calibration) -> list[float]:
    """Of one place: a, r, and the scores that strangers reach with `CHANCES`."""
    (place,) = calibration.places
    scores = [place.threshold(fpir=p, size=ONE_PERSON) for p in CHANCES]
    return [place.sighting_shift, place.picture_agreement, *scores]


def _own_scores(place: People) -> list[float]:
    """The scores alone, of a place that has too few pictures for the rest."""
    points = own_tail(place)
    logs = -np.log([p for p, _ in points])
    return [float(np.interp(-np.log(p), logs, [t for _, t in points])) for p in CHANCES]


def _print_place(name: str, place: People, numbers: list[str]) -> None:
    people = len(np.unique(place.people))
    a, r, *scores = numbers
    print_row(name, people, a, r, span(dependence(place, people // 2) / 100, 2), *scores)


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
    for count in (60, 120, 240):
        named = []
        for number in range(DRAWS):
            chosen = np.random.default_rng(number).permutation(everyone)[:count]
            part = found.own_half.only(np.isin(found.own_half.people, chosen))
            named.append([one[0] for one in _realised_of(found.other_half, calibrate({"": part}))])
        columns = [
            f"{100 * np.mean(column):.2f} ({100 * min(column):.2f} to {100 * max(column):.2f})"
            for column in zip(*named, strict=True)
        ]
        print_row(f"{count} people, {DRAWS} draws", *columns)
    columns = [span(one, 2) for one in _realised_of(found.other_half, found.own)]
    print_row(f"all {len(everyone)}", *columns)


def _realised_of(asked: Asked, calibration: Calibration) -> list[Floats]:
    return [
        answers.fpir(calibration.threshold(fpir=fpir, size={2: size}), answers.weights(RESAMPLES))
        for fpir in FPIRS
        for size in OF_FEWER
        for answers in asked.answers(Cell(size, 2, 1))
    ]


def rules_compared(found: Measured) -> None:
    """Print every rule at equal realised FPIR, on calibration people and on test people."""
    even, mixed, several = [], [], []
    for name in sorted(found.places):
        place = found.places[name]
        people = len(np.unique(place.people)) // 2
        rest = {other: one for other, one in found.places.items() if other != name}
        rules = RULES | {name: learn(rest, more) for name, more in MORE.items()}
        asked = Asked(place, others(found.places, name), rules, galleries=60)
        even.append((asked, Cell(people, 2, 1)))
        mixed.append((asked, Cell(people, 5, 1, mixed=True)))
        several.append((asked, Cell(people, 2, 8)))
    rules = [*RULES, *MORE]
    ablate(
        [
            ("the three, 2 sightings", even),
            ("the three, 1 to 5 sightings", mixed),
            ("the three, 2 sightings, 1 to 8 pictures", several),
        ],
        rules,
    )
    market = found.tests["Market-1501"]
    lone = Asked(market.place, market.cohort, market.rules, galleries=OF_ONE, most=10)
    asked = {title: lone if cell.people == 1 else market for title, cell in ABLATED.items()}
    ablate([(title, [(asked[title], cell)]) for title, cell in ABLATED.items()], rules)


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
    own_scores(market, found.calibration)
    print("\n## The odds\n\nOwn place:")
    odds(found.other_half, found.own)
    print("\nThree places:")
    probabilities = odds(market, found.calibration)
    print("\n## What was tried")
    rules_compared(found)
    print("\n### What was chosen within the calibration")
    tails_compared(found.places, found.own_half, found.other_half)
    theta_compared(found.own_half, found.other_half, found.own)
    print("\n### The ratio's threshold, carried")
    ratio_carried(found)
    if arguments.plots is not None:
        from unknown_plots import draw_plots  # noqa: PLC0415 (matplotlib is of another extra)

        draw_plots(arguments.plots, rows, pictures, across, probabilities)


if __name__ == "__main__":
    main()

"""How honest "unknown" is: realised FPIR and FNIR, rules compared, the odds checked.

    python benchmarks/unknown.py DATA --held-out PEOPLE.csv [--model FILE] [--cache DIR]
        [--plots DIR]

DATA holds ``market1501``, ``viper`` and ``grid``; PEOPLE.csv is a manifest (path, pid, camera,
source) of people that the model was neither trained nor tested on: they calibrate it. Prints the
tables of docs/unknown.md and, with --plots, draws its plots. Everything is decided on the people of
the manifest; those of DATA only fill tables. Half an hour of one core, most of it embedding.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from openset import (
    RULES,
    Answers,
    Cell,
    Draw,
    People,
    Rule,
    calibration_loss,
    draw,
    neighbour_mean,
)
from reid_gallery.gallery.calibration.fit import fit_calibration
from reid_gallery.gallery.calibration.odds import fit_logistic
from reid_gallery.gallery.calibration.places import part_places
from reid_gallery.gallery.decision import Calibration
from reid_gallery.gallery.evaluation.embedding import embed_files
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.pictures.labelled import LabelledPicture
from reid_gallery.gallery.pictures.layouts import read_layout
from reid_gallery.gallery.pictures.manifest import read_manifest
from reid_gallery.gallery.pictures.quality import measure_quality
from reid_gallery.gallery.pictures.read import read_crop

GALLERIES = 50
RESAMPLES = 400
SIZES = (10, 50, 100, 300, 700)
FPIRS = (0.10, 0.01)
ABLATED = (
    Cell(10, 1, 1),
    Cell(10, 5, 1),
    Cell(100, 1, 1),
    Cell(100, 5, 1),
    Cell(700, 5, 1),
    Cell(100, 2, 8, least=8),
    Cell(100, 5, 1, mixed=True),
)
BASELINES = (
    "best sighting",
    "centroid",
    "trimmed mean (best 60 %)",
    "softmax over the first 16",
)
LEARNED = "learned: best, centroid, next 10"
LEARNED_QUALITY = LEARNED + ", sharpness"


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The model's calibration, and the people it is measured on."""

    calibration: Calibration
    calibrated_on: dict[str, People]
    tested_on: dict[str, People]
    rules: dict[str, Rule]


# -- data ------------------------------------------------------------------------------------------


def read_tests(data: Path) -> dict[str, list[LabelledPicture]]:
    """Read the test people; distractors are nobody, except in GRID, where each is somebody."""
    market = [
        picture
        for part in ("query", "bounding_box_test")
        for picture in read_layout("market1501", data / "market1501" / part).pictures
        if picture.pid != "0000"
    ]
    grid = read_layout("grid", data / "grid").pictures
    return {
        "Market-1501": market,
        "VIPeR": read_layout("viper", data / "viper").pictures,
        "GRID": grid,
    }


def embed(extractor: Extractor, pictures: list[LabelledPicture], kept: Path | None) -> People:
    """Embed one place's people."""
    paths = [picture.path for picture in pictures]
    names = [
        f"nobody {number}" if picture.pid == "0000" else picture.pid
        for number, picture in enumerate(pictures)
    ]
    cameras = [picture.camera or "" for picture in pictures]
    return People(
        embed_files(extractor, paths, progress=lambda done: None, cache=kept),
        np.unique(names, return_inverse=True)[1].astype(np.int64),
        np.unique(cameras, return_inverse=True)[1].astype(np.int64),
        np.array([measure_quality(read_crop(path)).features[2] for path in paths]),
    )


def calibrate(places: dict[str, People]) -> Calibration:
    """Calibrate as ``reid-gallery calibrate`` does."""
    return fit_calibration(
        part_places(
            np.concatenate([place.embeddings for place in places.values()]),
            pids=[str(number) for place in places.values() for number in place.people],
            cameras=[str(number) for place in places.values() for number in place.cameras],
            places=[name for name, place in places.items() for _ in place.people],
        )
    )


def others(places: dict[str, People], name: str) -> People:
    """The people of all other places, as a cohort."""
    chosen = [place for other, place in places.items() if other != name]
    begins = np.cumsum([0, *(place.people.max() + 1 for place in chosen)])
    return People(
        np.concatenate([place.embeddings for place in chosen]),
        np.concatenate([p.people + b for p, b in zip(chosen, begins, strict=False)]),
        np.concatenate([place.cameras for place in chosen]),
        np.concatenate([place.sharpness for place in chosen]),
    )


# -- learned rules ---------------------------------------------------------------------------------


def learn(places: dict[str, People], *, sharpness: bool) -> Rule:
    """Fit a linear log-likelihood ratio that the first identity is right, on calibration people."""
    evidence, right, weights = [], [], []
    for name, place in places.items():
        for cell in (Cell(10, 1, 1), Cell(20, 2, 1), Cell(20, 5, 1)):
            drawn = list(draw(place, others(places, name), cell, 20, seed=7))
            answers = Answers.of(drawn, RULES["best sighting"])
            evidence.append(np.concatenate([_features(one, sharpness) for one in drawn]))
            right.append(answers.right)
            weights.append(np.where(answers.mated, 1 / answers.mated.mean(), 1))
    ones = np.concatenate(evidence)
    beta = fit_logistic(
        np.column_stack((np.ones(len(ones)), ones)),
        np.concatenate(right).astype(np.float64),
        np.concatenate(weights),
    )

    def rule(drawn: Draw) -> np.ndarray:
        near = neighbour_mean(drawn, 10, cohort=True)[:, None] * beta[3]
        quality = drawn.sharpness[:, None] * beta[4] if sharpness else 0
        return np.asarray(drawn.best * beta[1] + drawn.centroids * beta[2] + near + quality)

    return rule


def _features(drawn: Draw, sharpness: bool) -> np.ndarray:
    best = drawn.best
    first = np.arange(len(best)), best.argmax(axis=1)
    columns = [best[first], drawn.centroids[first], neighbour_mean(drawn, 10, cohort=True)]
    return np.column_stack([*columns, drawn.sharpness] if sharpness else columns)


# -- tables ----------------------------------------------------------------------------------------


def span(values: np.ndarray, digits: int = 1) -> str:
    """A percentage with its 95 % interval; the first value is of everyone, the rest resampled."""
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return f"{values[0]:.{digits}%} [{low:.{digits}%}, {high:.{digits}%}]".replace("%", "")


def realised(
    place: People, cohort: People, cells: Sequence[Cell], calibration: Calibration
) -> list[dict]:
    """Print realised FPIR and FNIR by cell; return the numbers for the plots."""
    print("| N | sightings | pictures | nominal | threshold | realised FPIR, % | FNIR, % |"
          " strangers asking |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    rows = []
    for cell in cells:
        drawn = list(draw(place, cohort, cell, GALLERIES))
        if not drawn:
            continue
        answers = Answers.of(drawn, RULES["best sighting"])
        weights = answers.weights(RESAMPLES)
        for fpir in FPIRS:
            at = calibration.threshold(
                fpir=fpir, size={cell.sightings: cell.people}, pictures=cell.pictures
            )
            named, lost = answers.fpir(at, weights), answers.fnir(at, weights)
            print(f"| {cell.people} | {cell.sightings} | {cell.pictures} | {fpir:.0%} | {at:.3f} |"
                  f" {span(named, 2)} | {span(lost)} | {(~answers.mated).sum()} |",
                  flush=True)  # fmt: skip
            low, high = np.quantile(named[1:], [0.025, 0.975])
            rows.append({"cell": cell, "fpir": fpir, "named": named[0], "low": low, "high": high,
                         "lost": lost[0]})  # fmt: skip
    return rows


def ablate(
    place: People, cohort: People, cell: Cell, rules: dict[str, Rule], galleries: int = GALLERIES
) -> None:
    """Print each rule's FNIR at equal realised FPIR, and its paired difference from the first."""
    drawn = list(draw(place, cohort, cell, galleries))
    base = None
    print(f"\n{cell}: {sum(len(one.probe) for one in drawn)} queries\n")
    print("| rule |" + "".join(f" FNIR at {f:.0%} | less the first's |" for f in FPIRS))
    print("|---|" + "---|---|" * len(FPIRS))
    for name, rule in rules.items():
        answers = Answers.of(drawn, rule)
        weights = answers.weights(RESAMPLES)
        lost = [answers.fnir_at(fpir, weights) for fpir in FPIRS]
        base = base or lost
        columns = [f"{own[0]:.1%} | {span(own - first)}".replace("%", "")
                   for own, first in zip(lost, base, strict=True)]  # fmt: skip
        print(f"| {name} | {' | '.join(columns)} |", flush=True)


def against_fixed(
    place: People, cohort: People, calibration: Calibration, rules: dict[str, Rule]
) -> None:
    """Print one threshold for all sizes against the calibrated ones, at equal FPIR overall."""
    cells = [Cell(size, sightings, 1) for size in SIZES for sightings in (1, 2, 5)]
    drawn = {cell: list(draw(place, cohort, cell, GALLERIES)) for cell in cells}
    print("| rule | FPIR over all cells | lowest, highest of a cell | FNIR | calibrated less this |"
          "\n|---|---|---|---|---|")  # fmt: skip
    for fpir in FPIRS:
        answers = {cell: Answers.of(drawn[cell], RULES["best sighting"]) for cell in cells}
        varied = _matched(answers, fpir, lambda nominal, cell: calibration.threshold(
            fpir=float(np.clip(nominal, 1e-9, 0.999)), size={cell.sightings: cell.people}),
            low=1e-7, high=0.9, geometric=True)  # fmt: skip
        best = _pooled(answers, varied)
        _print_pooled("best sighting, calibrated", best, best)
        for name in (*BASELINES, "margin to the next 10", LEARNED):
            own = {cell: Answers.of(drawn[cell], rules[name]) for cell in cells}
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


def _pooled(answers: dict, at: dict) -> tuple[np.ndarray, np.ndarray]:
    named, lost = [], []
    for cell, one in answers.items():
        weights = one.weights(RESAMPLES)
        named.append(one.fpir(at[cell], weights))
        lost.append(one.fnir(at[cell], weights))
    return np.array(named), np.mean(lost, axis=0)


def _print_pooled(name: str, own: tuple, best: tuple) -> None:
    named, lost = own
    print(f"| {name} | {span(named.mean(axis=0), 2)} | {named[:, 0].min():.2%}, "
          f"{named[:, 0].max():.2%} | {span(lost)} | {span(best[1] - lost)} |".replace("%", ""),
          flush=True)  # fmt: skip


def odds(place: People, cohort: People, calibration: Calibration) -> list[tuple]:
    """Print how many bits the probabilities cost beyond the least; return what a plot needs."""
    print("| N | sightings | bits | least | difference |\n|---|---|---|---|---|")
    collected = []
    for cell in [Cell(size, sightings, 1) for size in SIZES for sightings in (1, 5)]:
        drawn = list(draw(place, cohort, cell, GALLERIES))
        if not drawn:
            continue
        answers = Answers.of(drawn, RULES["best sighting"])
        probability = calibration.probabilities(answers.scores, size={cell.sightings: cell.people})
        weights = np.where(answers.mated, 1 / answers.mated.mean(), 1 / (~answers.mated).mean())
        bits, least = calibration_loss(probability, answers.right, weights)
        print(f"| {cell.people} | {cell.sightings} | {bits:.3f} | {least:.3f} | "
              f"{bits - least:.3f} |", flush=True)  # fmt: skip
        collected.append((probability, answers.right, weights / weights.sum()))
    bits, least = calibration_loss(*(np.concatenate(c) for c in zip(*collected, strict=True)))
    print(f"| all | all | {bits:.3f} | {least:.3f} | {bits - least:.3f} |")
    return collected


# -- all of it -------------------------------------------------------------------------------------


def measure(data: Path, held_out: Path, model: Path | None, kept: Path | None) -> Measured:
    """Read, embed and calibrate."""
    extractor = Extractor.load(resolve_model(model))
    sources: dict[str, list[LabelledPicture]] = {}
    for picture in read_manifest(held_out).pictures:
        sources.setdefault(picture.source or "held out", []).append(picture)
    places = {name: embed(extractor, pictures, kept) for name, pictures in sources.items()}
    tests = {name: embed(extractor, p, kept) for name, p in read_tests(data).items()}
    rules = RULES | {
        LEARNED: learn(places, sharpness=False),
        LEARNED_QUALITY: learn(places, sharpness=True),
    }
    print(f"{extractor.spec.name}, sha256 {extractor.sha256[:12]}")
    return Measured(calibrate(places), places, tests, rules)


def print_places(calibration: Calibration, names: Sequence[str]) -> None:
    """Print what was measured in each place."""
    print("| place | people | a | r | p = 1 % | p = 0.1 % | p = 0.001 % |")
    print("|---|---|---|---|---|---|---|")
    for name, place in zip(sorted(names), calibration.places, strict=True):
        numbers = [place.sighting_shift, place.picture_agreement]
        numbers += [place.threshold(fpir=p, size={1: 1}) for p in (0.01, 0.001, 0.00001)]
        print(f"| {name} | {place.people} | " + " | ".join(f"{n:.3f}" for n in numbers) + " |")


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
    market, everyone = found.tested_on["Market-1501"], found.calibrated_on
    cohort = others({**everyone, "": market}, "")
    print("\n## Calibration\n")
    print_places(found.calibration, list(everyone))
    print("\n## Realised, Market-1501\n")
    cells = [Cell(size, sightings, 1) for sightings in (1, 2, 5) for size in SIZES]
    rows = realised(market, cohort, cells, found.calibration)
    print("\n## Realised, Market-1501, queries of several pictures (of people with 8 or more)\n")
    several = [Cell(size, 2, m, least=8) for size in (10, 100, 700) for m in (1, 4, 8)]
    tracklets = realised(market, cohort, several, found.calibration)
    print("\n## Realised, VIPeR and GRID, calibrated elsewhere\n")
    across = {}
    for name in ("VIPeR", "GRID"):
        print(f"\n{name}\n")
        across[name] = realised(
            found.tested_on[name], cohort, [Cell(size, 1, 1) for size in SIZES], found.calibration
        )
    print("\n## Realised, Market-1501, calibrated on one other place only\n")
    for name in everyone:
        print(f"\ncalibrated on {name}\n")
        one = calibrate({name: everyone[name]})
        realised(market, cohort, [Cell(size, 2, 1) for size in (10, 100, 700)], one)
    print("\n## Realised, half of Market-1501's people, calibrated on the other half\n")
    halves = [market.only(market.people % 2 == number) for number in (0, 1)]
    cells = [Cell(size, sightings, 1) for sightings in (1, 2, 5) for size in SIZES[:-1]]
    own = calibrate({"half": halves[0]})
    across["Market, own place"] = realised(halves[1], cohort, cells, own)
    print("\n## The odds, half of Market-1501's people, calibrated on the other half\n")
    odds(halves[1], cohort, own)
    print("\n## One threshold for every size, Market-1501\n")
    against_fixed(market, cohort, found.calibration, found.rules)
    print("\n## The odds, Market-1501\n")
    probabilities = odds(market, cohort, found.calibration)
    print("\n## Rules at equal realised FPIR: calibration people\n")
    for name, cell in zip(sorted(everyone), calibration_cells(everyone), strict=True):
        print(f"\n{name}")
        ablate(everyone[name], others(everyone, name), cell, RULES, galleries=60)
    print("\n## Rules at equal realised FPIR: Market-1501\n")
    for cell in ABLATED:
        ablate(market, cohort, cell, found.rules)
    if arguments.plots is not None:
        from unknown_plots import draw_plots  # noqa: PLC0415 (matplotlib is of another extra)

        draw_plots(arguments.plots, rows, tracklets, across, probabilities)


def calibration_cells(places: dict[str, People]) -> list[Cell]:
    """Galleries of half of each place's people, with two sightings where there are so many."""
    return [Cell(len(np.unique(places[name].people)) // 2, 2, 1) for name in sorted(places)]


if __name__ == "__main__":
    main()

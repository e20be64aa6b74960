"""What was chosen within the calibration, beside what was not: the tail, and theta left out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

import numpy as np
from openset import Cell, Floats, People
from openset_rules import RULES
from reid_gallery.gallery.calibration import fit, tail
from reid_gallery.gallery.decision import Calibration
from unknown_people import calibrate, halves
from unknown_strangers import dependence
from unknown_tables import FPIRS, RESAMPLES, Asked, print_head, print_row, span

_AMONG = 20
"""People in the galleries of half a calibration place."""
_OF_MARKET = 100, 300
_SIGHTINGS = 2

Threshold = Callable[[float, int], float]
"""From an FPIR and a number of people with two sightings each."""


@contextmanager
def changed(module: ModuleType, **values: object) -> Iterator[None]:
    """Give a module's names other values for a while."""
    kept = {name: getattr(module, name) for name in values}
    try:
        for name, value in values.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in kept.items():
            setattr(module, name, value)


def _one_fit(scores: Floats, *_: object, seed: int = 0) -> tuple[tuple[float, float], ...]:
    """`tail.fit_tail` without samples of the people."""
    scores = np.sort(scores)
    at = np.linspace(scores[0], 2 * scores[-1] - scores[0], 2000)
    return tail._read_off(at, tail._chances(scores, np.ones(len(scores)), at))


def _counted(scores: Floats, *_: object, seed: int = 0) -> tuple[tuple[float, float], ...]:
    """The same as counted, so that nobody scores above the highest that was seen."""
    scores = np.sort(scores)
    at = np.linspace(scores[0], 2 * scores[-1] - scores[0], 2000)
    above = 1 - np.searchsorted(scores, at) / len(scores)
    return tail._read_off(at, np.maximum(above, 1e-12))


TAILS: dict[str, tuple[ModuleType, dict[str, object]]] = {
    "above the 98th percentile, averaged: as it is": (tail, {}),
    "above the 95th": (tail, {"_ABOVE": 0.05}),
    "above the 90th": (tail, {"_ABOVE": 0.10}),
    "above the 98th, one fit to all people": (fit, {"fit_tail": _one_fit}),
    "no tail: as counted": (fit, {"fit_tail": _counted}),
}


def tails_compared(places: Mapping[str, People], own: People, other: Asked) -> None:
    """Print what FPIR comes of 1 % by each way to the far end of strangers' scores.

    Args:
        places: of the calibration, each parted in halves that calibrate for each other.
        own: half of the test place.
        other: its other half.
    """
    print_head("tail", *(f"{name}, N = {_AMONG}" for name in sorted(places)),
               *(f"Market-1501's test halves, N = {size}" for size in _OF_MARKET))  # fmt: skip
    parted = {name: halves(places[name], 0) for name in sorted(places)}
    asked = {name: [_asked(half) for half in both] for name, both in parted.items()}
    odds = calibrate({"": own}).odds  # which thresholds don't take
    for title, (module, values) in TAILS.items():
        columns = []
        with changed(module, **values), changed(fit, fit_odds=lambda *_, **__: odds):
            for name, (one, two) in parted.items():
                learned = [calibrate({"": half}) for half in (two, one)]
                named = map(_named, asked[name], learned, (_AMONG, _AMONG))
                columns.append(np.mean(list(named), axis=0))
            calibration = calibrate({"": own})
        columns += [_named(other, calibration, size) for size in _OF_MARKET]
        print_row(title, *(span(column, 2) for column in columns))


def _asked(place: People) -> Asked:
    return Asked(place, place, RULES)


def _named(asked: Asked, calibration: Calibration, size: int, fpir: float = 0.01) -> Floats:
    """float64[b] realised FPIR."""
    answers = asked.answers(Cell(size, _SIGHTINGS, 1))[0]
    at = calibration.threshold(fpir=fpir, size={_SIGHTINGS: size})
    return answers.fpir(at, answers.weights(RESAMPLES))


def theta_compared(own: People, other: Asked, calibration: Calibration) -> None:
    """Print FPIR of one place's calibration with theta of FPIR = 1 - (1 - p)^(theta N), and not.

    Args:
        own: half of the place, on which theta is read.
        other: the other half, which is asked.
        calibration: of the first half.
    """
    theta = float(dependence(own, len(np.unique(own.people)) // 2)[0])
    print_head("theta", *(f"FPIR at {100 * fpir:.0f} %, N = {size}"
                          for fpir in FPIRS for size in _OF_MARKET))  # fmt: skip
    for title, exponent in (("left out", 1.0), (f"{theta:.2f}", theta)):
        # N chances at this FPIR have the p of theta N chances at the wanted one.
        nominal = [1 - (1 - fpir) ** (1 / exponent) for fpir in FPIRS]
        print_row(title, *(span(_named(other, calibration, size, fpir), 2)
                           for fpir in nominal for size in _OF_MARKET))  # fmt: skip

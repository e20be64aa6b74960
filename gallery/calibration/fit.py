"""From labelled embeddings to a calibration."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..decision import Calibration, Strangers
from ..errors import CalibrationError
from .odds import fit_odds
from .places import Place, Round, draw_rounds
from .tail import fit_tail

Values = npt.NDArray[np.float64]

_COMPARISONS = 400_000
"""Drawn in a place, about."""

_ROUNDS = 60
"""Of a place with few people: more of them say nothing new."""

_LEVELS = np.array([0.05, 0.02, 0.01, 0.005])
"""Chances at which the effects of sightings and pictures are read off."""

_LEAST_AGREEMENT = 0.05
"""Of pictures; one person's, by one camera, are never that unlike."""

_LEAST_LOG = 0.3
"""The mean log count of sightings, or pictures, that an effect can be read from (about 1.35)."""


def fit_calibration(places: Sequence[Place], *, seed: int = 0) -> Calibration:
    """Measure strangers and acquaintances in places; see `places.part_places`.

    Raises:
        CalibrationError: people have too few pictures, or all look alike.
    """
    rounds = [list(draw_rounds(place, _count(place), seed=seed)) for place in places]
    strangers = [_measure(of_place, seed) for of_place in rounds]
    odds = fit_odds(strangers, [r for of_place in rounds for r in of_place], seed=seed)
    return Calibration(tuple(strangers), odds)


def _count(place: Place) -> int:
    """How many rounds: each side asks at least twice, however many there are."""
    people, sides = len(np.unique(place.people)), len(np.unique(place.sides))
    wanted = _COMPARISONS * sides // people**2
    return max(2 * sides, min(wanted, _ROUNDS))


def _measure(rounds: Sequence[Round], seed: int) -> Strangers:
    strange = [~r.own for r in rounds]
    probes = [np.broadcast_to(r.probes[:, None], r.one.shape) for r in rounds]
    enrolled = [np.broadcast_to(r.enrolled, r.one.shape) for r in rounds]
    return Strangers(
        tail=fit_tail(
            _join([r.one for r in rounds], strange).astype(np.float64),
            _join(probes, strange),
            _join(enrolled, strange),
            seed=seed,
        ),
        sighting_shift=_sighting_shift(rounds, strange),
        picture_agreement=_picture_agreement(rounds, strange),
        people=len(np.unique(np.concatenate([r.probes for r in rounds]))),
    )


def _sighting_shift(rounds: Sequence[Round], strange: Sequence[npt.NDArray[np.bool_]]) -> float:
    """How far a score rises with log s sightings: the mean over `_LEVELS`."""
    one = _join([r.one for r in rounds], strange)
    best = _join([r.sightings for r in rounds], strange)
    counts = [np.broadcast_to(r.sighting_counts, r.one.shape) for r in rounds]
    log_count = _check_log(_join(counts, strange), "sightings from other cameras")
    return max(0.0, float(np.mean(_at_levels(best) - _at_levels(one))) / log_count)


def _picture_agreement(rounds: Sequence[Round], strange: Sequence[npt.NDArray[np.bool_]]) -> float:
    """The r of `Strangers`, by how much m pictures' mean scores higher: the mean over `_LEVELS`."""
    several = [s & (r.picture_counts > 1)[:, None] for r, s in zip(rounds, strange, strict=True)]
    counts = [np.broadcast_to(r.picture_counts[:, None], r.one.shape) for r in rounds]
    count = np.exp(_check_log(_join(counts, several), "pictures from one camera"))
    one = _at_levels(_join([r.one for r in rounds], several))
    mean = _at_levels(_join([r.pictures for r in rounds], several))
    if not ((one > 0) & (mean > 0)).all():
        raise CalibrationError("strangers' scores lie around 0; this model can't be calibrated")
    factor = float(np.exp(np.mean(np.log(mean / one))))
    return float(np.clip((count / factor**2 - 1) / (count - 1), _LEAST_AGREEMENT, 1.0))


def _at_levels(scores: npt.NDArray[np.float32]) -> Values:
    return np.asarray(np.quantile(scores, 1 - _LEVELS), dtype=np.float64)


def _check_log(counts: npt.NDArray[np.int64], what: str) -> float:
    mean = float(np.log(counts).mean()) if len(counts) else 0.0
    if mean < _LEAST_LOG:
        raise CalibrationError(
            f"too few people have several {what}; what more of them do to a score can't be measured"
        )
    return mean


def _join(
    parts: Sequence[npt.NDArray[Any]], chosen: Sequence[npt.NDArray[np.bool_]]
) -> npt.NDArray[Any]:
    return np.concatenate([part[where] for part, where in zip(parts, chosen, strict=True)])

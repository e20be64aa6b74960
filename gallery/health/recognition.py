"""From which quality on a picture is not recognised: tried on the gallery's own, spoilt on purpose.

So what a quality means for the model in hand is measured, and nothing needs a number that was right
for another one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..pictures.quality import Quality, measure_quality
from ..pictures.read import Crop
from .mixture import Column, Matrix, fit_logistic, predict_logistic
from .people import People, Vectors, best_others, score_outside_burst, sums_by, unit
from .spoiling import spoil

Embed = Callable[[Sequence[Crop]], Vectors]
"""Crops to float32[n, d] unit rows."""

MOST = 240
"""Pictures tried: some seconds of a CPU's time."""
_LEAST = 40
"""With fewer tried pictures nothing is said about quality."""


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """How a picture's quality tells whether its person will be recognised."""

    _centre: Column
    _scale: Column
    _weights: Column

    def risk(self, qualities: Sequence[Quality]) -> Column:
        """Return float64[n] in [0, 1]: the chance that each is not recognised."""
        features = _features(qualities)
        return predict_logistic((features - self._centre) / self._scale, self._weights)


def choose_sample(usable: npt.NDArray[np.bool_], *, seed: int = 0) -> npt.NDArray[np.intp]:
    """Draw at most `MOST` of the sightings that are usable, bool[n]; ascending."""
    where = np.flatnonzero(usable)
    drawn = np.random.default_rng(seed).permutation(len(where))[:MOST]
    return np.sort(where[drawn])


def try_spoilt(
    crops: Sequence[Crop],
    at: npt.NDArray[np.intp],
    embed: Embed,
    gallery: tuple[Vectors, People],
    as_it_is: tuple[Sequence[Quality], npt.NDArray[np.bool_]] = ((), np.empty(0, np.bool_)),
) -> Recognition | None:
    """Spoil pictures, ask who they show, and learn from which quality on the answer is wrong.

    The answer is right when the centroid of the own person's other bursts scores higher than every
    other person's centroid.

    Args:
        crops: m of the gallery's pictures.
        at: intp[m], which sightings they are.
        embed: the gallery's extractor.
        gallery: float32[n, d] vectors of all sightings, and their people.
        as_it_is: the qualities of pictures as they were enrolled, and bool[q], whether they were
            missed. Together they count as much as the spoilt ones.

    Returns:
        None where too few pictures could be tried, or all were recognised, or none.
    """
    severities = np.random.default_rng(0).random(len(crops))
    spoilt = [spoil(crop, way, severities[way]) for way, crop in enumerate(crops)]
    if len(spoilt) < _LEAST:
        return None
    missed = ~recognised(embed(spoilt), at, *gallery)
    if missed.all() or not missed.any():
        return None
    qualities, missed_anyway = as_it_is
    features = _features([*map(measure_quality, spoilt), *qualities])
    centre, scale = features[: len(spoilt)].mean(axis=0), features[: len(spoilt)].std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    counts = np.ones(len(features))
    counts[len(spoilt) :] = len(spoilt) / max(1, len(qualities))
    outcomes = np.concatenate([missed, missed_anyway])
    return Recognition(centre, scale, fit_logistic((features - centre) / scale, outcomes, counts))


def recognised(
    probes: Vectors, at: npt.NDArray[np.intp], vectors: Vectors, people: People
) -> npt.NDArray[np.bool_]:
    """Whether each probe, float32[m, d], in place of sighting ``at``, is nearest its own person."""
    instead = vectors.copy()
    instead[at] = probes
    own = score_outside_burst(vectors, people, people.owner, enrolled=True, probes=instead)[at]
    centroids = unit(sums_by(vectors, people.owner, len(people.pids)))
    other = best_others(probes, people.owner[at], centroids)[0]
    return np.asarray(own > other)


def _features(qualities: Sequence[Quality]) -> Matrix:
    return np.array([quality.features for quality in qualities]).reshape(len(qualities), -1)

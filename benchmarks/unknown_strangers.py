"""What strangers of one place do: how high they score, and whether N people are N chances."""

import numpy as np
from openset import Cell, Floats, People, Rows, draw, resample
from reid_gallery.gallery.calibration.tail import fit_tail

_PAIRS = 400_000
_GALLERIES = 50
_RESAMPLES = 400
_FPIR = 0.1


def own_tail(place: People, seed: int = 0) -> tuple[tuple[float, float], ...]:
    """Return (p, t) pairs as a calibration on this place would have, from one picture a camera.

    Of each person one picture by each camera is compared with those of others by other cameras,
    so that places of one picture a person and camera can be read, too.
    """
    random = np.random.default_rng(seed)
    rows = _one_a_camera(place, random)
    first, second = random.choice(rows, (2, 4 * _PAIRS))
    strange = place.people[first] != place.people[second]
    strange &= place.cameras[first] != place.cameras[second]
    first, second = first[strange][:_PAIRS], second[strange][:_PAIRS]
    scores = np.einsum("nd,nd->n", place.embeddings[first], place.embeddings[second])
    return fit_tail(scores.astype(np.float64), place.people[first], place.people[second], seed=seed)


def _one_a_camera(place: People, random: np.random.Generator) -> Rows:
    rows = random.permutation(len(place.people))
    seen = np.column_stack((place.people[rows], place.cameras[rows]))
    return np.asarray(rows[np.unique(seen, axis=0, return_index=True)[1]])


def dependence(place: People, size: int) -> Floats:
    """float64[b], theta of FPIR = 1 - (1 - p)^(theta N) in galleries of N: 1 if independent.

    Read where one stranger in ten is named; first of everyone, then of resampled strangers.
    """
    drawn = list(draw(place, place, Cell(size, 1, 1), _GALLERIES))
    scores = np.concatenate([one.best[one.owner < 0] for one in drawn])
    probes = np.concatenate([one.probe[one.owner < 0] for one in drawn])
    at = np.quantile(scores.max(axis=1), 1 - _FPIR)
    weights = resample(probes, _RESAMPLES)[:, probes]
    weights /= weights.sum(axis=1, keepdims=True)
    named = weights @ (scores >= at).any(axis=1)
    matched = weights @ (scores >= at).mean(axis=1)
    return np.asarray(np.log1p(-named) / (size * np.log1p(-matched)))

"""Random galleries asked by strangers and acquaintances: what `unknown.py` measures rules on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

Rule = Callable[["Draw"], npt.NDArray[np.floating]]
"""From a draw to float[q, N], each person's score by the rule."""

COHORT = 100
"""Other people that some rules compare a query with."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Labelled embeddings of one place: float32[n, d], who and which camera from 0.

    ``quality`` is float64[n, f], of the pictures; with no columns where it isn't known.
    """

    embeddings: npt.NDArray[np.float32]
    people: Rows
    cameras: Rows
    quality: Floats

    def only(self, chosen: Truths) -> "People":
        """Keep some pictures; people keep their numbers."""
        return People(
            self.embeddings[chosen],
            self.people[chosen],
            self.cameras[chosen],
            self.quality[chosen],
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of gallery and query: N people, s sightings a person, m pictures a query.

    ``least`` pictures of a person by the asking camera are asked for, so that queries of more and
    of fewer pictures can be made of the same people. ``mixed`` deals 1 to s sightings at random.
    """

    people: int
    sightings: int
    pictures: int
    least: int = 1
    mixed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One gallery, asked by one camera's people; no sighting in it is of that camera.

    Attributes:
        scores: float32[q, N, s]; NaN where a person has fewer sightings.
        centroids: float32[q, N], with each person's mean embedding.
        cohort: float32[q, c], with people of other places, pooled as the gallery's are.
        backward: float32[N, c], one picture of each of those with each person in the gallery,
            pooled alike.
        owner: int64[q], who asks, by place in the gallery; -1 for strangers.
        probe: int64[q], who asks, by number.
        counts: int64[N], sightings.
        enrolled: int64[N], who is in the gallery, by number.
        pictures: int64[q], of each query.
        quality: float64[q, f], the mean of its pictures'.
    """

    scores: npt.NDArray[np.float32]
    centroids: npt.NDArray[np.float32]
    cohort: npt.NDArray[np.float32]
    backward: npt.NDArray[np.float32]
    owner: Rows
    probe: Rows
    counts: Rows
    enrolled: Rows
    pictures: Rows
    quality: Floats

    @property
    def best(self) -> npt.NDArray[np.float32]:
        """float32[q, N]: each person's best sighting's score."""
        return np.asarray(np.nanmax(self.scores, axis=2))


def draw(
    place: People, cohort: People, cell: Cell, galleries: int, *, seed: int = 0, most: int = 100
) -> Iterator[Draw]:
    """Draw galleries, the cameras asking in turn; at most ``most`` strangers and acquaintances."""
    for number in range(galleries):
        random = np.random.default_rng((seed, cell.people, cell.sightings, number))
        camera = number % (place.cameras.max() + 1)
        found = _draw_one(place, cohort, cell, camera, random=random, most=most)
        if found is not None:
            yield found


def _draw_one(
    place: People,
    cohort: People,
    cell: Cell,
    camera: int,
    *,
    random: np.random.Generator,
    most: int,
) -> Draw | None:
    elsewhere = place.cameras != camera
    able = np.unique(place.people[elsewhere])
    if len(able) <= cell.people:
        return None
    enrolled = np.sort(random.choice(able, cell.people, replace=False))
    stored = _take(place, elsewhere & np.isin(place.people, enrolled), cell.sightings, random)
    if cell.mixed:
        keep = random.integers(1, cell.sightings + 1, size=(len(stored), 1))
        stored = np.where(np.arange(stored.shape[1]) < keep, stored, -1)
    asked = _take(place, place.cameras == camera, max(cell.pictures, cell.least), random)
    asked = asked[(asked >= 0).sum(axis=1) >= cell.least]
    probe = place.people[asked[:, 0]]
    chosen = np.concatenate([
        random.permutation(np.flatnonzero(np.isin(probe, enrolled)))[:most],
        random.permutation(np.flatnonzero(~np.isin(probe, enrolled)))[:most],
    ])  # fmt: skip
    if not len(chosen):
        return None
    asked, probe = asked[chosen, : cell.pictures], probe[chosen]
    queries = _means(place, asked)
    others = np.unique(cohort.people)
    others = random.permutation(others)[:COHORT]
    known = _take(cohort, np.isin(cohort.people, others), cell.sightings, random)
    place_in = np.searchsorted(enrolled, probe)
    inside = enrolled[np.minimum(place_in, len(enrolled) - 1)] == probe
    return Draw(
        scores=_scores(queries, place, stored),
        centroids=queries @ _means(place, stored).T,
        cohort=np.nanmax(_scores(queries, cohort, known), axis=2),
        backward=np.nanmax(_scores(cohort.embeddings[known[:, 0]], place, stored), axis=2).T,
        owner=np.where(inside, place_in, -1),
        probe=probe,
        counts=(stored >= 0).sum(axis=1),
        enrolled=enrolled,
        pictures=(asked >= 0).sum(axis=1),
        quality=_mean_quality(place, asked),
    )


def _take(place: People, allowed: Truths, most: int, random: np.random.Generator) -> Rows:
    """Draw up to ``most`` rows a person, int64[people, most]; -1 where there are fewer."""
    rows = random.permutation(np.flatnonzero(allowed))
    rows = rows[np.argsort(place.people[rows], kind="stable")]
    begins = np.flatnonzero(np.diff(place.people[rows], prepend=-1))
    lengths = np.diff(begins, append=len(rows))
    table = np.full((len(begins), most), -1)
    for column in range(most):
        has = lengths > column
        table[has, column] = rows[begins[has] + column]
    return table


def _mean_quality(place: People, table: Rows) -> Floats:
    there = (table >= 0)[..., np.newaxis]
    return np.asarray((place.quality[table] * there).sum(axis=1) / there.sum(axis=1))


def _means(place: People, table: Rows) -> npt.NDArray[np.float32]:
    vectors = place.embeddings[table] * (table >= 0)[..., np.newaxis]
    sums = vectors.sum(axis=1)
    return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True))


def _scores(
    queries: npt.NDArray[np.float32], place: People, table: Rows
) -> npt.NDArray[np.float32]:
    scores = queries @ place.embeddings[table.ravel()].T
    scores[:, table.ravel() < 0] = np.nan
    return np.asarray(scores.reshape(len(queries), *table.shape))


# -- answers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The first identities of many queries: float64[n] scores, truths, who asked.

    ``own`` is float64[n], the score with the person who asks; NaN for strangers.
    """

    scores: Floats
    right: Truths
    mated: Truths
    probe: Rows
    own: Floats

    @classmethod
    def of(cls, drawn: Sequence[Draw], rule: Rule) -> "Answers":
        """Ask every draw by a rule."""
        parts = []
        for one in drawn:
            values = rule(one)
            first = values.argmax(axis=1)
            mated = one.owner >= 0
            rows = np.arange(len(first))
            top = values[rows, first].astype(np.float64)
            own = np.where(mated, values[rows, one.owner], np.nan)
            parts.append((top, mated & (first == one.owner), mated, one.probe, own))
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def weights(self, resamples: int) -> Floats:
        """float64[1 + resamples, people]: `resample` of whoever asks."""
        return resample(self.probe, resamples)

    def fpir(self, threshold: float, weights: Floats) -> Floats:
        """float64[b]: the share of strangers named."""
        strange = ~self.mated
        return _share(self.scores[strange] >= threshold, weights[:, self.probe[strange]])

    def fnir(self, threshold: float | Floats, weights: Floats) -> Floats:
        """float64[b]: the share of acquaintances not given their person; a threshold each, too."""
        lost = ~(
            self.right[self.mated] & (self.scores[self.mated] >= np.reshape(threshold, (-1, 1)))
        )
        return _share(lost, weights[:, self.probe[self.mated]])

    def fnir_at(self, fpir: float, weights: Floats) -> Floats:
        """float64[b]: the same where exactly this share of strangers is named, in each resample."""
        curve = StrangerCurve.of(self, weights)
        allowed = (curve.named <= fpir).sum(axis=1) - 1
        falling = -curve.rising_below
        thresholds = np.nextafter(falling[np.minimum(allowed, len(falling) - 1)], np.inf)
        return self.fnir(thresholds, weights)

    def misranked(self, weights: Floats) -> Floats:
        """float64[b]: the share of acquaintances whose first identity is another's."""
        return _share(~self.right[self.mated], weights[:, self.probe[self.mated]])

    def mean_scores(self, weights: Floats) -> tuple[Floats, Floats]:
        """float64[b] each: the mean score of acquaintances with themselves, of strangers' first."""
        strange = ~self.mated
        return (
            _share(self.own[self.mated], weights[:, self.probe[self.mated]]),
            _share(self.scores[strange], weights[:, self.probe[strange]]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class StrangerCurve:
    """The share of strangers named at every threshold, in every resample.

    Attributes:
        rising_below: float64[n], the strangers' scores with the sign turned, rising.
        named: float64[b, n + 1], the share that the highest 0, 1, .. of them are.
    """

    rising_below: Floats
    named: Floats

    @classmethod
    def of(cls, answers: Answers, weights: Floats) -> "StrangerCurve":
        """Sort the strangers once, whatever is asked of them later."""
        strange = ~answers.mated
        order = np.argsort(-answers.scores[strange], kind="stable")
        summed = np.cumsum(weights[:, answers.probe[strange][order]], axis=1)
        named = np.concatenate((np.zeros((len(weights), 1)), summed / summed[:, -1:]), axis=1)
        return cls(-answers.scores[strange][order], named)

    def fpir(self, thresholds: Floats) -> Floats:
        """float64[b]: the share named in each resample, each at its own threshold, float64[b]."""
        above = np.searchsorted(self.rising_below, -thresholds, side="right")
        return np.asarray(self.named[np.arange(len(above)), above])


def resample(people: Rows, resamples: int, seed: int = 0) -> Floats:
    """float64[1 + resamples, people]: everyone once, then people drawn with replacement."""
    present = np.unique(people)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(present), np.full(len(present), 1 / len(present)), resamples)
    table = np.zeros((1 + resamples, present.max() + 1))
    table[:, present] = np.concatenate([np.ones((1, len(present))), drawn])
    return table


def _share(truths: Truths | Floats, weights: Floats) -> Floats:
    truths = np.broadcast_to(truths, (len(weights), truths.shape[-1]))
    return np.asarray((truths * weights).sum(axis=1) / weights.sum(axis=1))


def calibration_loss(probability: Floats, right: Truths, weights: Floats) -> tuple[float, float]:
    """Bits a query that the probabilities cost, and that they would cost at their best.

    The first is the weighted mean of -log2 of the probability given to what is true; the second
    the same after the monotone map that makes it least (pool adjacent violators). Their difference
    is Cllr - minCllr (Brummer & du Preez 2006) at the prior that the weights make.
    """
    order = np.argsort(probability, kind="stable")
    order = order[weights[order] > 0]
    share, truths = weights[order] / weights.sum(), right[order].astype(np.float64)
    blocks: list[list[float]] = []
    for weight, value in zip(share.tolist(), truths.tolist(), strict=True):
        blocks.append([weight, value, 1])
        while len(blocks) > 1 and blocks[-2][1] >= blocks[-1][1]:
            w, v, n = blocks.pop()
            last = blocks[-1]
            blocks[-1] = [last[0] + w, (last[0] * last[1] + w * v) / (last[0] + w), last[2] + n]
    fitted = np.concatenate([np.full(int(n), v) for _, v, n in blocks])
    return _bits(probability[order], truths, share), _bits(fitted, truths, share)


def _bits(probability: Floats, truths: Floats, share: Floats) -> float:
    given = np.where(truths > 0, probability, 1 - probability)
    return float(-(share * np.log2(np.maximum(given, 1e-12))).sum())

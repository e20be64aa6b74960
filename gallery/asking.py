"""Asking the gallery: embed, search, resolve identities, decide known or unknown."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from ..index import VectorIndex
from .decision import DEFAULT_FPIR, ONE_PERSON, Calibration, GallerySize, parse_calibration
from .embeddings import check_dim
from .errors import EmbeddingError, ModelError, PictureError, QueryError, StoreDamagedError
from .extractor import Extractor
from .index_keeper import IndexKeeper
from .loading import BadPicture, LoadedPicture, in_batches, load_pictures, separate
from .model_choice import pin_of
from .passing import Passing
from .pictures.read import Crop
from .pooling import Pooling, rank_pooled
from .ranking import Ids, RankedIdentity, exact_scores, rank_identities
from .store.generations import Generation, ModelPin, current_generation
from .store.labels import as_texts
from .store.sightings import (
    Filter,
    all_owners,
    identities_of,
    load_sightings,
)
from .store.store import Store
from .times import to_microseconds
from .types import Answer, Comparison, Failure, Match, PictureLike, Sighting

Vectors = npt.NDArray[np.float32]
Item = tuple[int, PictureLike | Crop]
"""A picture's place in the question, and the picture."""

Loaded = LoadedPicture[Item] | BadPicture[Item]
Embedded = tuple[list[str | Failure], Vectors]
"""A name or a failure a picture, and the embeddings of those with a name."""

_BATCH = 64
"""Pictures decoded and embedded at a time."""

_SAME = 1 - 1e-6
"""Cosine from which two pictures of a question are one; in another batch it differs by less."""

_BLOCK = 1024
"""Pictures of a question compared with the others at a time."""

_RANKED = 256
"""Queries searched at a time: from about so many on, FAISS makes a matrix product of them."""


class QueryOptions(TypedDict, total=False):
    """What a query may be told.

    Attributes:
        k: how many distinct identities to list.
        cameras: match only sightings of these.
        not_cameras: match no sighting of these.
        since: match only sightings from then on.
        until: match only sightings up to then.
        as_one: all pictures show one person and are one query.
        min_score: list no match below it.
        pooling: how an identity's sightings make one score.
        fpir: the share of strangers that may be named, where the model is calibrated.
        rerank: rank by k-reciprocal neighbours, among all queries of the call and the sightings
            that may match; scores are then no cosines, and nobody is known or unknown.
    """

    k: int
    cameras: Sequence[str]
    not_cameras: Sequence[str]
    since: datetime | None
    until: datetime | None
    as_one: bool
    min_score: float | None
    pooling: Pooling
    fpir: float
    rerank: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`QueryOptions`, complete and checked.

    Raises:
        QueryError: a value is out of its range.
    """

    k: int = 5
    cameras: Sequence[str] = ()
    not_cameras: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    as_one: bool = False
    min_score: float | None = None
    pooling: Pooling = "max"
    fpir: float = DEFAULT_FPIR
    rerank: bool = False

    def __post_init__(self) -> None:
        if not _is_whole(self.k) or self.k < 1:
            raise QueryError(f"k is a whole number, at least 1, not {self.k!r}")
        object.__setattr__(self, "k", int(self.k))  # NumPy's small ones overflow when multiplied
        for name in ("cameras", "not_cameras"):
            # Once and for all: an iterator would be used up by the first who looks.
            object.__setattr__(self, name, _names(name, getattr(self, name)))
        for moment in (self.since, self.until):
            if moment is not None and not isinstance(moment, datetime):
                raise QueryError(f"since and until are datetimes, not {moment!r}")
        if self.since and self.until and to_microseconds(self.since) > to_microseconds(self.until):
            raise QueryError(f"since {self.since} is later than until {self.until}")
        lowest = self.min_score
        if lowest is not None and not (_is_number(lowest) and -1 <= lowest <= 1):
            raise QueryError(f"min_score is a cosine, from -1 to 1, not {lowest!r}")
        _check_fpir(self.fpir)
        if self.pooling not in ("max", "mean", "centroid"):
            raise QueryError(f"pooling is max, mean or centroid, not {self.pooling!r}")
        if self.rerank and (self.min_score is not None or self.pooling != "max"):
            raise QueryError(
                "re-ranked scores are no cosines: rerank takes no min_score or pooling"
            )

    @property
    def together(self) -> bool:
        """Whether the answers to some pictures depend on the others."""
        return self.as_one or self.rerank

    @property
    def calibrated(self) -> bool:
        """Whether scores are those that models are calibrated on: best sightings' cosines."""
        return self.pooling == "max" and not self.rerank

    @property
    def filter(self) -> Filter:
        """The sightings that may match."""
        return Filter(
            cameras=tuple(self.cameras),
            not_cameras=tuple(self.not_cameras),
            since=self.since,
            until=self.until,
        )


def answer_pictures(
    store: Store,
    keeper: IndexKeeper,
    extractor: Extractor,
    pictures: Iterable[PictureLike | Crop],
    question: Question,
) -> Iterator[Answer | Failure]:
    """Answer pictures in their order, some dozens at a time; one that can't be used is a Failure.

    With ``as_one`` the single answer comes last, of all pictures that can be used.
    """
    batches = (
        _embed(extractor, batch)
        for batch in in_batches(load_pictures(enumerate(pictures), _source), _BATCH)
    )
    for entries, embeddings in _join(batches) if question.together else batches:
        names = [entry for entry in entries if isinstance(entry, str)]
        answers = answer(store, keeper, names, embeddings, question, made_by=pin_of(extractor))
        waiting = iter(answers)
        for entry in entries:
            if isinstance(entry, Failure):
                yield entry
            elif not question.as_one:
                yield next(waiting)
        yield from waiting  # the one answer of as_one


def _embed(extractor: Extractor, batch: Sequence[Loaded]) -> Embedded:
    good, _ = separate(batch)
    entries = [
        Failure(_name(picture.item), picture.problem)
        if isinstance(picture, BadPicture)
        else _name(picture.item)
        for picture in batch
    ]
    return entries, extractor.embed_fitted([picture.fitted for picture in good])


def _join(batches: Iterable[Embedded]) -> Iterator[Embedded]:
    """Make one batch of all, or none of none."""
    entries: list[str | Failure] = []
    embeddings: list[Vectors] = []
    for some, rows in batches:
        entries += some
        embeddings.append(rows)
    if embeddings:
        yield entries, np.concatenate(embeddings)


def answer(
    store: Store,
    keeper: IndexKeeper,
    names: Sequence[str],
    embeddings: Vectors,
    question: Question,
    *,
    made_by: ModelPin | None = None,
) -> list[Answer]:
    """Answer each row of float32[n, d], or all of them as one; see `Gallery.query`.

    All queries of a call see one state of the gallery.

    Raises:
        ModelMismatchError: ``made_by`` is not the model of the gallery; another process may have
            moved it to another one meanwhile.
        EmbeddingError: rows aren't of the gallery's dimension.
    """
    queries: list[tuple[str, ...]] = [(name,) for name in names]
    pictures = [1] * len(queries)
    if question.as_one and len(embeddings):
        queries = [tuple(names)]
        different = _different(embeddings)
        embeddings, pictures = _as_one(different), [len(different)]
    with store.snapshot() as sqlite:
        index = keeper.refresh(sqlite)
        generation = current_generation(sqlite)
        if generation is not None and made_by is not None:
            store.check_pin(generation, made_by)
        if generation is not None:
            check_dim(embeddings, generation.dim)
        return [
            found
            for batch in in_batches(
                range(len(queries)), len(queries) if question.rerank else _RANKED
            )
            for found in _answer_batch(
                sqlite,
                keeper,
                index,
                generation,
                embeddings=embeddings[batch],
                queries=[queries[n] for n in batch],
                pictures=[pictures[n] for n in batch],
                question=question,
            )
        ]


def compare(
    extractor: Extractor,
    a: PictureLike | Crop,
    b: PictureLike | Crop,
    *,
    fpir: float,
    generation: Generation | None = None,
) -> Comparison:
    """Compare two pictures; the decision is that of a gallery of one person.

    It goes by the calibration of ``generation``, as a query does, or without one by the model's.

    Raises:
        QueryError: ``fpir`` is no share.
        PictureError: a picture can't be used.
    """
    _check_fpir(fpir)
    fitted = []
    for loaded in load_pictures(enumerate((a, b)), _source):
        if isinstance(loaded, BadPicture):
            raise PictureError(loaded.problem)
        fitted.append(loaded.fitted)
    embeddings = extractor.embed_fitted(fitted)
    score = float(exact_scores(embeddings[0], embeddings[1:])[0])
    if generation is None:
        calibration = parse_calibration(extractor.spec.calibration)
    else:
        calibration = _calibration(generation)
    threshold = None if calibration is None else calibration.threshold(fpir=fpir, size=ONE_PERSON)
    return Comparison(score, threshold, None if threshold is None else score >= threshold)


def _names(option: str, cameras: Iterable[Any]) -> tuple[str, ...]:
    if isinstance(cameras, str):
        raise QueryError(f"{option} are a list of names, not one text; put it in brackets")
    names = tuple(as_texts(cameras))
    for name in names:
        if not isinstance(name, str):
            raise QueryError(f"{option} are names, not {name!r}; leave it out")
    return names


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _check_fpir(fpir: float) -> None:
    if not _is_number(fpir) or not 0 < fpir < 1:
        raise QueryError(f"fpir lies between 0 and 1, not {fpir!r}")


def _source(item: Item) -> Path | Crop:
    if isinstance(item[1], np.ndarray):
        return item[1]
    try:
        return Path(item[1])
    except TypeError as error:
        raise PictureError(
            f"picture {item[0]} is a {type(item[1]).__name__}; give a path, or an array "
            "uint8[h, w, 3] RGB (np.asarray(image.convert('RGB')) of a PIL image)"
        ) from error


def _name(item: Item) -> str:
    return f"array {item[0]}" if isinstance(item[1], np.ndarray) else str(item[1])


def _different(embeddings: Vectors) -> Vectors:
    """Return float32[m, d], those of n that no earlier one is the same as.

    A picture given twice says nothing new: it is to raise neither its weight nor the threshold.
    """
    new = np.ones(len(embeddings), dtype=bool)
    for rows in in_batches(range(len(embeddings)), _BLOCK):
        scores = embeddings[rows] @ embeddings[: rows[-1] + 1].T
        new[rows] = ~np.any(np.tril(scores, rows[0] - 1) >= _SAME, axis=1)
    return embeddings[new]


def _as_one(embeddings: Vectors) -> Vectors:
    """Return float32[1, d], the unit mean of several embeddings of one person."""
    mean = embeddings.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length < 1e-6:
        raise EmbeddingError("these pictures cancel each other out: they can't show one person")
    unit: Vectors = (mean / length).astype(np.float32)
    return unit[np.newaxis]


def _answer_batch(
    sqlite: sqlite3.Connection,
    keeper: IndexKeeper,
    index: VectorIndex | None,
    generation: Generation | None,
    *,
    embeddings: Vectors,
    queries: Sequence[tuple[str, ...]],
    pictures: Sequence[int],
    question: Question,
) -> list[Answer]:
    if index is None or generation is None:
        return [Answer(query, "", None, None, ()) for query in queries]
    chosen, last = question.filter, keeper.last_sighting
    passing = keeper.remember(chosen, lambda: Passing(chosen))
    allowed = passing.ids(sqlite, last) if chosen.restricts else None

    def size() -> GallerySize:
        return passing.size(sqlite, last)

    rankings = _rank(
        sqlite, index, embeddings, question, allowed, people=lambda: sum(size().values())
    )
    found = load_sightings(sqlite, {person.sighting for ranking in rankings for person in ranking})
    # Calibrated on best sightings; of another score nothing is known.
    calibration = _calibration(generation) if question.calibrated else None
    judge: Callable[[Sequence[RankedIdentity], int], _Judgement] | None = None
    if calibration:
        judge = _judge_of(calibration, size(), question.fpir)
    return [
        _answer(
            query,
            generation.model,
            _matches(ranking, found, question.min_score),
            None if judge is None else judge(ranking, asked),
        )
        for query, asked, ranking in zip(queries, pictures, rankings, strict=True)
    ]


def _rank(
    sqlite: sqlite3.Connection,
    index: VectorIndex,
    embeddings: Vectors,
    question: Question,
    allowed: Ids | None,
    *,
    people: Callable[[], int],
) -> list[list[RankedIdentity]]:
    if question.rerank:
        # For others it would be loaded for nothing.
        from .reranked import rank_reranked  # noqa: PLC0415

        return rank_reranked(embeddings, index, all_owners(sqlite), k=question.k, allowed=allowed)
    if question.pooling != "max":
        return rank_pooled(
            embeddings,
            index,
            all_owners(sqlite),
            k=question.k,
            pooling=question.pooling,
            allowed=allowed,
        )
    return rank_identities(
        embeddings,
        index,
        lambda ids: identities_of(sqlite, ids),
        k=question.k,
        allowed=allowed,
        people=people,
    )


def _calibration(generation: Generation) -> Calibration | None:
    try:
        return parse_calibration(json.loads(generation.calibration or "null"))
    except (ModelError, ValueError) as error:
        raise StoreDamagedError(
            f"the calibration stored with the model is damaged ({error}); "
            "run reid-gallery calibrate --store, or rebuild --model with a sound model"
        ) from error


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What the calibration says of one ranking."""

    threshold: float
    known: bool
    probability: float | None


def _judge_of(
    calibration: Calibration, size: GallerySize, fpir: float
) -> Callable[[Sequence[RankedIdentity], int], _Judgement]:
    """Return what judges a ranking of so many pictures; each threshold is worked out once."""

    @cache
    def threshold(pictures: int) -> float:
        return calibration.threshold(fpir=fpir, size=size, pictures=pictures)

    def judge(ranking: Sequence[RankedIdentity], pictures: int) -> _Judgement:
        if not ranking:
            return _Judgement(threshold(pictures), False, None)
        score = ranking[0].score
        probability = calibration.probability(score, size=size, pictures=pictures)
        return _Judgement(threshold(pictures), score >= threshold(pictures), probability)

    return judge


def _matches(
    ranking: Sequence[RankedIdentity], found: dict[int, Sighting], min_score: float | None
) -> tuple[Match, ...]:
    return tuple(
        Match(rank, found[person.sighting].pid, person.score, found[person.sighting])
        for rank, person in enumerate(ranking, start=1)
        if min_score is None or person.score >= min_score
    )


def _answer(
    query: tuple[str, ...], model: str, matches: tuple[Match, ...], judgement: _Judgement | None
) -> Answer:
    if judgement is None:
        return Answer(query, model, None, None, matches)
    if not matches:  # none passed min_score
        return Answer(query, model, False, judgement.threshold, matches)
    return Answer(
        query, model, judgement.known, judgement.threshold, matches, judgement.probability
    )

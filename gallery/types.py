"""What the gallery takes and gives: small frozen records with readable text."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sighting:
    """One enrolled crop."""

    id: int
    pid: str
    path: str | None = None
    camera: str | None = None
    time: datetime | None = None
    tracklet: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One identity in an answer.

    Attributes:
        rank: from 1.
        pid: the identity.
        score: cosine in [-1, 1]; of re-ranked queries in [0, 1], and no cosine.
        sighting: the identity's sighting that is most like the query.
    """

    rank: int
    pid: str
    score: float
    sighting: Sighting


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gallery says of one query.

    Attributes:
        query: the query's pictures, as they were named.
        model: sha256 of the model that embedded them, or ``external``.
        known: whether the first match is good enough to name; None without a threshold.
        threshold: the score from which a match is known; None when the model isn't calibrated.
        matches: distinct identities, best first; listed even when the answer is unknown.
        probability: that the first match is right, were every second query a stranger's; None
            when the model isn't calibrated or nothing matched.
    """

    query: tuple[str, ...]
    model: str
    known: bool | None
    threshold: float | None
    matches: tuple[Match, ...]
    probability: float | None = None

    @property
    def pid(self) -> str | None:
        """The first match's pid, or None when unknown or nothing matched."""
        return self.matches[0].pid if self.matches and self.known is not False else None


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that could not be used, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """A picture that is enrolled already, under another identity."""

    path: str
    pid: str
    enrolled_as: str
    sighting_id: int


@dataclass(frozen=True, slots=True)
class EnrollReport:
    """What became of each picture that was given.

    Attributes:
        enrolled: ids of the new sightings.
        skipped: pictures that were enrolled already under the same identity.
        conflicting: pictures that are enrolled under another identity; nothing was changed.
        failed: pictures that can't be used.
        ignored: left out by the layout's convention.
        moved: of the skipped and the conflicting, those whose sightings' pictures were no longer
            where they had been: their sightings have these paths now, made absolute.
    """

    enrolled: tuple[int, ...] = ()
    skipped: tuple[str, ...] = ()
    conflicting: tuple[Conflict, ...] = ()
    failed: tuple[Failure, ...] = ()
    ignored: tuple[Failure, ...] = ()
    moved: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"EnrollReport({len(self.enrolled)} enrolled, {len(self.skipped)} skipped, "
            f"{len(self.conflicting)} conflicting, {len(self.failed)} failed, "
            f"{len(self.ignored)} ignored, {len(self.moved)} moved)"
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """A person in the gallery.

    Attributes:
        pid: the name.
        sightings: how many.
        cameras: that saw the person, sorted.
        first_seen: the earliest time among sightings that have one.
        last_seen: the latest.
    """

    pid: str
    sightings: int
    cameras: tuple[str, ...]
    first_seen: datetime | None
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the history.

    Attributes:
        seq: its number, by which it is named to ``undo``.
        kind: enroll, remove, rename, merge, split, calibrate, rebuild or undo.
        time: when it was made, UTC.
        summary: what it did, in words.
        undone_by: the change that undid it, or None.
    """

    seq: int
    kind: str
    time: datetime
    summary: str
    undone_by: int | None


@dataclass(frozen=True, slots=True)
class Removal:
    """What was deleted for good."""

    sightings: tuple[Sighting, ...]
    identities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """The gallery in numbers."""

    identities: int
    sightings: int
    cameras: int
    model: str | None
    model_name: str | None
    dim: int | None
    database_bytes: int
    index_bytes: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two pictures compared.

    Attributes:
        score: their cosine.
        threshold: from which they are the same person; None when the model isn't calibrated.
        same: the decision; None without a threshold.
    """

    score: float
    threshold: float | None
    same: bool | None


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What differs between database, index and pictures; all empty when the store is sound.

    Attributes:
        checked: how many sightings were looked at.
        pictures_read: whether their pictures were read again.
        database: contradictions inside the database.
        index: differences between the saved index and the database.
        pictures: pictures that are missing or changed since enrolment.
    """

    checked: int
    pictures_read: bool
    database: tuple[str, ...] = ()
    index: tuple[str, ...] = ()
    pictures: tuple[Failure, ...] = field(default=())

    @property
    def sound(self) -> bool:
        """Whether nothing differs."""
        return not (self.database or self.index or self.pictures)


PictureLike = str | Path
"""A picture on disk, by its path."""

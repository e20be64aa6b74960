"""Enrolling pictures: load, embed and store, a batch a transaction; no picture stops the others.

The three run side by side: threads load, one thread embeds, and the caller's own, to which the
database belongs, stores. At most two batches are between loading and storing, whatever the number
of pictures, and all come out in the order they went in.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from .errors import LabelError, PictureError
from .extractor import Extractor
from .loading import BadPicture, LoadedPicture, in_batches, load_pictures, separate
from .pictures.folders import failure
from .pictures.labelled import LabelledPicture, Reading
from .pictures.read import read_enrolled
from .store.generations import Generation
from .store.sightings import NewSighting, find_contents, load_sightings
from .store.store import EnrollOutcome, Store
from .store.vectors import Vectors
from .types import Conflict, EnrollReport, Failure, Sighting
from .waits import DATABASE, EXTRACTOR, READING, Waits, WaitsProgress

log = logging.getLogger("reid_gallery")

BATCH = 64
Progress = Callable[[int], None]
"""Called with the number of pictures done since the last call; may be a `WaitsProgress`."""

Loaded = LoadedPicture[LabelledPicture]


def no_progress(done: int) -> None:
    """Report to nobody."""


class EnrolmentInterrupted(KeyboardInterrupt):
    """Ctrl-C came in the middle; ``report`` tells what was done before."""

    def __init__(self, report: EnrollReport) -> None:
        super().__init__()
        self.report = report


@dataclass(frozen=True, slots=True)
class _Batch:
    """Pictures on their way from loading to storing.

    Attributes:
        size: how many were loaded, bad and known ones included.
        fresh: those to be stored, by content.
        twins: of those in the same batch; who owns them is known once those are stored.
        embeddings: float32[n, d], of ``fresh`` in its order, once they are computed; None where
            nothing is fresh.
    """

    size: int
    fresh: dict[str, Loaded]
    twins: Sequence[Loaded]
    embeddings: Future[Vectors] | None


@dataclass(slots=True)
class Enrolment:
    """One call of enroll: what has become of its pictures so far."""

    store: Store
    extractor: Extractor
    generation: Generation
    change_seq: int | None = None
    enrolled: list[int] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    conflicting: list[Conflict] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    bring_more: int = 0  # of the skipped ones, those with labels that their sightings lack

    def run(self, reading: Reading, progress: Progress) -> EnrollReport:
        """Enroll all pictures of a reading; what could not be read is reported with the rest.

        Raises:
            EnrolmentInterrupted: on Ctrl-C; whole batches are stored, and the same call goes on.
        """
        self.failed.extend(Failure(str(path), reason) for path, reason in reading.failed)
        loaded = load_pictures(reading.pictures, lambda picture: picture.path)
        try:
            self._enroll_all(in_batches(loaded, BATCH), progress)
        except KeyboardInterrupt as interrupt:
            raise EnrolmentInterrupted(self._report(reading)) from interrupt
        self._warn_of_labels_not_added()
        return self._report(reading)

    def _warn_of_labels_not_added(self) -> None:
        """Whoever enrolls known pictures again, with cameras now, may think that they are added."""
        if self.bring_more:
            log.warning(
                "%s of the skipped pictures come with a camera, time or tracklet that their "
                "sightings lack, and that is not added; undo their enrolment and enroll them again",
                f"{self.bring_more:,}",
            )

    def _report(self, reading: Reading) -> EnrollReport:
        return EnrollReport(
            enrolled=tuple(self.enrolled),
            skipped=tuple(self.skipped),
            conflicting=tuple(self.conflicting),
            failed=tuple(self.failed),
            ignored=tuple(Failure(str(path), reason) for path, reason in reading.ignored),
            moved=tuple(self.moved),
        )

    def _enroll_all(
        self,
        batches: Iterable[Sequence[Loaded | BadPicture[LabelledPicture]]],
        progress: Progress,
    ) -> None:
        """Store each batch while the next one is embedded and the one after that is loaded."""
        waits = Waits()
        with ThreadPoolExecutor(1, thread_name_prefix="embed") as embedder:
            under_way: _Batch | None = None
            for loaded in waits.on_each(READING, batches):
                begun = self._begin(loaded, embedder)
                if under_way is not None:
                    self._finish(under_way, waits, progress)
                under_way = begun
            if under_way is not None:
                self._finish(under_way, waits, progress)

    def _begin(
        self,
        batch: Sequence[Loaded | BadPicture[LabelledPicture]],
        embedder: ThreadPoolExecutor,
    ) -> _Batch:
        """Sort out what is not to be stored, and have the rest embedded."""
        good, bad = separate(batch)
        good = [picture for picture in good if self._can_be_stored(picture)]
        self.failed.extend(Failure(str(picture.item.path), picture.problem) for picture in bad)
        fresh, twins = self._leave_out_known(good)
        if not fresh:
            return _Batch(len(batch), fresh, twins, None)
        fitted = [picture.fitted for picture in fresh.values()]
        return _Batch(
            len(batch), fresh, twins, embedder.submit(self.extractor.embed_fitted, fitted)
        )

    def _finish(self, batch: _Batch, waits: Waits, progress: Progress) -> None:
        if batch.embeddings is not None:
            with waits.on(EXTRACTOR):
                embeddings = batch.embeddings.result()
            with waits.on(DATABASE):
                self._store(batch, embeddings)
        if isinstance(progress, WaitsProgress):
            progress.waits_for(waits.longest)
        progress(batch.size)

    def _store(self, batch: _Batch, embeddings: Vectors) -> None:
        new = [_new_sighting(picture) for picture in batch.fresh.values()]
        outcome = self.store.enroll(
            new,
            embeddings,
            generation=self.generation,
            change_seq=self.change_seq,
            enrolled_before=len(self.enrolled),
        )
        self.change_seq = outcome.change_seq
        self.enrolled.extend(outcome.ids.tolist())
        owners = _owners_after(outcome, new)
        # Twins of the batch before, which was not stored yet when this one was sorted out, too.
        for picture in (*(batch.fresh[content] for content in outcome.known), *batch.twins):
            self._note_known(picture.item, *owners[picture.content])

    def _can_be_stored(self, picture: Loaded) -> bool:
        try:
            _new_sighting(picture)
        except LabelError as error:
            path, reason = failure(picture.item.path, str(error))
            self.failed.append(Failure(str(path), reason))
            return False
        return True

    def _leave_out_known(self, batch: Sequence[Loaded]) -> tuple[dict[str, Loaded], list[Loaded]]:
        """Return what is to be embedded by content, none that is enrolled, and its twins."""
        with self.store.snapshot() as sqlite:
            known = find_contents(sqlite, [picture.content for picture in batch])
            stored = load_sightings(sqlite, [number for number, _ in known.values()])
        fresh: dict[str, Loaded] = {}
        twins, moved = [], []
        for picture in batch:
            if picture.content in known:
                number, pid = known[picture.content]
                self._note_known(picture.item, number, pid)
                self.bring_more += picture.item.pid == pid and _brings_more(
                    picture.item, stored[number]
                )
                if _has_moved(picture, stored[number].path):
                    moved.append((picture, number, stored[number].path))
            elif picture.content in fresh:
                twins.append(picture)
            else:
                fresh[picture.content] = picture
        self._note_places(moved)
        return fresh, twins

    def _note_places(self, moved: Sequence[tuple[Loaded, int, str | None]]) -> None:
        """Say where sightings' pictures lie by now, whose they are by now being no matter."""
        if not moved:
            return
        noted = self.store.note_places(
            [(number, old, _place(picture)) for picture, number, old in moved]
        )
        self.moved += [
            str(picture.item.path)
            for (picture, *_), was_noted in zip(moved, noted, strict=True)
            if was_noted
        ]

    def _note_known(self, picture: LabelledPicture, sighting_id: int, pid: str) -> None:
        if picture.pid == pid:
            self.skipped.append(str(picture.path))
        else:
            self.conflicting.append(Conflict(str(picture.path), picture.pid, pid, sighting_id))


def enroll_new(
    store: Store, new: Sequence[NewSighting], embeddings: Vectors, *, generation: Generation
) -> EnrollReport:
    """Enroll sightings whose embeddings are there, float32[n, d], in one transaction.

    Of several with the same picture the first counts; the others are as if it had been enrolled
    before.
    """
    first: dict[str, int] = {}
    rows = [
        row
        for row, sighting in enumerate(new)
        if sighting.content is None or first.setdefault(sighting.content, row) == row
    ]
    chosen = [new[row] for row in rows]
    if len(rows) < len(new):
        embeddings = embeddings[rows]
    outcome = store.enroll(chosen, embeddings, generation=generation)
    owners = _owners_after(outcome, chosen)
    again = [
        (sighting.path or sighting.content, sighting.pid, *owners[sighting.content])
        for row, sighting in enumerate(new)
        if sighting.content is not None
        and (sighting.content in outcome.known or first[sighting.content] != row)
    ]
    return EnrollReport(
        enrolled=tuple(outcome.ids.tolist()),
        skipped=tuple(name for name, pid, _, owner in again if pid == owner),
        conflicting=tuple(
            Conflict(name, pid, owner, number) for name, pid, number, owner in again if pid != owner
        ),
    )


def _owners_after(outcome: EnrollOutcome, new: Sequence[NewSighting]) -> dict[str, tuple[int, str]]:
    """The sighting and the person of each content that was given to `Store.enroll`."""
    stored = [sighting for sighting in new if sighting.content not in outcome.known]
    return outcome.known | {
        sighting.content: (number, sighting.pid)
        for number, sighting in zip(outcome.ids.tolist(), stored, strict=True)
        if sighting.content is not None
    }


def _brings_more(picture: LabelledPicture, stored: Sighting) -> bool:
    return any(
        getattr(picture, label) is not None and getattr(stored, label) is None
        for label in ("camera", "time", "tracklet")
    )


def _has_moved(picture: Loaded, path: str | None) -> bool:
    """Whether a known picture is no longer, or never was, where its sighting has it."""
    if path is None:
        return True
    if path == _place(picture):
        return False
    try:
        read_enrolled(Path(path), picture.content)
    except PictureError:
        return True
    return False


def _place(picture: Loaded) -> str:
    return str(picture.item.path.absolute())


def _new_sighting(picture: Loaded) -> NewSighting:
    item = picture.item
    return NewSighting(
        pid=item.pid,
        content=picture.content,
        path=_place(picture),
        camera=item.camera,
        time=item.time,
        tracklet=item.tracklet,
    )

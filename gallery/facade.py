"""The gallery: open a store, enroll, ask, correct, look after it."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy.typing as npt

from ..index.kernels import faiss_module
from . import asking
from .asking import QueryOptions, Question
from .cameras import warn_of_unknown
from .counted import counted
from .decision import DEFAULT_FPIR
from .embeddings import check_embeddings
from .enrolling import Enrolment, Progress, enroll_new, no_progress
from .errors import (
    ConflictError,
    EmbeddingError,
    LayoutError,
    PictureError,
    QueryError,
    StoreDamagedError,
)
from .extractor import Extractor, resolve_model
from .index_choice import check_choice
from .index_keeper import IndexKeeper, News
from .model_choice import Load, choose_extractor, external_pin, pin_of
from .pictures.labelled import Reading
from .pictures.read import Crop, content_hash
from .pictures.sources import collect
from .store import changes, identities, sightings
from .store.generations import Generation, ModelPin, current_generation
from .store.labels import Names, Times, labels_for
from .store.store import Store
from .types import (
    Answer,
    Change,
    Comparison,
    EnrollReport,
    Failure,
    Identity,
    PictureLike,
    Removal,
    Sighting,
    Stats,
    VerifyReport,
)

if TYPE_CHECKING:
    from .health.findings import AuditReport


class Gallery:
    """A durable gallery of people; use it as a context manager, in one thread.

    What looks after a gallery is imported by the methods that do it: a query would load it in vain.

    Example:
        >>> with Gallery.open("people") as gallery:
        ...     gallery.enroll(["crops"])
        ...     for answer in gallery.query(["unknown.jpg"]):
        ...         print(answer.pid, answer.matches)
    """

    def __init__(self, store: Store, model: PictureLike | None, load: Load) -> None:
        self._store = store
        self._model = model
        self._load = load
        self._extractor: Extractor | None = None
        self._keeper = IndexKeeper(store)

    @classmethod
    def open(
        cls,
        path: PictureLike,
        *,
        model: PictureLike | None = None,
        create: bool = True,
        wait_s: float = 30.0,
        load: Load = Extractor.load,
    ) -> Self:
        """Open a store.

        Args:
            path: its directory.
            model: an extractor's ONNX file; by default the one the store was made with, and for a
                new store the shipped one.
            create: make the store when it isn't there.
            wait_s: how long a write waits for another process's.
            load: how a model's file is loaded; see `extractor.early`.

        Raises:
            StoreError: there is no store and none may or can be made.
        """
        return cls(Store(Path(path), create=create, wait_s=wait_s), model, load)

    def close(self) -> None:
        """Let go of the store; the index is saved if the saved one is no good."""
        try:
            self._keeper.save_if_stale()
            self._keeper.forget_removed()
        finally:
            self._keeper.drop()
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        try:  # what went wrong, or was interrupted, is not to wait for an index that lacks a few
            self._keeper.forget_removed()
        finally:
            self._store.close()

    def __repr__(self) -> str:
        return f"Gallery({str(self._store.directory.root)!r})"

    @property
    def extractor(self) -> Extractor:
        """The model that embeds this gallery's pictures.

        Raises:
            ModelError: its file is not to be found.
            ModelMismatchError: the store was made with another one than was given to `open`.
        """
        if self._extractor is None:
            self._extractor = choose_extractor(
                self._store, self._generation(), self._model, self._load
            )
        return self._extractor

    def _warm_up(self) -> None:
        """Load extractor and index side by side: a cold query waits for the longer of the two."""
        if self._extractor is not None:
            return
        generation = self._generation()
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(
                choose_extractor, self._store, generation, self._model, self._load
            )
            with self._store.snapshot() as sqlite:
                self._keeper.refresh(sqlite)
            faiss_module()
            self._extractor = loading.result()

    def _generation(self) -> Generation | None:
        with self._store.snapshot() as sqlite:
            return current_generation(sqlite)

    # -- enrolling -----------------------------------------------------------------------------

    def enroll(
        self,
        paths: Sequence[PictureLike] = (),
        *,
        pid: str | None = None,
        layout: str | None = None,
        manifest: PictureLike | None = None,
        camera: str | None = None,
        progress: Progress = no_progress,
    ) -> EnrollReport:
        """Enroll pictures: files, folders, patterns.

        Args:
            paths: what to read; with ``manifest`` leave it empty.
            pid: whom all of them show; else ``layout`` or the folder's name tells.
            layout: how file names tell the person; see `pictures.layouts`.
            manifest: a CSV file of path, pid and optional camera, time, tracklet.
            camera: where the layout doesn't tell.
            progress: called as pictures are done.

        Raises:
            LayoutError: the options contradict each other, or nothing is found at all.
            ModelMismatchError: the store was made with another model.
            StoreBusyError: another process was writing for too long.
        """
        if isinstance(paths, PictureLike):
            raise LayoutError(f"paths are a list, not one path; put {paths} in brackets")
        for path in paths:
            if not isinstance(path, PictureLike):
                raise LayoutError(
                    f"a {type(path).__name__} is no path; pictures in memory go to enroll_crops"
                )
        reading = collect(
            [str(path) for path in paths],
            pid=pid,
            layout=layout,
            manifest=None if manifest is None else Path(manifest),
            camera=camera,
        )
        return self.enroll_reading(reading, progress=progress)

    def enroll_reading(self, reading: Reading, *, progress: Progress = no_progress) -> EnrollReport:
        """Enroll labelled pictures; see `enroll` for the errors, too."""
        generation = self._pin(pin_of(self.extractor))
        try:
            return Enrolment(self._store, self.extractor, generation).run(reading, progress)
        finally:
            self._keep_index()

    def enroll_crops(
        self,
        crops: Sequence[Crop],
        *,
        pids: Sequence[str],
        cameras: Names | None = None,
        times: Times | None = None,
        tracklets: Names | None = None,
    ) -> EnrollReport:
        """Enroll pictures held in memory, uint8[h, w, 3] RGB of any size, in one transaction.

        They have no file to go back to, so `rebuild` with another model can't embed them again.

        Args:
            crops: n pictures.
            pids: n names.
            cameras: n names or None.
            times: n times or None; without a zone they are UTC.
            tracklets: n names or None.

        Raises:
            PictureError: one isn't uint8[h, w, 3].
            EmbeddingError: there isn't one label a picture.
            LabelError: a label can't be stored, or a pid is empty.
            ModelError: the model is not to be found.
            ModelMismatchError: the store was made with another model.
            StoreBusyError: another process was writing for too long.
        """
        labels = labels_for(len(crops), pids, cameras, times, tracklets)
        embeddings = self.extractor.embed(crops)
        new = [
            replace(sighting, content=content_hash(crop))
            for sighting, crop in zip(sightings.new_sightings(labels), crops, strict=True)
        ]
        generation = self._pin(pin_of(self.extractor))
        report = enroll_new(self._store, new, embeddings, generation=generation)
        self._keep_index()
        return report

    def enroll_embeddings(
        self,
        embeddings: npt.NDArray[Any],
        *,
        pids: Sequence[str],
        cameras: Names | None = None,
        times: Times | None = None,
        tracklets: Names | None = None,
    ) -> EnrollReport:
        """Enroll vectors of one's own extractor, in one transaction.

        They make a store of their own kind. Into a store that a model made they go only when that
        model was given to `open`: then they are taken to be its embeddings.

        Args:
            embeddings: float32[n, d] unit rows, all from the same extractor.
            pids: n names.
            cameras: n names or None.
            times: n times or None; without a zone they are UTC.
            tracklets: n names or None.

        Raises:
            EmbeddingError: rows aren't unit, or the numbers don't match.
            LabelError: a label can't be stored, or a pid is empty.
            ModelMismatchError: the store holds vectors of a model, or of another dimension.
            StoreBusyError: another process was writing for too long.
        """
        model = self.extractor if self._model is not None else None
        rows = check_embeddings(embeddings, dim=None if model is None else model.dim)
        pin = external_pin(rows.shape[1]) if model is None else pin_of(model)
        labels = labels_for(len(rows), pids, cameras, times, tracklets)
        generation = self._pin(pin)
        outcome = self._store.enroll(labels, rows, generation=generation)
        self._keep_index(News(generation.id, outcome.ids, rows))
        return EnrollReport(enrolled=tuple(outcome.ids.tolist()))

    # -- asking --------------------------------------------------------------------------------

    def query(
        self, pictures: Sequence[PictureLike | Crop], **options: Unpack[QueryOptions]
    ) -> list[Answer]:
        """Ask who pictures show.

        Args:
            pictures: paths, or uint8[h, w, 3] RGB.
            options: ``k`` people a query, ``cameras``, ``not_cameras``, ``since``, ``until``,
                ``as_one``, ``min_score``, ``pooling``, ``fpir`` and ``rerank``; see
                `asking.QueryOptions`.
                Of a camera that no sighting is of a warning is logged.

        Returns:
            One answer a picture, or a single one with ``as_one``.

        Raises:
            PictureError: a picture can't be used.
            QueryError: an option is out of its range, or ``pictures`` is no list.
            ModelError: the model is not to be found.
        """
        answers = []
        for answer in self.query_each(pictures, **options):
            if isinstance(answer, Failure):
                raise PictureError(answer.reason)
            answers.append(answer)
        return answers

    def query_each(
        self, pictures: Iterable[PictureLike | Crop], **options: Unpack[QueryOptions]
    ) -> Iterator[Answer | Failure]:
        """Ask as `query` does, for any number of pictures: answers come as they are ready.

        With ``as_one`` and ``rerank`` that is when all pictures are embedded. A picture that can't
        be used is a `Failure` in the place of its answer.
        """
        if isinstance(pictures, PictureLike):
            raise QueryError(f"pictures are a list, not one path; put {pictures} in brackets")
        question = self._question(options)
        self._warm_up()
        return asking.answer_pictures(self._store, self._keeper, self.extractor, pictures, question)

    def query_embeddings(
        self,
        embeddings: npt.NDArray[Any],
        *,
        names: Sequence[str] | None = None,
        **options: Unpack[QueryOptions],
    ) -> list[Answer]:
        """Ask who embeddings show, float32[n, d] unit rows; ``names`` say what they are of.

        Raises:
            EmbeddingError: they aren't unit rows of the gallery's dimension, or ``names`` are of
                another number.
            QueryError: an option is out of its range.
        """
        question = self._question(options)
        rows = check_embeddings(embeddings)
        titles = names if names is not None else [f"embedding {n}" for n in range(len(rows))]
        if len(titles) != len(rows):
            raise EmbeddingError(
                f"{counted(len(rows), 'row')} but {counted(len(titles), 'name')}; give one each"
            )
        return asking.answer(self._store, self._keeper, titles, rows, question)

    def _question(self, options: QueryOptions) -> Question:
        """Check what a query is told; a camera that the gallery doesn't know is warned of."""
        question = Question(**options)
        named = question.filter.cameras + question.filter.not_cameras
        # To look for a camera that was first seen late takes a scan, which one query may pay.
        known: set[str] = self._keeper.remember(warn_of_unknown, set)
        if not known.issuperset(named):
            with self._store.snapshot() as sqlite:
                warn_of_unknown(sqlite, named, known)
        return question

    def compare(
        self, a: PictureLike | Crop, b: PictureLike | Crop, *, fpir: float = DEFAULT_FPIR
    ) -> Comparison:
        """Compare two pictures: the cosine, and the decision where there is a calibration.

        Args:
            a: a path, or uint8[h, w, 3] RGB.
            b: likewise.
            fpir: the share of strangers that may be taken for the same person.

        Raises:
            PictureError: a picture can't be used.
            QueryError: ``fpir`` is no share.
            ModelError: the model is not to be found.
        """
        extractor = self.extractor
        return asking.compare(extractor, a, b, fpir=fpir, generation=self._generation())

    # -- correcting ----------------------------------------------------------------------------

    def remove(self, *, pid: str | None = None, sighting_ids: Sequence[int] = ()) -> Removal:
        """Delete a person, or single sightings, for good: vectors and metadata, from every file.

        Raises:
            NotFoundError: there is no such person or sighting.
            ConflictError: both are given, or neither, or ids are no list.
        """
        _check_list(sighting_ids)
        if (pid is None) == (not len(sighting_ids)):
            raise ConflictError("name a person to remove, or sightings; not both, nor neither")
        self._see_past()
        removal = self._store.remove(pid=pid, ids=sighting_ids)
        self._keep_index_clean()
        return removal

    def rename(self, old: str, new: str) -> Change:
        """Call a person otherwise; see `merge` when ``new`` is someone already. Return the change.

        Raises:
            NotFoundError: there is no such person.
            ConflictError: ``new`` is someone already.
            LabelError: nobody can be called ``new``.
        """
        self._see_past()
        return self._store.rename(old, new)

    def merge(self, into: str, other: str) -> Change:
        """Say that two are one: ``other``'s sightings become ``into``'s. Return the change.

        Raises:
            NotFoundError: there is no such person.
            ConflictError: they are one already.
        """
        self._see_past()
        return self._store.merge(into, other)

    def split(self, sighting_ids: Sequence[int], *, to: str) -> Change:
        """Give chosen sightings to another or a new person. Return the change.

        Raises:
            NotFoundError: there is no such sighting.
            ConflictError: all are that person's already, or ids are no list.
            LabelError: nobody can be called ``to``.
        """
        _check_list(sighting_ids)
        self._see_past()
        return self._store.split(sighting_ids, to)

    def history(self, *, limit: int = 50) -> list[Change]:
        """Return the newest changes first."""
        with self._store.snapshot() as sqlite:
            return changes.list_changes(sqlite, limit=limit)

    def undo(self, seq: int | None = None, *, allow_removal: bool = False) -> Change:
        """Undo the last change, or the one numbered ``seq``; return the change that this makes.

        Undoing an enrolment deletes its sightings for good, so it must be allowed.

        Raises:
            IrreversibleError: it was a removal, or needs ``allow_removal``.
            NotFoundError: there is no such change.
            ConflictError: it was undone before, or later changes stand on it.
        """
        self._see_past()
        change = self._store.undo(seq, allow_removal=allow_removal)
        self._keep_index_clean()
        return change

    # -- looking -------------------------------------------------------------------------------

    def identities(self) -> list[Identity]:
        """Return everyone in the gallery, in enrolment order."""
        with self._store.snapshot() as sqlite:
            return identities.list_identities(sqlite)

    def identity(self, pid: str) -> tuple[Identity, list[Sighting]]:
        """Return one person and all sightings, in enrolment order.

        Raises:
            NotFoundError: nobody is called so.
        """
        with self._store.snapshot() as sqlite:
            row = identities.require_identity(sqlite, pid)
            return identities.list_identities(sqlite, pid)[0], sightings.sightings_of(sqlite, row)

    def stats(self) -> Stats:
        """Return the gallery in numbers."""
        from .verifying import stats

        return stats(self._store)

    def verify(self, *, pictures: bool = True, progress: Progress = no_progress) -> VerifyReport:
        """Compare the database with itself, with the saved index, and with the pictures."""
        from .verifying import verify

        return verify(self._store, pictures=pictures, progress=progress)

    def audit(self, *, pictures: bool = True, progress: Progress = no_progress) -> "AuditReport":
        """Look for likely mistakes, each with the command that mends it; nothing is changed.

        Args:
            pictures: read every picture, too, for near-duplicates and poor ones.
            progress: called with the number of pictures read since the last call.

        Raises:
            ModelError: with ``pictures``, the model that embeds this gallery is not to be found.
            ModelMismatchError: with ``pictures``, it isn't the one that was loaded any more.
        """
        from .health.audit import audit

        generation = self._generation()
        embed = None
        if pictures and generation is not None and not generation.external:
            # Another process may have moved the store since the extractor was loaded.
            self._store.check_pin(generation, pin_of(self.extractor))
            embed = self.extractor.embed
        return audit(self._store, embed, pictures=pictures, progress=progress)

    # -- looking after it ----------------------------------------------------------------------

    def rebuild(
        self,
        *,
        model: PictureLike | None = None,
        index: str | None = None,
        progress: Progress = no_progress,
    ) -> None:
        """Make the index again from the stored vectors; with ``model``, embed all pictures again.

        Args:
            model: an extractor's ONNX file.
            index: the kind of index, ``flat``, ``certified`` or ``two-stage``, or ``auto`` to let
                the size decide; by default as before. See docs/performance.md.
            progress: called as pictures are done.

        Raises:
            QueryError: there is no such index.
            StoreError: pictures are missing, and the old model goes on answering; or the store is
                read-only here.
        """
        self._store.connection.require_writable()
        choice = None if index is None else check_choice(index)
        if model is not None:
            from .rebuilding import rebuild_with_model

            extractor = Extractor.load(resolve_model(model))
            rebuild_with_model(self._store, extractor, pin_of(extractor), progress=progress)
            self._extractor, self._model = extractor, model
        self._keeper.drop()
        self._keeper.rebuild(choice)

    @property
    def index_kind(self) -> str | None:
        """Which kind of index answers; None before the first enrolment."""
        with self._store.snapshot() as sqlite:
            index = self._keeper.refresh(sqlite)
        return None if index is None else index.kind

    def export(self, path: PictureLike) -> int:
        """Write all sightings and vectors to a ``.csv`` or ``.parquet`` file; return how many.

        Raises:
            LayoutError: another ending, or the file can't be written.
            ReidGalleryError: ``.parquet`` without pyarrow.
            StoreDamagedError: what is stored contradicts itself.
        """
        from .exchange import export

        return export(self._store, Path(path))

    def import_(self, path: PictureLike) -> EnrollReport:
        """Enroll what `export` wrote.

        Raises:
            LayoutError: the file isn't one of `export`'s, or can't be read.
            EmbeddingError: its vectors aren't unit rows.
            ReidGalleryError: ``.parquet`` without pyarrow.
            ModelMismatchError: its vectors were made by another model than this store's.
            StoreBusyError: another process was writing for too long.
        """
        from .exchange import import_file

        report = import_file(self._store, Path(path), pin=self._pin)
        self._keep_index()
        return report

    def _pin(self, pin: ModelPin) -> Generation:
        """Pin the store to a model, and have the index ready before anything is added."""
        generation = self._store.pin(pin)
        with self._store.snapshot() as sqlite:
            self._keeper.refresh(sqlite)
        return generation

    def _see_past(self) -> None:
        """Have the index in step before a correction.

        The saved one may be of a database that was put back from a backup since. Now the numbers
        of changes tell; when as many were made again as it knows of, they wouldn't. A damaged
        store is corrected all the same: that is how it is mended.
        """
        with suppress(StoreDamagedError), self._store.snapshot() as sqlite:
            self._keeper.refresh(sqlite)

    def _keep_index(self, news: News | None = None) -> None:
        """Bring the index in step and save it when the saved one lacks much.

        Args:
            news: what was just enrolled: it need not be read again.
        """
        with self._store.snapshot() as sqlite:
            self._keeper.refresh(sqlite, news)
        self._keeper.save_now_and_then()

    def _keep_index_clean(self) -> None:
        """`_keep_index` after a correction, which is done even where damage allows no index."""
        try:
            self._keep_index()
        except StoreDamagedError as error:
            self._keeper.do_without(error, removed=True)


def _check_list(sighting_ids: object) -> None:
    if isinstance(sighting_ids, Integral | str):
        raise ConflictError(f"sighting ids are a list; put {sighting_ids!r} in brackets")

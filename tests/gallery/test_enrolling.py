"""Enrolment as a pipeline: the same as one step after the other, bounded, and stopped cleanly."""

import threading
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from reid_gallery.gallery import enrolling
from reid_gallery.gallery.enrolling import EnrolmentInterrupted
from reid_gallery.gallery.errors import ModelError
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.pictures.labelled import LabelledPicture, Reading
from reid_gallery.gallery.store.store import Store
from reid_gallery.gallery.waits import Waits

from .conftest import draw_person


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pictures 0 to 7 of as many people, and a file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    made = [draw_person(folder / f"{number}.png", number, 0) for number in range(8)]
    (folder / "bad.png").write_bytes(b"no picture")
    return [*made, folder / "bad.png"]


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(enrolling, "BATCH", 3)


def reading_of(files, order):
    return Reading([LabelledPicture(path=files[n], pid=f"p{pid}") for n, pid in order])


def one_by_one(files, order):
    """The naive twin: what each picture comes to, one after the other, by file name and pid."""
    owners, enrolled, skipped, conflicting, failed = {}, [], [], [], []
    for number, pid in order:
        name = str(files[number])
        if files[number].name == "bad.png":
            failed.append(name)
        elif number not in owners:
            owners[number] = f"p{pid}"
            enrolled.append(name)
        elif owners[number] == f"p{pid}":
            skipped.append(name)
        else:
            conflicting.append((name, f"p{pid}", owners[number]))
    return enrolled, sorted(skipped), sorted(conflicting), failed


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(order=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1)), max_size=20))
@example(order=[(0, 0)] * 8 + [(1, 0), (1, 1), (1, 0)])  # owned by the batch before
def test_the_same_as_one_after_the_other(order, files, small_batches, tiny_model, tmp_path_factory):
    root = tmp_path_factory.mktemp("store") / "store"
    with Gallery.open(root, model=tiny_model) as gallery:
        done = []
        report = gallery.enroll_reading(reading_of(files, order), progress=done.append)
        people = [gallery.identity(person.pid) for person in gallery.identities()]
        stored = {sighting.id: sighting.path for _, seen in people for sighting in seen}
    enrolled, skipped, conflicting, failed = one_by_one(files, order)
    assert [stored[number] for number in report.enrolled] == enrolled
    assert sorted(report.enrolled) == list(report.enrolled)
    assert sorted(report.skipped) == skipped
    assert sorted((c.path, c.pid, c.enrolled_as) for c in report.conflicting) == conflicting
    assert [failure.path for failure in report.failed] == failed
    assert sum(done) == len(order)


ALL = [(number, number) for number in range(8)]


def test_a_batch_is_stored_while_the_next_is_embedded(
    files, small_batches, tiny_model, tmp_path, monkeypatch
):
    second_begun, seen, calls = threading.Event(), [], []
    embed, store = Extractor.embed_fitted, Store.enroll

    def embed_and_tell(self, pictures):
        calls.append(len(pictures))
        if len(calls) == 2:
            second_begun.set()
        return embed(self, pictures)

    def wait_and_store(self, *given, **options):
        seen.append(second_begun.wait(timeout=10))  # in sequence it would never come
        return store(self, *given, **options)

    monkeypatch.setattr(Extractor, "embed_fitted", embed_and_tell)
    monkeypatch.setattr(Store, "enroll", wait_and_store)
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        report = gallery.enroll_reading(reading_of(files, ALL))
    assert len(report.enrolled) == len(ALL)
    assert seen == [True, True, True]


def test_the_extractor_is_not_called_for_what_is_enrolled(
    files, small_batches, tiny_model, tmp_path, monkeypatch
):
    embed, calls = Extractor.embed_fitted, []

    def embed_and_count(self, pictures):
        calls.append(len(pictures))
        return embed(self, pictures)

    monkeypatch.setattr(Extractor, "embed_fitted", embed_and_count)
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        gallery.enroll_reading(reading_of(files, ALL[:6]))
        done = []
        report = gallery.enroll_reading(reading_of(files, [*ALL, (8, 8)]), progress=done.append)
    assert calls == [3, 3, 2]  # of the second time only what is new
    assert (len(report.enrolled), len(report.skipped), len(report.failed)) == (2, 6, 1)
    assert done == [3, 3, 3]


def test_a_model_that_fails_halfway_leaves_the_batches_before(
    files, small_batches, tiny_model, tmp_path, monkeypatch
):
    embed, calls = Extractor.embed_fitted, []

    def fail_at_the_third(self, pictures):
        calls.append(len(pictures))
        if len(calls) == 3:
            raise ModelError("no unit rows")
        return embed(self, pictures)

    monkeypatch.setattr(Extractor, "embed_fitted", fail_at_the_third)
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        with pytest.raises(ModelError, match="no unit rows"):
            gallery.enroll_reading(reading_of(files, ALL))
        assert gallery.stats().sightings == 6
        again = gallery.enroll_reading(reading_of(files, ALL))
    assert (len(again.enrolled), len(again.skipped)) == (2, 6)


def test_an_interrupt_tells_what_is_enrolled(files, small_batches, tiny_model, tmp_path):
    def stop(done):
        raise KeyboardInterrupt

    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        with pytest.raises(EnrolmentInterrupted) as stopped:
            gallery.enroll_reading(reading_of(files, ALL), progress=stop)
        assert len(stopped.value.report.enrolled) == gallery.stats().sightings == 3


def test_a_progress_that_asks_is_told_the_bottleneck(
    files, small_batches, tiny_model, tmp_path, monkeypatch
):
    embed = Extractor.embed_fitted

    def slowly(self, pictures):
        time.sleep(0.3)
        return embed(self, pictures)

    class Told(list):
        def __call__(self, done):
            pass

        def waits_for(self, step):
            self.append(step)

    monkeypatch.setattr(Extractor, "embed_fitted", slowly)
    told = Told()
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        gallery.enroll_reading(reading_of(files, ALL), progress=told)
    assert told[-1] == "extractor"


def test_waits_are_counted_by_step():
    waits = Waits()
    assert not waits.longest

    def slow():
        for number in range(2):
            time.sleep(0.02)
            yield number

    assert list(waits.on_each("reading", slow())) == [0, 1]
    assert list(waits.on_each("database", range(3))) == [0, 1, 2]
    assert waits.longest == "reading"

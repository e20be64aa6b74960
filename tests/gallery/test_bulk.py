"""Enrolling many at once: checked by column, handed to the index, saved now and then."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.gallery import index_keeper
from reid_gallery.gallery.errors import LabelError
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.store import vectors
from reid_gallery.gallery.store.labels import Labels
from reid_gallery.gallery.store.sightings import NewSighting, labels_of

DIM = 24
EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


def unit(count, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


texts = st.none() | st.sampled_from(["c1", "c2", "", "\0", "\udcff", "é"]) | st.just(3.5)
times = (
    st.none()
    | st.datetimes(timezones=st.sampled_from([UTC, EAST, WEST]))
    | st.datetimes()
    | st.sampled_from([datetime.min.replace(tzinfo=EAST), datetime.max.replace(tzinfo=WEST), 7])
)


def refused(work):
    try:
        work()
    except LabelError:
        return True
    return False


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "é", "", " ", "x\0"]) | st.just("p"), texts, times),
        min_size=1,
        max_size=6,
    )
)
def test_columns_are_refused_exactly_when_one_of_the_rows_is(rows):
    """The naive twin: each sighting checked by itself."""
    pids, cameras, moments = map(list, zip(*rows, strict=True))
    one_by_one = any(
        refused(lambda row=row: NewSighting(pid=row[0], camera=row[1], time=row[2])) for row in rows
    )
    together = refused(lambda: Labels.checked(pids, cameras=cameras, times=moments))
    assert together == one_by_one


@settings(deadline=None)
@given(st.integers(1, 12), st.sets(st.integers(0, 11)))
def test_leaving_rows_out_keeps_the_others_whole(count, gone):
    made = [
        NewSighting(pid=f"p{n}", content=f"{n:064x}", path=f"/{n}", camera=None, tracklet=f"{n}")
        for n in range(count)
    ]
    chosen = sorted(row for row in gone if row < count)
    kept = [new for row, new in enumerate(made) if row not in gone]
    left = labels_of(made).without(chosen)
    assert left.pids == [new.pid for new in kept]
    assert left.paths == [new.path for new in kept]
    assert left.tracklets == [new.tracklet for new in kept]
    assert labels_of(made).known_among({f"{row:064x}": 1 for row in chosen}) == chosen


@pytest.mark.parametrize("count", [1, 99, 100, 101, 350])
def test_every_label_is_stored_with_its_own_row(tmp_path, count):
    start = datetime(2026, 5, 1, tzinfo=UTC)
    pids = [f"p{n % 7}" for n in range(count)]
    cameras = [None if n % 3 == 0 else f"c{n}" for n in range(count)]
    moments = [None if n % 5 == 0 else start + timedelta(microseconds=n) for n in range(count)]
    with Gallery.open(tmp_path / "store") as gallery:
        report = gallery.enroll_embeddings(unit(count), pids=pids, cameras=cameras, times=moments)
        stored = {
            sighting.id: sighting
            for person in gallery.identities()
            for sighting in gallery.identity(person.pid)[1]
        }
    assert list(report.enrolled) == sorted(stored)
    for row, number in enumerate(report.enrolled):
        sighting = stored[number]
        assert (sighting.pid, sighting.camera) == (pids[row], cameras[row])
        assert (sighting.time, sighting.tracklet) == (moments[row], None)


def same_answers(gallery, rows, pids):
    for row, answer in enumerate(gallery.query_embeddings(rows, k=1)):
        assert answer.matches[0].pid == pids[row]
        assert answer.matches[0].score == pytest.approx(1, abs=1e-6)


def test_what_was_enrolled_here_is_not_read_again(tmp_path, monkeypatch):
    read = []

    def counting(*arguments, **options):
        for ids, rows in real(*arguments, **options):
            read.append(len(ids))
            yield ids, rows

    real = vectors.read_blocks
    monkeypatch.setattr(vectors, "read_blocks", counting)
    rows = unit(60)
    with Gallery.open(tmp_path / "store") as gallery:
        for start in range(0, 60, 20):
            some = slice(start, start + 20)
            gallery.enroll_embeddings(rows[some], pids=[f"p{n}" for n in range(60)[some]])
            del read[:]
        assert gallery.index_kind == "flat"
        assert not read
        same_answers(gallery, rows, [f"p{n}" for n in range(60)])


def test_what_others_enrolled_and_removed_meanwhile_is_not_forgotten(tmp_path):
    rows = unit(40)
    with Gallery.open(tmp_path / "store") as one, Gallery.open(tmp_path / "store") as two:
        one.enroll_embeddings(rows[:10], pids=[f"p{n}" for n in range(10)])
        two.enroll_embeddings(rows[10:20], pids=[f"p{n}" for n in range(10, 20)])
        two.remove(pid="p3")
        one.enroll_embeddings(rows[20:30], pids=[f"p{n}" for n in range(20, 30)])
        two.enroll_embeddings(rows[30:], pids=[f"p{n}" for n in range(30, 40)])
        there = [n for n in range(40) if n != 3]
        for gallery in (one, two):
            same_answers(gallery, rows[there], [f"p{n}" for n in there])
            assert gallery.query_embeddings(rows[3:4], k=1)[0].matches[0].score < 0.99


def test_the_index_is_saved_now_and_then_and_in_the_end(tmp_path, monkeypatch):
    saved = []
    real = index_keeper.IndexKeeper.save
    monkeypatch.setattr(index_keeper, "_REST", 1e9)
    monkeypatch.setattr(
        index_keeper.IndexKeeper, "save", lambda self: (saved.append(1), real(self))[1]
    )
    with Gallery.open(tmp_path / "store") as gallery:
        for start in range(0, 4000, 1000):
            gallery.enroll_embeddings(unit(1000, seed=start), pids=["p"] * 1000)
        assert len(saved) == 1  # the first: none was there
        gallery.remove(sighting_ids=[1])
        assert len(saved) == 2  # no file may hold what was removed
        gallery.enroll_embeddings(unit(1000, seed=9), pids=["q"] * 1000)
        assert len(saved) == 2
    assert len(saved) == 3

"""What passes a filter is brought forward, and is what looking through everything finds."""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.gallery import passing
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.passing import Passing
from reid_gallery.gallery.store import sightings
from reid_gallery.gallery.store.sightings import Filter, passing_between

FILTERS = (Filter(), Filter(cameras=("a",)), Filter(not_cameras=("a", "b")))
PEOPLE = st.sampled_from("pqrs")

ENROLL = st.lists(st.tuples(PEOPLE, st.sampled_from([None, "a", "b", "c"])), min_size=1, max_size=6)
STEPS = st.one_of(
    st.tuples(st.just("enroll"), ENROLL),
    st.tuples(st.just("merge"), PEOPLE, PEOPLE),
    st.tuples(st.just("remove"), PEOPLE),
    st.tuples(st.just("rename"), PEOPLE, PEOPLE),
    st.tuples(st.just("undo")),
)


def unit(count):
    rows = np.random.default_rng().normal(size=(count, 8)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def do(gallery, step):
    kind, *what = step
    people = {identity.pid for identity in gallery.identities()}
    if kind == "enroll":
        pids, cameras = zip(*what[0], strict=True)
        gallery.enroll_embeddings(unit(len(pids)), pids=pids, cameras=cameras)
    elif kind == "merge" and len({*what} & people) == 2:
        gallery.merge(*what)
    elif kind == "remove" and what[0] in people and len(people) > 1:
        gallery.remove(pid=what[0])
    elif kind == "rename" and what[0] in people and what[1] not in people:
        gallery.rename(*what)
    elif kind == "undo" and gallery.history(limit=1)[0].kind in ("merge", "rename"):
        gallery.undo()


def found_by(gallery, chosen):
    """What a reader that goes on knows of a filter, and what is so."""
    keeper = gallery._keeper
    with gallery._store.snapshot() as sqlite:
        keeper.refresh(sqlite)
        passing = keeper.remember(chosen, lambda: Passing(chosen))
        size = passing.size(sqlite, keeper.last_sighting)
        ids = passing.ids(sqlite, keeper.last_sighting) if chosen.restricts else np.empty(0)
        return (ids, size), naive(sqlite, chosen)


def naive(sqlite, chosen):
    """Row by row."""
    passing = [
        (number, owner)
        for number, owner, camera in sqlite.execute(
            "SELECT id, identity_id, camera FROM sightings ORDER BY id"
        )
        if (not chosen.cameras or camera in chosen.cameras) and camera not in chosen.not_cameras
    ]
    each = Counter(owner for _, owner in passing)
    return [number for number, _ in passing], Counter(each.values())


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_it_is_what_looking_through_everything_finds(steps):
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        with Gallery.open(store) as writer:
            writer.enroll_embeddings(unit(2), pids=["p", "q"], cameras=["a", None])
            with Gallery.open(store) as reader:
                for step in [("rename", "x", "y"), *steps]:
                    do(writer, step)
                    for chosen in FILTERS:
                        (ids, size), (right_ids, right_size) = found_by(reader, chosen)
                        assert ids.tolist() == (right_ids if chosen.restricts else [])
                        assert dict(size) == right_size


def test_beside_a_writer_only_what_is_new_is_looked_at(tmp_path, monkeypatch):
    looked = []

    def look(sqlite, chosen, *, after, last):
        looked.append(after)
        return passing_between(sqlite, chosen, after=after, last=last)

    monkeypatch.setattr(passing, "passing_between", look)
    with Gallery.open(tmp_path / "store") as writer, Gallery.open(tmp_path / "store") as reader:
        for number in range(3):
            writer.enroll_embeddings(unit(4), pids=[f"p{number}"] * 4, cameras=["a"] * 4)
            reader.query_embeddings(unit(1), cameras=["a"])
        assert looked == [0, 4, 8]
        writer.merge("p0", "p1")
        reader.query_embeddings(unit(1), cameras=["a"])
        assert looked == [0, 4, 8, 0]


def test_what_is_read_in_several_texts_is_one(tmp_path, monkeypatch):
    with Gallery.open(tmp_path / "store") as gallery:
        cameras = [f"c{n % 3}" for n in range(50)]
        gallery.enroll_embeddings(unit(50), pids=[f"p{n % 7}" for n in range(50)], cameras=cameras)
        gallery.remove(sighting_ids=range(10, 21))
        chosen = Filter(cameras=("c0", "c2"))
        with gallery._store.snapshot() as sqlite:
            whole = passing_between(sqlite, chosen, after=3, last=50)
            for rows in (1, 7, 47):
                monkeypatch.setattr(sightings, "_AS_TEXT", rows)
                parts = passing_between(sqlite, chosen, after=3, last=50)
                assert np.array_equal(parts, whole)
        assert len(whole[0]) == sum(
            camera != "c1" and not 10 <= number <= 20 and number > 3
            for number, camera in enumerate(cameras, 1)
        )


@pytest.mark.parametrize("cameras", [(), ("a",)])
def test_rows_above_are_found_without_walking_everything(tmp_path, cameras):
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll_embeddings(unit(4), pids=list("ppqq"), cameras=["a"] * 4)
        with gallery._store.snapshot() as sqlite:
            statements = []
            sqlite.set_trace_callback(statements.append)
            known = Passing(Filter(cameras=cameras))
            for last in (2, 3, 4):
                known.size(sqlite, last)
            sqlite.set_trace_callback(None)
            plans = sqlite.execute(f"EXPLAIN QUERY PLAN {statements[-1]}").fetchall()
    assert "USING INTEGER PRIMARY KEY (rowid>?" in plans[0][-1]

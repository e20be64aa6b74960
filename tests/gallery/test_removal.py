"""Removal for good: no file of the store knows the name of who was removed."""

import random
import shutil
import sqlite3
from contextlib import closing, suppress
from threading import Thread

import numpy as np
import pytest
from reid_gallery.gallery.errors import IrreversibleError, NotFoundError, ReidGalleryError
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.index.stacked import StackedIndex


def unit(count, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, 8))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def everything(path):
    return b"".join(file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file())


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def gallery(store):
    with Gallery.open(store) as opened:
        opened.enroll_embeddings(unit(6), pids=["secret", "secret", "b", "b", "c", "c"])
        yield opened


def people(gallery):
    return {person.pid: person.sightings for person in gallery.identities()}


def test_an_earlier_rename_does_not_keep_the_name(gallery, store):
    gallery.rename("secret", "secret too")
    gallery.undo()
    gallery.rename("secret", "late")
    gallery.remove(pid="late")
    assert b"secret" not in everything(store)
    assert "late" not in str(gallery.history())
    assert len(gallery.history()) == 5
    with pytest.raises(IrreversibleError, match="removed for good"):
        gallery.undo(4)


def test_an_earlier_merge_does_not_keep_either_name(gallery, store):
    gallery.merge("b", "secret")
    assert gallery.remove(pid="b").identities == ("b",)
    assert b"secret" not in everything(store)
    assert people(gallery) == {"c": 2}


def test_an_earlier_split_does_not_keep_the_name_and_the_others_stay(gallery, store):
    _, sightings = gallery.identity("secret")
    gallery.split([sightings[0].id], to="other")
    gallery.rename("b", "bob")
    gallery.remove(pid="secret")
    assert b"secret" not in everything(store)
    assert people(gallery) == {"other": 1, "bob": 2, "c": 2}
    with pytest.raises(IrreversibleError, match="removed for good"):
        gallery.undo(2)
    gallery.undo(3)  # of other people
    assert people(gallery) == {"other": 1, "b": 2, "c": 2}


def test_removing_one_of_several_sightings_keeps_the_history(gallery):
    gallery.merge("b", "secret")
    gallery.remove(sighting_ids=[1])
    gallery.undo(2)
    assert people(gallery) == {"secret": 1, "b": 2, "c": 2}


def test_the_next_one_to_ask_cleans_an_index_that_a_killed_removal_left(gallery, store):
    gallery.rebuild()
    gallery._store.remove(pid="secret")
    gallery._store.close()  # killed before it could save the index
    assert unit(6)[1].tobytes() in everything(store)
    with Gallery.open(store, create=False) as other:
        assert other.query_embeddings(unit(6), k=1)[1].pid != "secret"
    assert unit(6)[1].tobytes() not in everything(store)


@pytest.mark.parametrize("fails", [False, True])
def test_so_does_the_next_one_to_close_whatever_it_did(gallery, store, fails):
    gallery.rebuild()
    gallery._store.remove(pid="secret")
    gallery._store.close()  # killed before it could save the index
    with suppress(NotFoundError), Gallery.open(store, create=False) as other:
        if fails:
            other.remove(pid="secret")
    assert unit(6)[1].tobytes() not in everything(store)


def test_whoever_closes_empties_the_log_when_an_idle_reader_stays(gallery, store):
    with Gallery.open(store) as reader:
        with reader._store.snapshot() as sqlite:
            sqlite.execute("SELECT count(*) FROM sightings").fetchone()
            gallery.remove(pid="secret")
            gallery.close()
        assert unit(6)[1].tobytes() in everything(store)
        Gallery.open(store).close()
        assert unit(6)[1].tobytes() not in everything(store)


def test_a_removal_beside_a_long_reader_does_not_wait_for_it(gallery, store):
    with Gallery.open(store) as reader, reader._store.snapshot() as sqlite:
        sqlite.execute("SELECT count(*) FROM sightings").fetchone()
        removing = Thread(target=_remove_secret, args=(store,), daemon=True)
        removing.start()
        removing.join(timeout=15)  # of the 30 s that a writer waits for another
        assert not removing.is_alive()


def _remove_secret(store):
    with Gallery.open(store) as other:
        other.remove(pid="secret")


def test_what_is_removed_while_another_saves_is_not_put_back(gallery, store, monkeypatch):
    save, removed = StackedIndex.save, []

    def save_slowly(self, *args, **options):
        if not removed:  # another process does so, and doesn't wait for this one
            removed.append(True)
            with Gallery.open(store, wait_s=0.1) as other:
                other.remove(pid="secret")
        save(self, *args, **options)

    monkeypatch.setattr(StackedIndex, "save", save_slowly)
    gallery.rebuild()
    assert removed
    assert unit(6)[1].tobytes() not in everything(store)


def test_removing_one_of_two_damaged_vectors_is_done(gallery, store, caplog):
    gallery.close()
    with closing(sqlite3.connect(store / "gallery.sqlite3")) as sqlite:
        damaged = (3 * np.ones(8, "<f4")).tobytes()
        sqlite.execute("UPDATE vectors_1 SET vector = ? WHERE sighting_id IN (1, 3)", (damaged,))
        sqlite.commit()
    shutil.rmtree(store / "index")
    with Gallery.open(store) as opened:
        assert len(opened.remove(sighting_ids=[1]).sightings) == 1
        assert "damaged" in caplog.text
        opened.remove(sighting_ids=[3])
        assert opened.query_embeddings(unit(6)[4:5])[0].pid == "c"


def test_vectors_that_an_unfinished_rebuild_has_made_go_too(
    tmp_path, crops, tiny_model, other_model
):
    def stop(done):
        raise KeyboardInterrupt

    store = tmp_path / "store"
    new = Extractor.load(other_model).embed([read_crop(crops / "p2" / "1.png")])
    with Gallery.open(store, model=tiny_model) as gallery:
        gallery.enroll([crops])
        with pytest.raises(KeyboardInterrupt):
            gallery.rebuild(model=other_model, progress=stop)
    assert new.tobytes() in everything(store)
    with Gallery.open(store) as gallery:
        gallery.remove(pid="p2")
        assert new.tobytes() not in everything(store)
        gallery.rebuild(model=other_model)
        assert gallery.verify().sound


@pytest.mark.parametrize("seed", range(2))
def test_after_any_corrections_no_name_of_a_removed_person_is_in_any_file(store, seed):
    """Enough names that pages split; every sighting's names are followed by a naive twin."""
    chance = random.Random(seed)
    names: dict[str, set[str]] = {}
    with Gallery.open(store) as gallery:
        pids = [f"name-{n:03}-{'x' * 60}" for n in range(120)]
        gallery.enroll_embeddings(unit(120), pids=pids)
        names = {pid: {pid} for pid in pids}
        for number in range(60):
            a, b = chance.sample(sorted(names), 2)
            new = f"later-{number:03}-{'y' * 60}"
            if chance.random() < 0.5:
                gallery.rename(a, new)
                names[new] = names.pop(a) | {new}
            else:
                gallery.merge(a, b)
                names[a] |= names.pop(b)
            if chance.random() < 0.2:
                gallery.undo(gallery.undo().seq)
        gone = chance.sample(sorted(names), 25)
        for pid in gone:
            gallery.remove(pid=pid)
        left = everything(store)
        assert not [n for pid in gone for n in names[pid] if n.encode() in left]
        assert set(people(gallery)) == set(names) - set(gone)
        for change in gallery.history(limit=1000):
            try:
                gallery.undo(change.seq)
            except ReidGalleryError:
                continue
        assert not {n for pid in gone for n in names[pid]} & set(people(gallery))

"""The store's connection and directory: failures are told as what they are, and leave it usable."""

import logging
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from reid_gallery.gallery.errors import NotFoundError, StoreDamagedError, StoreError
from reid_gallery.gallery.facade import Gallery


def unit(count, seed=0, dim=16):
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store"
    with Gallery.open(path) as gallery:
        gallery.enroll_embeddings(unit(4), pids=list("abcd"))
    return path


FULL_DISK = """
import resource, sys
import numpy as np
from reid_gallery.gallery.errors import StoreError
from reid_gallery.gallery.facade import Gallery

rows = np.eye(256, dtype=np.float32)
with Gallery.open(sys.argv[1]) as gallery:
    gallery.enroll_embeddings(rows[:2], pids=["first", "first"])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), before[1]))
    try:
        gallery.enroll_embeddings(np.tile(rows, (20, 1)), pids=["big"] * 5120)
    except StoreError as error:
        print(error)
    print(sorted(person.pid for person in gallery.identities()))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    gallery.enroll_embeddings(rows[2:3], pids=["later"])
    print(sorted(person.pid for person in gallery.identities()), gallery.verify().sound)
"""


@pytest.mark.parametrize("limit_bytes", [800_000, 3_000_000])
def test_a_full_disk_stores_nothing_of_the_change_and_the_gallery_goes_on(tmp_path, limit_bytes):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "store"), str(limit_bytes)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, *rest = done.stdout.splitlines()
    assert "is the disk full?" in said
    assert rest == ["['first']", "['first', 'later'] True"]


def test_an_index_that_cannot_be_saved_loses_no_enrolment(store, caplog, monkeypatch):
    shutil.rmtree(store / "index")
    (store / "index").write_text("in the way")
    with caplog.at_level(logging.WARNING), Gallery.open(store, create=False) as gallery:
        gallery.enroll_embeddings(unit(1, seed=1), pids=["new"])
        assert gallery.remove(pid="a").identities == ("a",)
        assert "the index is not saved" in caplog.text
        with pytest.raises(StoreError, match="the index can't be saved"):
            gallery.rebuild()
        assert gallery.query_embeddings(unit(1, seed=1), k=1)[0].pid == "new"


def test_a_store_whose_index_folder_was_deleted_lacks_nothing(store):
    shutil.rmtree(store / "index")
    with Gallery.open(store, create=False) as gallery:
        assert gallery.stats().index_bytes == 0
        assert gallery.remove(pid="b").identities == ("b",)
    assert [file.name for file in (store / "index").glob("*.index")] == ["flat.index"]


def test_asking_saves_the_index_that_it_had_to_make(store, caplog):
    shutil.rmtree(store / "index")
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING), Gallery.open(store, create=False) as gallery:
            assert gallery.query_embeddings(unit(4), k=1)[3].pid == "d"
    assert caplog.text == ""


def test_an_interruption_while_catching_up_leaves_no_half_index(store, monkeypatch):
    with Gallery.open(store) as reader, Gallery.open(store) as writer:
        reader.query_embeddings(unit(1))
        writer.enroll_embeddings(unit(3, seed=1), pids=["x", "y", "z"])
        writer.remove(pid="a")
        with monkeypatch.context() as patch:
            patch.setattr(reader._store, "removed_since", interrupt)
            with pytest.raises(KeyboardInterrupt):
                reader.query_embeddings(unit(1))
        answers = reader.query_embeddings(np.concatenate([unit(3, seed=1), unit(1)]), k=1)
        assert [answer.pid for answer in answers[:3]] == ["x", "y", "z"]
        assert answers[3].pid != "a"


def interrupt(*_):
    raise KeyboardInterrupt


def test_another_thread_is_told_to_open_the_gallery_itself(store):
    with Gallery.open(store) as gallery, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(gallery.identities)
        with pytest.raises(StoreError, match="in the thread that opened it"):
            asked.result()


def test_only_damage_is_called_damage(store):
    gallery = Gallery.open(store)
    with pytest.raises(NotFoundError):
        gallery.identity("no \udcff such")
    gallery.close()
    gallery.close()
    with pytest.raises(StoreError, match="closed; open it again"):
        gallery.identities()
    content = (store / "gallery.sqlite3").read_bytes()
    (store / "gallery.sqlite3").write_bytes(content[:5000] + b"x" * (len(content) - 5000))
    with pytest.raises(StoreDamagedError, match="restore it"), Gallery.open(store) as gallery:
        gallery.verify()
    (store / "gallery.sqlite3").write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreDamagedError, match="restore it"):
        Gallery.open(store)


def test_what_a_reader_kept_in_the_log_is_gone_when_both_have_closed(store, caplog):
    secret = unit(1, seed=9)
    with Gallery.open(store, wait_s=0.1) as gallery:
        gallery.enroll_embeddings(secret, pids=["a secret name"])
        reader = sqlite3.connect(store / "gallery.sqlite3", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sightings").fetchone()
        with caplog.at_level(logging.WARNING):
            gallery.remove(pid="a secret name")
        assert "still in the write-ahead log" in caplog.text
        reader.execute("COMMIT")
    everything = b"".join(file.read_bytes() for file in store.rglob("*") if file.is_file())
    assert secret.tobytes() not in everything
    assert b"a secret name" not in everything
    reader.close()


@pytest.mark.parametrize("wait_s", [1e12, float("inf")])
def test_any_wait_is_a_wait(store, wait_s):
    with Gallery.open(store, wait_s=wait_s) as gallery, gallery._store.snapshot() as sqlite:
        assert sqlite.execute("PRAGMA busy_timeout").fetchone()[0] > 1000


def test_a_store_whose_making_was_interrupted_is_made_the_next_time(tmp_path):
    (tmp_path / "store" / "index").mkdir(parents=True)
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll_embeddings(unit(1), pids=["a"])


def test_a_reader_leaves_alone_what_another_has_saved(store):
    with Gallery.open(store) as reader:
        reader.query_embeddings(unit(1))
        with Gallery.open(store) as writer:
            writer.enroll_embeddings(unit(500, seed=1), pids=["x"] * 500)
            writer.remove(pid="a")
        saved = (store / "index" / "flat.index").stat()
        reader.query_embeddings(unit(1))
    assert (store / "index" / "flat.index").stat().st_ino == saved.st_ino


def test_the_current_folder_may_change(store, monkeypatch):
    monkeypatch.chdir(store.parent)
    with Gallery.open("store") as gallery:
        secret = unit(4)[1].tobytes()
        assert secret in (store / "index" / "flat.index").read_bytes()
        monkeypatch.chdir("/")
        gallery.remove(pid="b")
        assert secret not in (store / "index" / "flat.index").read_bytes()


def test_a_link_to_a_store_is_the_store(store):
    link = store.with_name("link")
    link.symlink_to(store)
    with Gallery.open(link) as one, Gallery.open(store) as two:
        one.enroll_embeddings(unit(1, seed=1), pids=["x"])
        assert two.query_embeddings(unit(1, seed=1), k=1)[0].pid == "x"
        two.remove(pid="x")
        assert one.verify().sound


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_acknowledged_by_a_database_that_is_gone(store, tmp_path, replaced):
    with Gallery.open(store) as gallery:
        shutil.copytree(store, tmp_path / "backup")
        shutil.rmtree(store)
        if replaced:
            (tmp_path / "backup").rename(store)
        for use in (lambda: gallery.rename("a", "x"), gallery.identities):
            with pytest.raises(StoreError, match="deleted or replaced"):
                use()


def test_a_path_that_cannot_be_is_no_store(tmp_path):
    for create in (True, False):
        with pytest.raises(StoreError, match="File name too long"):
            Gallery.open(tmp_path / ("x" * 300), create=create)

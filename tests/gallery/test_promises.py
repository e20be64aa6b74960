"""The seven promises of the store, each broken on purpose."""

import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from reid_gallery.gallery.errors import (
    ConflictError,
    IrreversibleError,
    ModelMismatchError,
    StoreBusyError,
    StoreError,
)
from reid_gallery.gallery.facade import Gallery

DIM = 16


def unit(count, *, seed=0, dim=DIM):
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def ask(gallery, rows, **options):
    return [
        [(match.pid, match.score) for match in answer.matches]
        for answer in gallery.query_embeddings(rows, **options)
    ]


def fill(path, count=30, people=10, seed=0):
    rows = unit(count, seed=seed)
    with Gallery.open(path) as gallery:
        report = gallery.enroll_embeddings(rows, pids=[f"p{n % people}" for n in range(count)])
    return rows, report.enrolled


# -- 1: an acknowledged change survives kill -9 ------------------------------------------------

WRITER = """
import sys
import numpy as np
from reid_gallery.gallery.facade import Gallery

path, start = sys.argv[1], int(sys.argv[2])
random = np.random.default_rng(start)


def announced(change, **outcome):
    print("will", *(f"{pid}={count}" for pid, count in outcome.items()), flush=True)
    change()
    print("done", flush=True)


with Gallery.open(path) as gallery:
    print("ready", flush=True)
    for number in range(start, start + 100_000):
        rows = random.normal(size=(3, 16)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        pid = f"p{number}"
        announced(lambda: gallery.enroll_embeddings(rows, pids=[pid] * 3), **{pid: 3})
        if number % 5 == 1:
            announced(lambda: gallery.remove(pid=pid), **{pid: 0})
        if number % 5 == 2:
            announced(lambda: gallery.rename(pid, f"q{number}"), **{pid: 0, f"q{number}": 3})
        if number % 5 == 4:
            announced(lambda: gallery.merge(pid, f"p{number - 1}"), **{pid: 6, f"p{number - 1}": 0})
"""


def kill_while_writing(path, *, start, delay_s):
    """Kill a writer ``delay_s`` after its start; return what it acknowledged, and what was open."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(start)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout.readline() == "ready\n"
    time.sleep(delay_s)
    os.kill(writer.pid, signal.SIGKILL)
    said, _ = writer.communicate()
    acknowledged: dict[str, int] = {}
    open_change: dict[str, int] = {}
    for line in said.splitlines(keepends=True):
        if line == "done\n":
            acknowledged |= open_change
            open_change = {}
        elif line.endswith("\n"):
            pairs = (word.split("=") for word in line.split()[1:])
            open_change = {pid: int(count) for pid, count in pairs}
    return acknowledged, open_change


@pytest.mark.parametrize("kills", [int(os.environ.get("REID_KILLS", "6"))])
def test_1_kill_at_random_instants_loses_nothing_acknowledged(tmp_path, kills):
    chance = random.Random(4)
    path = tmp_path / "store"
    expected: dict[str, int] = {}
    for number in range(kills):
        acknowledged, open_change = kill_while_writing(
            path, start=1000 * number, delay_s=chance.uniform(0, 0.25)
        )
        expected |= acknowledged
        with Gallery.open(path, create=False) as gallery:
            report = gallery.verify()
            assert report.sound, report
            people = {person.pid: person.sightings for person in gallery.identities()}
        # A change that was begun is there as a whole or not at all.
        happened = [people.get(pid, 0) == count for pid, count in open_change.items()]
        assert all(happened) or not any(happened), (open_change, people)
        if happened and all(happened):
            expected |= open_change
        assert people == {pid: count for pid, count in expected.items() if count}
    assert expected


# -- 2: the index is derived -------------------------------------------------------------------


def index_file(path):
    (file,) = (path / "index").glob("*.index")
    return file


def save_index(path):
    with Gallery.open(path, create=False) as gallery:
        gallery.rebuild()


@pytest.mark.parametrize("damage", ["absent", "torn", "empty", "garbage", "other store"])
def test_2_a_damaged_index_is_rebuilt_with_a_warning_and_never_a_wrong_answer(
    tmp_path, caplog, damage
):
    path = tmp_path / "store"
    rows, _ = fill(path)
    save_index(path)
    with Gallery.open(path) as gallery:
        before = ask(gallery, rows)
    file = index_file(path)
    content = file.read_bytes()
    if damage == "absent":
        file.unlink()
    elif damage == "torn":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "garbage":
        file.write_bytes(os.urandom(len(content)))
    else:
        fill(tmp_path / "other", seed=9)
        save_index(tmp_path / "other")
        file.write_bytes(index_file(tmp_path / "other").read_bytes())
    with caplog.at_level(logging.WARNING), Gallery.open(path) as gallery:
        assert ask(gallery, rows) == before
    assert "rebuilding" in caplog.text


def test_2_what_is_missing_is_replayed(tmp_path, caplog):
    path = tmp_path / "store"
    _, ids = fill(path)
    save_index(path)
    saved = index_file(path).read_bytes()
    more = unit(5, seed=1)
    with Gallery.open(path) as gallery:
        gallery.enroll_embeddings(more, pids=["new"] * 5)
        gallery.remove(sighting_ids=ids[:2])
        expected = ask(gallery, more)
    index_file(path).write_bytes(saved)  # as if the process had died before saving it
    with caplog.at_level(logging.WARNING), Gallery.open(path) as gallery:
        assert ask(gallery, more) == expected
        assert gallery.verify().sound
    assert "rebuilding" not in caplog.text


def test_2_a_store_put_back_from_a_backup_and_written_to_does_not_trust_the_newer_index(tmp_path):
    path = tmp_path / "store"
    fill(path)
    backup = {file: file.read_bytes() for file in path.glob("gallery.sqlite3*")}
    with Gallery.open(path) as gallery:
        gallery.enroll_embeddings(unit(400, seed=1), pids=["old"] * 400)
        gallery.rebuild()
    for file in path.glob("gallery.sqlite3*"):
        file.unlink()
    for file, content in backup.items():
        file.write_bytes(content)
    other = unit(400, seed=2)
    with Gallery.open(path) as gallery:
        for start in range(0, 400, 100):  # more revisions than the saved index has seen
            gallery.enroll_embeddings(other[start : start + 100], pids=["other"] * 100)
        assert all(answer[0] == ("other", pytest.approx(1)) for answer in ask(gallery, other, k=1))
        assert gallery.verify().sound


@pytest.mark.parametrize("first", ["remove", "rename"])
def test_2_nor_after_another_was_removed_where_one_was_put_back(tmp_path, first):
    path, rows = tmp_path / "store", unit(40, seed=1)
    with Gallery.open(path) as gallery:
        gallery.enroll_embeddings(rows, pids=[f"p{n}" for n in range(40)])
        gallery.rebuild()
    backup = {file: file.read_bytes() for file in path.glob("gallery.sqlite3*")}
    with Gallery.open(path) as gallery:
        gallery.remove(pid="p11")
        gallery.rebuild()
    for file in path.glob("gallery.sqlite3*"):
        file.unlink()
    for file, content in backup.items():
        file.write_bytes(content)
    with Gallery.open(path) as gallery:  # as many changes, and removals, as the index has seen
        if first == "rename":
            gallery.rename("p3", "anna")
        gallery.remove(pid="p17")
        assert ask(gallery, rows[11:12], k=1) == [[("p11", pytest.approx(1))]]
        assert ask(gallery, rows[17:18], k=1)[0][0][1] < 0.99
        assert gallery.verify().sound
    assert not any(rows[17].tobytes() in file.read_bytes() for file in path.glob("index/*"))


# -- 3: one writer, any number of readers ------------------------------------------------------


def test_3_readers_see_new_enrolments_without_being_reopened(tmp_path):
    path = tmp_path / "store"
    fill(path)
    new = unit(1, seed=5)
    with Gallery.open(path) as reader, Gallery.open(path) as writer:
        assert ask(reader, new, k=1)[0][0][1] < 0.99
        report = writer.enroll_embeddings(new, pids=["late"])
        assert ask(reader, new, k=1) == [[("late", pytest.approx(1))]]
        writer.rename("late", "later")
        assert ask(reader, new, k=1) == [[("later", pytest.approx(1))]]
        writer.remove(sighting_ids=report.enrolled)
        assert ask(reader, new, k=1)[0][0][0] != "later"


def test_3_a_reader_goes_on_while_a_writer_is_in_the_middle(tmp_path):
    path = tmp_path / "store"
    rows, _ = fill(path)
    with Gallery.open(path) as reader:
        before = ask(reader, rows)
        writer = sqlite3.connect(path / "gallery.sqlite3", isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM sightings")
        assert ask(reader, rows) == before
        writer.execute("ROLLBACK")
        writer.close()


def test_3_a_writer_waits_for_another_and_then_says_so(tmp_path):
    path = tmp_path / "store"
    fill(path)
    other = sqlite3.connect(path / "gallery.sqlite3", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with Gallery.open(path, wait_s=0.2) as gallery, pytest.raises(StoreBusyError, match="writing"):
        gallery.rename("p1", "x")
    threading.Timer(0.3, lambda: other.execute("COMMIT")).start()
    with Gallery.open(path, wait_s=20) as gallery:
        gallery.rename("p1", "x")
        assert "x" in {person.pid for person in gallery.identities()}


# -- 6: removal is for good --------------------------------------------------------------------


def everything(path):
    return b"".join(file.read_bytes() for file in sorted(Path(path).rglob("*")) if file.is_file())


def test_6_a_removed_vector_is_in_no_file_of_the_store(tmp_path):
    path = tmp_path / "store"
    rows, _ = fill(path)
    secret = unit(1, seed=77)
    with Gallery.open(path) as gallery:
        gallery.enroll_embeddings(secret, pids=["a-secret-name"], tracklets=["a-secret-walk"])
        gallery.rebuild()
        assert secret.tobytes() in everything(path)
        removal = gallery.remove(pid="a-secret-name")
        assert removal.identities == ("a-secret-name",)
        assert [s.tracklet for s in removal.sightings] == ["a-secret-walk"]
        assert secret.tobytes() not in everything(path)
        for trace in (b"a-secret-name", b"a-secret-walk"):
            assert trace not in everything(path)
        assert ask(gallery, rows, k=1)[3][0] == ("p3", pytest.approx(1))
        assert gallery.verify().sound
    with pytest.raises(IrreversibleError, match="can't be undone"), Gallery.open(path) as gallery:
        gallery.undo(gallery.history(limit=1)[0].seq)


def test_6_undoing_an_enrolment_says_first_that_it_deletes(tmp_path):
    path = tmp_path / "store"
    rows, ids = fill(path)
    with Gallery.open(path) as gallery:
        with pytest.raises(IrreversibleError, match="30 sightings for good"):
            gallery.undo()
        assert gallery.stats().sightings == len(ids)
        gallery.undo(allow_removal=True)
        assert gallery.stats().sightings == 0
        assert ask(gallery, rows[:1]) == [[]]
        assert rows[0].tobytes() not in everything(path)
        with pytest.raises(ConflictError, match="undone before"):
            gallery.undo(1, allow_removal=True)


# -- the pin -----------------------------------------------------------------------------------


def test_vectors_of_another_dimension_are_refused(tmp_path):
    path = tmp_path / "store"
    fill(path)
    with Gallery.open(path) as gallery, pytest.raises(ModelMismatchError, match="16 dimensions"):
        gallery.enroll_embeddings(unit(2, dim=8), pids=["a", "b"])


def test_there_must_be_a_store_to_ask(tmp_path):
    with pytest.raises(StoreError, match="no store here"):
        Gallery.open(tmp_path / "nothing", create=False)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="file lies"):
        Gallery.open(tmp_path / "file")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("x")
    with pytest.raises(StoreError, match="other files"):
        Gallery.open(tmp_path / "photos")

"""A store that can't be written to is read as it is, or not at all; never wrongly.

Permissions bind nobody who is root, so what is real here runs in a process that gave that up; the
rest lets opening fail as it does there.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.errors import StoreError
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.store import store
from reid_gallery.gallery.store.connection import Connection
from reid_gallery.gallery.store.frozen import FrozenFile

ROWS = np.eye(8, dtype=np.float32)
COMMANDS = """
import json, sys
from reid_gallery.cli import run
for arguments in json.loads(sys.argv[1]):
    print(run(arguments), flush=True)
"""


def run_bound(commands):
    """Run commands in one process that permissions bind; return what it says, codes among it."""
    root = shutil.which("setpriv") if os.geteuid() == 0 else None
    if os.geteuid() == 0 and root is None:
        pytest.skip("root without setpriv can't be bound by permissions")
    bound = [root, "--bounding-set=-dac_override,-dac_read_search"] if root else []
    words = [*bound, sys.executable, "-c", COMMANDS, json.dumps(commands)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture
def people(tmp_path):
    """A store of eight vectors of four people."""
    with Gallery.open(tmp_path / "people") as gallery:
        gallery.enroll_embeddings(ROWS, pids=[f"p{n % 4}" for n in range(8)], cameras=[1] * 8)
    return tmp_path / "people"


@contextmanager
def locked(folder):
    """Without the permission to write to the folder, or anything in it."""
    modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def content(folder):
    return {path: path.is_file() and path.read_bytes() for path in sorted(folder.rglob("*"))}


def test_what_only_reads_does_so_and_leaves_nothing(crops, tiny_model, tmp_path):
    people = tmp_path / "people"
    with Gallery.open(people, model=tiny_model) as gallery:
        gallery.enroll([crops])
    store = ["--store", str(people)]
    commands = [
        ["query", str(crops / "p1" / "0.png"), "--json", *store],
        ["list", "--json", *store],
        ["show", "p2", "--json", *store],
        ["export", str(tmp_path / "all.csv"), *store],
        ["verify", "--json", *store],
        ["evaluate", "--leave-out", "sighting", "--json", *store],
        ["history", "--json", *store],
    ]
    writable = run_bound(commands)
    before = content(people)
    with locked(people):
        read_only = run_bound(commands)
    assert read_only.stderr == writable.stderr == ""
    assert read_only.stdout == writable.stdout
    assert read_only.stdout.splitlines()[1] == "0"
    assert content(people) == before


def test_what_writes_says_in_one_line_that_it_can_not(people, tmp_path):
    with Gallery.open(people) as gallery:
        gallery.export(tmp_path / "all.csv")
    store = ["--store", str(people)]
    commands = [
        ["rename", "p1", "anna", *store],
        ["merge", "p1", "p2", *store],
        ["remove", "p1", "--yes", *store],
        ["undo", "--yes", *store],
        ["import", str(tmp_path / "all.csv"), *store],
        ["rebuild", *store],
    ]
    with locked(people):
        done = run_bound(commands)
    assert done.stdout.split() == ["1"] * len(commands)
    lines = done.stderr.splitlines()
    assert len(lines) == len(commands)
    assert all("can't be changed, it is read-only here" in line for line in lines), lines


def test_a_log_is_read_where_it_can_be_and_else_refused(people, tmp_path):
    left = shutil.copytree(people, tmp_path / "left")
    with closing(sqlite3.connect(people / "gallery.sqlite3", isolation_level=None)) as writer:
        writer.execute("UPDATE identities SET pid = 'anna' WHERE pid = 'p1'")
        for end in ("", "-wal", "-shm"):  # as a killed writer leaves them
            name = f"gallery.sqlite3{end}"
            shutil.copy(people / name, left / name)
    commands = [["list", "--store", str(left)], ["rename", "p2", "x", "--store", str(left)]]
    with locked(left):
        done = run_bound(commands)
    assert "anna" in done.stdout
    assert done.stdout.split()[-2:] == ["0", "1"]
    assert done.stderr.count("\n") == 1
    assert "it is read-only here" in done.stderr
    (left / "gallery.sqlite3-shm").unlink()
    with locked(left):
        done = run_bound(commands)
    assert done.stdout.split() == ["1", "1"]
    assert done.stderr.count("gallery.sqlite3-wal: holds changes that can't be read") == 2


# -- as if it could not be written to ------------------------------------------------------------


@pytest.fixture
def open_frozen(monkeypatch):
    """``open_frozen(store)``: a gallery whose connection always finds that it can't make files."""

    class Frozen(Connection):
        def _connect(self):
            frozen = FrozenFile(self.path)
            return frozen.connect(), frozen

    def open_it(path):
        with monkeypatch.context() as patch:
            patch.setattr(store, "Connection", Frozen)
            return Gallery.open(path)

    return open_it


def names(gallery):
    return sorted(person.pid for person in gallery.identities())


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(st.sampled_from(["write", "close", "read", "read", "ask"]), max_size=12))
def test_an_answer_is_of_the_present_state_or_refused(open_frozen, tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("store") / "store"
    with Gallery.open(path) as gallery:
        gallery.enroll_embeddings(ROWS[:2], pids=["a", "b"])
    expected, writer = ["a", "b"], None
    with open_frozen(path) as reader:
        for number, step in enumerate(steps):
            if step == "write":
                writer = writer or Gallery.open(path)
                writer.enroll_embeddings(ROWS[:1], pids=[f"c{number:02}"])
                expected.append(f"c{number:02}")
            elif step == "close" and writer is not None:
                writer.close()
                writer = None
            elif writer is not None:  # its log has content
                with pytest.raises(StoreError, match="holds changes that can't be read"):
                    names(reader)
            elif step == "read":
                assert names(reader) == expected
            else:
                (answer,) = reader.query_embeddings(ROWS[:1], k=20)
                assert sorted(match.pid for match in answer.matches) == expected
        if writer is not None:
            writer.close()
        assert names(reader) == expected


def test_the_log_of_a_database_that_is_a_link_is_not_overlooked(people, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    for path in people.iterdir():
        (linked / path.name).symlink_to(path)
    asked = [["list", "--store", str(linked)]]
    with locked(people):
        still = run_bound(asked)
    with Gallery.open(people) as gallery:
        gallery.enroll_embeddings(ROWS[:1], pids=["new"])
        shutil.copytree(people, tmp_path / "kept")
    for name in ("gallery.sqlite3", "gallery.sqlite3-wal"):  # as a killed writer leaves them
        shutil.copy(tmp_path / "kept" / name, people / name)
    with locked(people):
        overlooked = run_bound(asked)
    assert (still.stderr, still.stdout[-2:]) == ("", "0\n")
    assert overlooked.stdout == "1\n"
    assert "gallery.sqlite3-wal: holds changes that can't be read" in overlooked.stderr


def test_what_changes_while_it_is_read_is_refused(open_frozen, people):
    with open_frozen(people) as reader:
        with (
            pytest.raises(StoreError, match="was written to while it was read"),
            reader._store.snapshot(),
            Gallery.open(people) as writer,
        ):
            writer.rename("p1", "anna")
        assert names(reader) == ["anna", "p0", "p2", "p3"]
        with pytest.raises(StoreError, match="read-only here"):
            reader.rename("p2", "eve")
        with pytest.raises(StoreError, match="read-only here"):
            reader.enroll_embeddings(ROWS[:1], pids=["x"])


def test_a_saved_index_that_lags_behind_is_caught_up_with_and_left(open_frozen, people, caplog):
    saved = (people / "index" / "flat.index").read_bytes()
    with Gallery.open(people) as gallery:
        gallery.remove(pid="p1")
    (people / "index" / "flat.index").write_bytes(saved)
    with open_frozen(people) as reader:
        (answer,) = reader.query_embeddings(ROWS[1:2])
        assert sorted(match.pid for match in answer.matches) == ["p0", "p2", "p3"]
    assert (people / "index" / "flat.index").read_bytes() == saved
    assert caplog.records == []


def test_without_an_index_it_is_made_in_memory(open_frozen, people, caplog):
    shutil.rmtree(people / "index")
    with open_frozen(people) as reader:
        (answer,) = reader.query_embeddings(ROWS[1:2])
        assert answer.matches[0].pid == "p1"
    assert not (people / "index").exists()
    assert [record.getMessage() for record in caplog.records] == [
        "the index is not there; rebuilding it from the stored vectors"
    ]

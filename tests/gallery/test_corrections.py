"""Rename, merge, split and undo: identities move, vectors never do."""

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from reid_gallery.gallery.errors import ConflictError, NotFoundError
from reid_gallery.gallery.facade import Gallery


def unit(count, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, 8))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def gallery(tmp_path):
    with Gallery.open(tmp_path / "store") as opened:
        opened.enroll_embeddings(unit(6), pids=["a", "a", "b", "b", "c", "c"])
        yield opened


def people(gallery):
    return {person.pid: person.sightings for person in gallery.identities()}


def test_rename_and_undo(gallery):
    gallery.rename("a", "anna")
    assert people(gallery) == {"anna": 2, "b": 2, "c": 2}
    assert gallery.query_embeddings(unit(1), k=1)[0].matches[0].pid == "anna"
    gallery.undo()
    assert people(gallery) == {"a": 2, "b": 2, "c": 2}


@pytest.mark.parametrize("one", [1, np.int64(1), "1"])
def test_one_sighting_is_a_list_too(gallery, one):
    for correct in (lambda: gallery.split(one, to="a"), lambda: gallery.remove(sighting_ids=one)):
        with pytest.raises(ConflictError, match="sighting ids are a list"):
            correct()
    assert people(gallery) == {"a": 2, "b": 2, "c": 2}


def test_rename_to_someone_else_suggests_merge(gallery):
    with pytest.raises(ConflictError, match="merge b a"):
        gallery.rename("a", "b")


def test_nobody_is_renamed_to_the_name_they_have(gallery):
    with pytest.raises(ConflictError, match="called so already"):
        gallery.rename("a", "a")


def test_merge_then_take_the_other_name_then_undo_both(gallery):
    gallery.merge("a", "b")
    assert people(gallery) == {"a": 4, "c": 2}
    gallery.rename("a", "b")
    assert people(gallery) == {"b": 4, "c": 2}
    gallery.undo()
    gallery.undo()
    assert people(gallery) == {"a": 2, "b": 2, "c": 2}


def test_split_to_a_new_and_to_another_person(gallery):
    _, sightings = gallery.identity("a")
    made = gallery.split([sightings[0].id], to="new"), gallery.split([sightings[1].id], to="b")
    assert gallery.history(limit=2) == [made[1], made[0]]
    assert people(gallery) == {"b": 3, "c": 2, "new": 1}
    gallery.undo()
    assert people(gallery) == {"a": 1, "b": 2, "c": 2, "new": 1}


def test_an_undo_can_be_undone(gallery):
    gallery.merge("a", "b")
    undone = gallery.undo()
    gallery.undo(undone.seq)
    assert people(gallery) == {"a": 4, "c": 2}
    gallery.undo()
    assert people(gallery) == {"a": 2, "b": 2, "c": 2}


def test_undoing_a_redo_leaves_the_change_undone_and_the_one_before_it_next(gallery):
    gallery.rename("a", "anna")
    gallery.merge("anna", "b")
    undone = gallery.undo()
    again = gallery.undo(undone.seq)
    gallery.undo(again.seq)
    assert people(gallery) == {"anna": 2, "b": 2, "c": 2}
    undone_by = {change.seq: change.undone_by for change in gallery.history()}
    assert (undone_by[3], undone_by[undone.seq]) == (undone.seq, None)
    gallery.undo()
    assert people(gallery) == {"a": 2, "b": 2, "c": 2}


def test_an_enrolment_of_which_nothing_is_left_is_not_undone(gallery):
    report = gallery.enroll_embeddings(unit(1, seed=3), pids=["d"])
    enrolled = gallery.history(limit=1)[0].seq
    gallery.remove(sighting_ids=report.enrolled)
    for allowed in (False, True):
        with pytest.raises(ConflictError, match="all removed since"):
            gallery.undo(enrolled, allow_removal=allowed)


def test_a_change_that_later_ones_stand_on_is_not_undone(gallery):
    gallery.merge("a", "b")
    gallery.merge("c", "a")
    with pytest.raises(ConflictError, match="later changes first"):
        gallery.undo(2)
    gallery.undo()
    gallery.undo(2)
    assert people(gallery) == {"a": 2, "b": 2, "c": 2}


def test_nobody_of_that_name_suggests_names(gallery):
    gallery.rename("a", "anna-maria")
    with pytest.raises(NotFoundError, match="anna-maria"):
        gallery.merge("anna-mari", "b")
    with pytest.raises(NotFoundError, match="no sighting 99"):
        gallery.split([99], to="x")
    with pytest.raises(NotFoundError, match="no sighting was named"):
        gallery.split([], to="x")


def test_undoing_a_rename_never_renames_who_took_the_name_since(gallery):
    gallery.rename("a", "x")
    gallery.rename("x", "y")
    gallery.rename("b", "x")
    with pytest.raises(ConflictError, match="'x' is someone else by now"):
        gallery.undo(2)
    assert people(gallery) == {"y": 2, "x": 2, "c": 2}


def test_a_merge_is_not_undone_under_a_name_that_was_taken_since(gallery):
    gallery.merge("a", "b")
    gallery.rename("c", "b")
    with pytest.raises(ConflictError, match="'b' is someone else by now"):
        gallery.undo(2)
    assert people(gallery) == {"a": 4, "b": 2}
    gallery.rename("b", "z")
    gallery.undo(2)
    assert people(gallery) == {"a": 2, "b": 2, "z": 2}


class Corrections(RuleBasedStateMachine):
    """Any sequence of corrections agrees with a dictionary, and undoing gives it back."""

    names = st.sampled_from(["a", "b", "c", "d", "e"])

    def __init__(self):
        super().__init__()
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        self.gallery = Gallery.open(Path(self.folder.name) / "store")
        self.rows = unit(10)
        report = self.gallery.enroll_embeddings(self.rows, pids=list("aabbccddde")[:10])
        self.owner = dict(zip(report.enrolled, "aabbccddde", strict=True))
        self.past = []

    @rule(into=names, other=names)
    def merge(self, into, other):
        present = set(self.owner.values())
        if into == other or not {into, other} <= present:
            with pytest.raises((ConflictError, NotFoundError)):
                self.gallery.merge(into, other)
            return
        self.past.append(dict(self.owner))
        self.gallery.merge(into, other)
        self.owner = {s: into if pid == other else pid for s, pid in self.owner.items()}

    @rule(old=names, new=names)
    def rename(self, old, new):
        present = set(self.owner.values())
        if old not in present or new in present:
            with pytest.raises((ConflictError, NotFoundError)):
                self.gallery.rename(old, new)
            return
        self.past.append(dict(self.owner))
        self.gallery.rename(old, new)
        self.owner = {s: new if pid == old else pid for s, pid in self.owner.items()}

    @rule(to=names, which=st.sets(st.integers(0, 9), min_size=1))
    def split(self, to, which):
        ids = [sorted(self.owner)[n % len(self.owner)] for n in sorted(which)]
        if all(self.owner[s] == to for s in ids):
            with pytest.raises(ConflictError):
                self.gallery.split(ids, to=to)
            return
        self.past.append(dict(self.owner))
        self.gallery.split(ids, to=to)
        self.owner |= dict.fromkeys(ids, to)

    @precondition(lambda self: len(set(self.owner.values())) > 2)
    @rule(pid=names)
    def remove(self, pid):
        if pid not in self.owner.values():
            with pytest.raises(NotFoundError):
                self.gallery.remove(pid=pid)
            return
        self.gallery.remove(pid=pid)
        self.owner = {s: owner for s, owner in self.owner.items() if owner != pid}
        self.past = []  # nothing before it can be undone without being named

    @precondition(lambda self: self.past)
    @rule()
    def undo(self):
        self.gallery.undo()
        self.owner = self.past.pop()

    @invariant()
    def agrees(self):
        expected = {}
        for pid in self.owner.values():
            expected[pid] = expected.get(pid, 0) + 1
        assert people(self.gallery) == expected
        left = sorted(self.owner)
        answers = self.gallery.query_embeddings(self.rows[np.array(left) - 1], k=1)
        assert [a.matches[0].pid for a in answers] == [self.owner[s] for s in left]

    def teardown(self):
        while self.past:
            self.undo()
            self.agrees()
        self.gallery.close()
        self.folder.cleanup()


TestCorrections = Corrections.TestCase
TestCorrections.settings = settings(
    max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_undoing_an_enrolment_tells_its_own_change_beside_others(gallery, monkeypatch):
    removed = gallery._store.connection.forget_deleted

    def enroll_beside():
        removed()
        with Gallery.open(gallery._store.directory.root) as other:
            other.enroll_embeddings(unit(1, seed=4), pids=["e"])

    monkeypatch.setattr(gallery._store.connection, "forget_deleted", enroll_beside)
    change = gallery.undo(1, allow_removal=True)
    assert change.kind == "remove"
    assert "undoing change 1" in change.summary

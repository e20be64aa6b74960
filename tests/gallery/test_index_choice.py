"""The kind of index: chosen by size or by name, kept, changed while others go on, exact in all."""

import logging
import shutil

import numpy as np
import pytest
from reid_gallery.gallery import index_choice, index_keeper
from reid_gallery.gallery.errors import QueryError
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.filelock import file_lock
from reid_gallery.gallery.index_choice import suitable_kind
from reid_gallery.index import open_index

DIM, PEOPLE, EACH = 32, 60, 4


def unit(count, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


ROWS = unit(PEOPLE * EACH)
PIDS = [f"p{number % PEOPLE}" for number in range(len(ROWS))]
ASKED = unit(5, seed=1)


@pytest.fixture
def store(tmp_path):
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll_embeddings(ROWS, pids=PIDS, cameras=["a", "b"] * (len(ROWS) // 2))
    return tmp_path / "store"


def answers(gallery, **options):
    return [
        [(match.pid, match.score, match.sighting.id) for match in answer.matches]
        for answer in gallery.query_embeddings(ASKED, k=7, **options)
    ]


def files(store):
    return sorted(file.name for file in (store / "index").glob("*.index"))


def everything(store):
    return b"".join(file.read_bytes() for file in store.rglob("*") if file.is_file())


def test_by_size():
    assert suitable_kind("auto", 0) == "flat"
    assert suitable_kind("auto", 24_999) == "flat"
    assert suitable_kind("auto", 25_000) == "certified"
    assert suitable_kind("auto", 2_000_000) == "two-stage"
    assert suitable_kind("flat", 2_000_000) == "flat"


def test_a_gallery_at_a_limit_keeps_its_index():
    assert suitable_kind("auto", 20_000, now="certified") == "certified"
    assert suitable_kind("auto", 12_000, now="certified") == "flat"
    assert suitable_kind("auto", 20_000, now="flat") == "flat"
    assert suitable_kind("auto", 30_000, now="flat") == "certified"


@pytest.mark.parametrize("kind", ["certified", "two-stage", "flat"])
def test_every_kind_gives_the_same_answers(store, kind):
    with Gallery.open(store) as gallery:
        before = answers(gallery), answers(gallery, cameras=["a"]), answers(gallery, pooling="mean")
        gallery.rebuild(index=kind)
        assert gallery.index_kind == kind
        assert files(store) == [f"{kind}.index"]
        after = answers(gallery), answers(gallery, cameras=["a"]), answers(gallery, pooling="mean")
        assert after == before
        assert gallery.verify().sound
    with Gallery.open(store) as gallery:
        assert gallery.index_kind == kind
        assert answers(gallery) == before[0]


def test_coded_kinds_hold_no_vectors_twice(store):
    with Gallery.open(store) as gallery:
        assert everything(store).count(ROWS[5].tobytes()) == 2
        gallery.rebuild(index="certified")
        assert everything(store / "index").count(ROWS[5].tobytes()) == 0


@pytest.mark.parametrize("kind", ["certified", "two-stage"])
def test_what_is_removed_is_not_in_the_saved_index(store, kind):
    with Gallery.open(store) as gallery:
        gallery.rebuild(index=kind)
        gone = gallery.remove(pid="p3")
        gallery.enroll_embeddings(unit(1, seed=5), pids=["new"])
        assert gallery.query_embeddings(unit(1, seed=5), k=1)[0].pid == "new"
        assert "p3" not in {pid for answer in answers(gallery) for pid, *_ in answer}
    saved = open_index(store / "index" / f"{kind}.index", rows=lambda ids: ROWS[ids - 1])
    assert gone.identities == ("p3",)
    assert not np.isin([row + 1 for row, pid in enumerate(PIDS) if pid == "p3"], saved.ids()).any()
    assert ROWS[3].tobytes() not in everything(store)


def test_others_go_on_while_the_kind_is_changed_and_follow_when_they_save(store):
    with Gallery.open(store) as reader, Gallery.open(store) as remover, Gallery.open(store) as one:
        before = answers(reader)
        assert answers(remover) == before
        one.rebuild(index="certified")
        assert answers(reader) == before
        assert reader.index_kind == "flat"
        remover.remove(pid="p1")
        assert remover.index_kind == "certified"
        assert files(store) == ["certified.index"]
        assert "p1" not in {pid for answer in answers(reader) for pid, *_ in answer}
    assert files(store) == ["certified.index"]
    assert ROWS[1].tobytes() not in everything(store)


def test_a_gallery_that_grows_changes_its_index_by_itself(tmp_path, monkeypatch):
    steps = ((0, "flat"), (30, "certified"), (150, "two-stage"))
    monkeypatch.setattr(index_choice, "_STEPS", steps)
    seen = []
    with Gallery.open(tmp_path / "store") as gallery, Gallery.open(tmp_path / "store") as reader:
        for row, pid in enumerate(PIDS):
            gallery.enroll_embeddings(ROWS[row : row + 1], pids=[pid])
            if row % 20 == 19:
                gallery.rebuild()
                assert answers(reader) == answers(gallery)
            if gallery.index_kind not in seen[-1:]:
                seen.append(gallery.index_kind)
    assert seen == ["flat", "certified", "two-stage"]
    assert files(tmp_path / "store") == ["two-stage.index"]


def test_many_at_once_make_the_right_kind_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(index_choice, "_STEPS", ((0, "flat"), (100, "certified")))
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll_embeddings(ROWS[:5], pids=PIDS[:5])
        gallery.enroll_embeddings(ROWS[5:], pids=PIDS[5:])
        assert gallery.index_kind == "certified"
    assert files(tmp_path / "store") == ["certified.index"]


def test_a_choice_is_kept_and_taken_back(store):
    with Gallery.open(store) as gallery:
        gallery.rebuild(index="two-stage")
    with Gallery.open(store) as gallery:
        gallery.enroll_embeddings(unit(300, seed=3), pids=["x"] * 300)
        gallery.rebuild()
        assert gallery.index_kind == "two-stage"
        gallery.rebuild(index="auto")
        assert gallery.index_kind == "flat"
        with pytest.raises(QueryError, match="no index is called 'fast'"):
            gallery.rebuild(index="fast")
        assert gallery.index_kind == "flat"


def test_a_torn_file_of_any_kind_is_made_again(store, caplog):
    with Gallery.open(store) as gallery:
        before = answers(gallery)
        gallery.rebuild(index="certified")
    path = store / "index" / "certified.index"
    path.write_bytes(path.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING), Gallery.open(store) as gallery:
        assert answers(gallery) == before
        assert "rebuilding it from the stored vectors" in caplog.text
    assert files(store) == ["flat.index"]  # the size decides again


def test_of_two_files_the_one_that_has_come_farther_counts(store, tmp_path):
    """As when a process was killed between writing one and deleting the other."""
    shutil.copy(store / "index" / "flat.index", tmp_path / "old")
    with Gallery.open(store) as gallery:
        gallery.remove(pid="p2")
        gallery.rebuild(index="certified")
    shutil.copy(tmp_path / "old", store / "index" / "flat.index")
    with Gallery.open(store) as gallery:
        assert gallery.index_kind == "certified"
        assert files(store) == ["certified.index"]


def test_of_two_files_that_have_come_as_far_the_later_counts(store, tmp_path):
    shutil.copy(store / "index" / "flat.index", tmp_path / "old")
    with Gallery.open(store) as gallery:
        gallery.rebuild(index="certified")
    shutil.copy(tmp_path / "old", store / "index" / "flat.index")
    with Gallery.open(store) as gallery:
        assert gallery.index_kind == "certified"
        gallery.rebuild(index="flat")
    with Gallery.open(store) as gallery:
        assert gallery.index_kind == "flat"


def test_while_one_saves_nobody_else_deletes(store, tmp_path):
    shutil.copy(store / "index" / "flat.index", tmp_path / "old")
    with Gallery.open(store) as gallery:
        before = answers(gallery)
        gallery.rebuild(index="certified")
    shutil.copy(tmp_path / "old", store / "index" / "flat.index")
    with file_lock(store / "index" / "lock", wait_s=0, doing="saving the index"):
        with Gallery.open(store) as gallery:
            assert answers(gallery) == before
        assert files(store) == ["certified.index", "flat.index"]
    with Gallery.open(store) as gallery:
        assert answers(gallery) == before
    assert files(store) == ["certified.index"]


def test_a_store_put_back_from_a_backup_does_not_take_the_newer_index(store, tmp_path):
    with Gallery.open(store) as gallery:
        gallery.rebuild(index="certified")
    shutil.copytree(store, tmp_path / "backup")
    with Gallery.open(store) as gallery:
        gallery.enroll_embeddings(unit(300, seed=3), pids=["x"] * 300)
    newer = (store / "index" / "certified.index").read_bytes()
    with Gallery.open(tmp_path / "backup") as gallery:
        gallery.enroll_embeddings(unit(300, seed=4), pids=["y"] * 300)
    (tmp_path / "backup" / "index" / "certified.index").write_bytes(newer)
    with Gallery.open(tmp_path / "backup") as gallery:
        assert gallery.query_embeddings(unit(1, seed=4), k=1)[0].pid == "y"
    with Gallery.open(tmp_path / "backup") as gallery:
        assert gallery.verify().sound


def test_what_a_killed_save_of_another_kind_left_is_deleted_with_what_was_removed(store):
    left = store / "index" / ".certified.index.1.tmp"
    left.write_bytes(ROWS[1].tobytes())
    with Gallery.open(store) as gallery:
        gallery.remove(pid="p1")
    assert not left.exists()
    assert ROWS[1].tobytes() not in everything(store)


def test_a_filter_answers_from_the_state_that_a_rebuild_found(store):
    with Gallery.open(store) as gallery, Gallery.open(store) as other:
        gallery.query_embeddings(ASKED, cameras=["a"])
        other.enroll_embeddings(ASKED[:1], pids=["new"], cameras=["a"])
        gallery.rebuild()
        assert gallery.query_embeddings(ASKED[:1], cameras=["a"])[0].pid == "new"


def test_a_file_that_another_saves_while_it_is_opened_is_taken_for_what_it_is(store, monkeypatch):
    """Between telling which file is newest and opening it, another process saves a newer one."""

    with Gallery.open(store) as other:

        def open_a_moment_later(path, **options):
            monkeypatch.setattr(index_keeper, "open_index", open_index)
            other.rebuild(index=kind)
            return open_index(path, **options)

        for seed, kind in enumerate(("flat", "certified"), start=3):  # the same file, or another
            other.enroll_embeddings(unit(5, seed=seed), pids=[kind] * 5)  # not saved yet
            monkeypatch.setattr(index_keeper, "open_index", open_a_moment_later)
            with Gallery.open(store) as gallery:
                assert gallery.query_embeddings(unit(1, seed=seed), k=1)[0].pid == kind
                assert gallery.index_kind == kind


def test_without_anything_to_index_no_kind_can_be_chosen(tmp_path):
    with Gallery.open(tmp_path / "empty") as gallery:
        gallery.rebuild()
        with pytest.raises(QueryError, match="enroll first"):
            gallery.rebuild(index="certified")

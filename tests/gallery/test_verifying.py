"""Verification finds each damage on its own, and says so instead of failing."""

import numpy as np
import pytest
from reid_gallery.gallery import verifying
from reid_gallery.gallery.errors import StoreDamagedError
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.figures import draw_figures
from reid_gallery.gallery.reports.views import verify_view
from reid_gallery.gallery.verifying import database_problems

DAMAGES = {
    "no vector": "DELETE FROM vectors_1 WHERE sighting_id = 2",
    "1 vector is of no sighting": "INSERT INTO vectors_1 SELECT 99, vector FROM vectors_1 LIMIT 1",
    "length 0, not 1": "UPDATE vectors_1 SET vector = zeroblob(64) WHERE sighting_id = 2",
    "1 vector is not 16 numbers": "UPDATE vectors_1 SET vector = x'00' WHERE sighting_id = 2",
    "1 vector is not": "UPDATE vectors_1 SET vector = 'text' WHERE sighting_id = 2",
    "refers to nothing": "DELETE FROM identities WHERE id = 2",
    "none is in force": "DELETE FROM generations",
}


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store"
    with Gallery.open(path) as gallery:
        gallery.enroll_embeddings(np.eye(16, dtype=np.float32)[:6], pids=list("abcdef"))
    return path


@pytest.mark.parametrize("words", DAMAGES)
@pytest.mark.parametrize("index_lost", [False, True])
def test_each_damage_of_the_database_is_listed(store, words, index_lost):
    with Gallery.open(store) as gallery:
        gallery._store.connection._sqlite.execute("PRAGMA foreign_keys = OFF")
        with gallery._store.connection.writing() as sqlite:
            sqlite.execute(DAMAGES[words])
    if index_lost:
        (store / "index" / "flat.index").unlink()
    with Gallery.open(store) as gallery:
        report = gallery.verify()
    assert not report.sound
    assert any(words in problem for problem in report.database), report


def test_a_damaged_vector_is_told_to_who_asks(store):
    with Gallery.open(store) as gallery, gallery._store.connection.writing() as sqlite:
        sqlite.execute(DAMAGES["length 0, not 1"])
    (store / "index" / "flat.index").unlink()
    with Gallery.open(store) as gallery:
        for ask in (
            lambda: gallery.query_embeddings(np.eye(16, dtype=np.float32)),
            gallery.rebuild,
        ):
            with pytest.raises(StoreDamagedError, match="reid-gallery verify"):
                ask()
        gallery.remove(sighting_ids=[2])  # as the message says
    with Gallery.open(store) as gallery:
        assert gallery.verify().sound


def test_a_changed_byte_of_the_index_is_found(store):
    index = store / "index" / "flat.index"
    content = bytearray(index.read_bytes())
    first = content.index(np.eye(16, dtype="<f4")[0].tobytes())
    content[first + 4 * 64 + 3] ^= 1  # of the fifth row
    index.write_bytes(content)
    with Gallery.open(store) as gallery:
        assert gallery.verify().index == ("the index has another vector for sighting 5",)
        gallery.rebuild()
        assert gallery.verify().sound


def test_a_changed_picture_is_named_and_pictures_not_read_are_not_said_to_agree(tmp_path):
    (drawn,) = draw_figures(tmp_path / "f", people=1, cameras=1, per_camera=1, seed=0)
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll([drawn.path])
        drawn.path.write_bytes(drawn.path.read_bytes() + b"x")
        (failure,) = gallery.verify().pictures
        assert failure.reason.startswith(str(drawn.path))
        unread = gallery.verify(pictures=False)
    assert unread.sound
    assert "pictures were not read" in verify_view(unread).plain


def test_what_is_enrolled_meanwhile_is_no_difference(store, monkeypatch):
    def meanwhile(sqlite, generation):
        rows = np.random.default_rng(0).normal(size=(600, 16)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        with Gallery.open(store) as other:
            other.enroll_embeddings(rows, pids=["x"] * 600)
        return database_problems(sqlite, generation)

    monkeypatch.setattr(verifying, "database_problems", meanwhile)
    with Gallery.open(store) as gallery:
        assert gallery.verify().sound

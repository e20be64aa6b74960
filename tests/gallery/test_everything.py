"""A whole gallery is read only if every vector can be compared with the others."""

import numpy as np
import pytest
from reid_gallery.cli import run
from reid_gallery.gallery.errors import StoreDamagedError
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.store.everything import read_everything
from reid_gallery.gallery.store.store import Store

PEOPLE = 24


@pytest.fixture
def root(tmp_path):
    """24 people, seen by two cameras; sighting n is row n - 1, its length within the tolerance."""
    rows = np.eye(PEOPLE, dtype=np.float32).repeat(2, axis=0) * np.float32(1.0009)
    pids = [f"p{n // 2}" for n in range(2 * PEOPLE)]
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll_embeddings(rows, pids=pids, cameras=["a", "b"] * PEOPLE)
    return tmp_path / "store"


def damage(root, vector):
    with Gallery.open(root) as gallery, gallery._store.connection.writing() as sqlite:
        sqlite.execute(
            "UPDATE vectors_1 SET vector = ? WHERE sighting_id >= 5",
            (np.asarray(vector, "<f4").tobytes(),),
        )


def read(root):
    store = Store(root, create=False, wait_s=0)
    try:
        return read_everything(store)
    finally:
        store.close()


def test_vectors_are_read_to_the_bit_in_enrolment_order(root):
    _, sightings, vectors = read(root)
    assert [sighting.id for sighting in sightings] == list(range(1, 2 * PEOPLE + 1))
    assert np.array_equal(vectors, np.eye(PEOPLE).repeat(2, axis=0) * np.float32(1.0009))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("value", "length"), [(np.nan, "nan"), (np.inf, "inf"), (3e30, "inf"), (0, "0"), (1.01, "1.01")]
)
def test_a_vector_that_is_no_unit_row_is_named(root, value, length):
    damage(root, value * np.eye(1, PEOPLE) if np.isfinite(value) else np.full(PEOPLE, value))
    with pytest.raises(StoreDamagedError) as told:
        read(root)
    assert str(told.value).startswith(f"{root}: the vector of sighting 5 has length {length}, not")


@pytest.mark.parametrize("command", ["audit", "evaluate", "calibrate"])
def test_whoever_reads_everything_says_so_in_a_line(root, capsys, command):
    damage(root, np.full(PEOPLE, np.nan))
    assert run([command, "--store", str(root)]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "the vector of sighting 5 has length nan, not 1; reid-gallery verify" in err

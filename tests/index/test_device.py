"""The copy on a device: the device is the processor here, and asked as a real one is."""

import faiss
import numpy as np
import pytest
from reid_gallery.index import device, new_index, open_index

DIM = 6


@pytest.fixture
def made(monkeypatch):
    """Every flat index that was made on the device."""
    indexes = []

    def new_flat():
        indexes.append(faiss.IndexFlatIP(DIM))
        return indexes[-1]

    monkeypatch.setattr(device, "new_flat_of", lambda dim: new_flat)
    monkeypatch.setattr(device, "LEAST_ROWS", 100)
    return indexes


def unit_rows(count, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def saved(tmp_path, count):
    index = new_index(DIM, kind="flat")
    index.add(np.arange(count), unit_rows(count))
    index.save(tmp_path / "an.index")
    return open_index(tmp_path / "an.index")


def test_the_second_search_copies_and_the_third_does_not(tmp_path, made):
    index, queries = saved(tmp_path, 3000), unit_rows(2, seed=1)
    first = index.search(queries, 5)
    assert not made
    for _ in range(3):
        hits = index.search(queries, 5)
        assert [flat.ntotal for flat in made] == [3000]
        assert np.array_equal(hits.ids, first.ids)


def test_what_was_added_and_removed_since_counts(tmp_path, made):
    index, query = saved(tmp_path, 3000), unit_rows(1, seed=1)
    for _ in range(2):
        best = index.search(query, 1).ids[0, 0]
        index.remove(np.array([best]))
    index.add(np.array([9000]), query)
    hits = index.search(query, 2000)
    assert made
    assert hits.ids[0, 0] == 9000
    assert best not in hits.ids
    assert (hits.ids >= 0).all()


@pytest.mark.parametrize("ways", [{"k": 5, "allowed": np.arange(50)}, {"k": 2049}])
def test_what_a_device_can_not_do_is_done_without_it(tmp_path, made, ways):
    index = saved(tmp_path, 3000)
    for _ in range(3):
        assert index.search(unit_rows(1), **ways).ids.max() >= 0
    assert not made


def test_few_rows_stay_where_they_are(tmp_path, made):
    index = saved(tmp_path, 99)
    for _ in range(3):
        index.search(unit_rows(1), 5)
    assert not made


def test_a_device_without_memory_is_told_once_and_left_alone(tmp_path, monkeypatch, caplog):
    def no_memory():
        raise RuntimeError("Error in StandardGpuResourcesImpl: out of memory\nsecond line")

    monkeypatch.setattr(device, "new_flat_of", lambda dim: no_memory)
    monkeypatch.setattr(device, "LEAST_ROWS", 100)
    index, queries = saved(tmp_path, 3000), unit_rows(2, seed=1)
    found = [index.search(queries, 5).ids for _ in range(4)]
    assert all(np.array_equal(ids, found[0]) for ids in found)
    (line,) = caplog.messages
    assert "out of memory" in line
    assert "\n" not in line


def test_without_a_device_nothing_is_made():
    if faiss.get_num_gpus():
        pytest.skip("there is a device")
    assert device.new_flat_of(DIM) is None

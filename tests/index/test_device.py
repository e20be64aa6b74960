"""The copy on a device: the device is the processor here, and asked as a real one is."""

from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
import pytest
from reid_gallery.index import device, new_index, open_index

DIM = 6


class Stand(faiss.IndexFlatIP):
    """With a device's limits: so many hits, one search at a time."""

    inside = 0

    def search(self, queries, k):
        assert k <= device.MOST_HITS
        Stand.inside += 1
        assert Stand.inside == 1
        found = super().search(queries, k)
        Stand.inside -= 1
        return found


@pytest.fixture
def made(monkeypatch):
    """Every flat index that was made on the device; it is made at the second search."""
    indexes = []

    def new_flat(dim):
        indexes.append(Stand(dim))
        return indexes[-1]

    monkeypatch.setattr(device, "new_flat", new_flat)
    monkeypatch.setattr(device, "LEAST_ROWS", 100)
    monkeypatch.setattr(device, "COPIED_AT", 2)
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


def out_of_memory(*_):
    raise RuntimeError("Error in StandardGpuResourcesImpl: out of memory\nsecond line")


@pytest.mark.parametrize("where", ["add", "search"])
def test_without_memory_it_is_told_once_and_done_without(
    tmp_path, made, monkeypatch, caplog, where
):
    monkeypatch.setattr(Stand, where, out_of_memory)
    index, queries = saved(tmp_path, 3000), unit_rows(2, seed=1)
    found = [index.search(queries, 5).ids for _ in range(4)]
    assert all(np.array_equal(ids, found[0]) for ids in found)
    assert len(made) == 1
    (line,) = caplog.messages
    assert "out of memory" in line
    assert "\n" not in line


def test_many_ask_at_once_while_rows_go(tmp_path, made):
    index, queries = saved(tmp_path, 3000), unit_rows(4, seed=1)

    def ask(number):
        index.remove(np.array([3 * number]))
        return index.search(queries, 20)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(200)))
    assert len(made) == 1
    left = np.setdiff1d(np.arange(3000), 3 * np.arange(200))
    best = np.sort(queries @ unit_rows(3000)[left].T, axis=1)[:, ::-1][:, :20]
    np.testing.assert_allclose(index.search(queries, 20).scores, best, rtol=0, atol=2e-6)
    assert all((hits.ids >= 0).all() for hits in found)


def test_after_many_removals_the_processor_answers(tmp_path, made):
    index = saved(tmp_path, 3000)
    for _ in range(2):
        index.search(unit_rows(1), 5)
    index.remove(np.arange(2100))
    hits = index.search(unit_rows(1), 900)
    assert sorted(hits.ids[0].tolist()) == list(range(2100, 3000))


@pytest.mark.skipif(not faiss.get_num_gpus(), reason="FAISS finds no graphics processor")
def test_a_real_device(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "LEAST_ROWS", 100)
    monkeypatch.setattr(device, "COPIED_AT", 1)
    index, queries = saved(tmp_path, 30_000), unit_rows(70, seed=1)
    index.remove(np.arange(40))
    best = np.sort(queries @ unit_rows(30_000)[40:].T, axis=1)[:, ::-1]
    for k in (1, 64, 2008):
        hits = index.search(queries, k)
        np.testing.assert_allclose(hits.scores, best[:, :k], rtol=0, atol=2e-6)
    assert index._on_device


@pytest.mark.skipif(faiss.get_num_gpus() > 0, reason="there is a device")
def test_without_a_device_nothing_is_made(tmp_path, monkeypatch):
    assert device.new_flat(DIM) is None
    monkeypatch.setattr(device, "LEAST_ROWS", 100)
    index = saved(tmp_path, 3000)
    for _ in range(device.COPIED_AT + 1):
        index.search(unit_rows(1), 5)
    assert not index._on_device

"""What every kind of index must do, compared by value with a naive twin.

A new backend joins by being registered: everything here runs over `kinds()`.
"""

import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import faiss
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from reid_gallery.index import (
    IndexFileError,
    IndexValueError,
    device,
    kinds,
    new_index,
    open_index,
    read_stamp,
)

DIM = 6
TOLERANCE = 2e-6
"""Float32 sums of unit vectors differ by this much at most between orders of summation."""

NEARLY_EXACT = ("two-stage",)
"""May leave a row out once there are more than a thousand; test_two_stage measures how often."""


ON_A_DEVICE = "flat, copied to a device"
"""The device is the processor, with the flat index that it has; a real one is called alike."""


@pytest.fixture(params=[*kinds(), ON_A_DEVICE])
def kind(request, monkeypatch):
    if request.param != ON_A_DEVICE:
        return request.param
    monkeypatch.setattr(device, "new_flat", faiss.IndexFlatIP)
    monkeypatch.setattr(device, "LEAST_ROWS", 1)
    monkeypatch.setattr(device, "COPIED_AT", 1)
    return "flat"


class Twin:
    """The same by the plainest means: a dictionary, float64 and a sort."""

    def __init__(self):
        self.rows = {}

    def best_scores(self, query, k, allowed=None):
        keys = self.rows if allowed is None else set(self.rows) & set(allowed)
        scores = [float(self.rows[key].astype(np.float64) @ query) for key in keys]
        return sorted(scores, reverse=True)[:k]

    def check(self, hits, queries, k, allowed=None):
        assert hits.ids.shape == hits.scores.shape == (len(queries), k)
        assert (hits.ids.dtype, hits.scores.dtype) == (np.int64, np.float32)
        for query, all_ids, all_scores in zip(queries, hits.ids, hits.scores, strict=True):
            expected = self.best_scores(query.astype(np.float64), k, allowed)
            found = len(expected)
            assert np.all(all_ids[found:] == -1)
            assert np.all(all_scores[found:] == -np.inf)
            ids, scores = all_ids[:found].tolist(), all_scores[:found]
            assert len(set(ids)) == found
            assert allowed is None or set(ids) <= set(allowed)
            own = [float(self.rows[i].astype(np.float64) @ query) for i in ids]
            np.testing.assert_allclose(scores, own, rtol=0, atol=TOLERANCE)
            np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)
            pairs = list(zip((-scores).tolist(), ids, strict=True))
            assert pairs == sorted(pairs)


def unit_rows(count, dim=DIM, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def id_array(*numbers):
    return np.array(numbers, dtype=np.int64)


def filled(kind, count, dim=DIM):
    index, twin = new_index(dim, kind=kind), Twin()
    vectors = unit_rows(count, dim)
    index.add(np.arange(count), vectors)
    twin.rows = dict(enumerate(vectors))
    return index, twin


POOL = np.concatenate([np.eye(DIM), -np.eye(DIM)[:2], unit_rows(9)]).astype(np.float32)
"""So few different vectors that ties and duplicates are the rule."""

some_ids = st.sampled_from([*range(40), 2**31, 2**62, 2**62 + 1, 2**63 - 1])
some_vectors = st.integers(0, len(POOL) - 1)


class Interleaved(RuleBasedStateMachine):
    """Any order of changes, saves, loads and searches."""

    kind = ""

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "an.index"
        self.index, self.twin = new_index(DIM, kind=self.kind), Twin()
        self.saves = 0

    def teardown(self):
        self.folder.cleanup()

    @rule(rows=st.dictionaries(some_ids, some_vectors, max_size=12), reverse=st.booleans())
    def add(self, rows, reverse):
        ids = np.array(sorted(rows, reverse=reverse), dtype=np.int64)
        vectors = POOL[[rows[i] for i in ids.tolist()]].reshape(-1, DIM)
        if set(rows) & set(self.twin.rows):
            with pytest.raises(IndexValueError, match="in the index already"):
                self.index.add(ids, vectors)
        else:
            self.index.add(ids, vectors)
            self.twin.rows.update(zip(ids.tolist(), vectors, strict=True))

    @rule(start=st.integers(0, 500), count=st.integers(60, 200), seed=st.integers(0, 9))
    def add_many(self, start, count, seed):
        ids = np.setdiff1d(np.arange(start, start + count), list(self.twin.rows))
        vectors = unit_rows(len(ids), seed=seed)
        self.index.add(ids, vectors)
        self.twin.rows.update(zip(ids.tolist(), vectors, strict=True))

    @rule(ids=st.lists(st.one_of(some_ids, st.just(-1), st.integers(0, 700)), max_size=12))
    def remove(self, ids):
        there = {i for i in ids if i in self.twin.rows}
        assert self.index.remove(np.array(ids, dtype=np.int64)) == len(there)
        for i in there:
            del self.twin.rows[i]

    @rule(start=st.integers(0, 600), count=st.integers(1, 300), step=st.integers(1, 3))
    def remove_many(self, start, count, step):
        ids = np.arange(start, start + count * step, step)
        there = [i for i in ids.tolist() if i in self.twin.rows]
        assert self.index.remove(ids) == len(there)
        for i in there:
            del self.twin.rows[i]

    @rule(
        chosen=st.lists(some_vectors, min_size=1, max_size=3),
        k=st.sampled_from([1, 2, 3, 10, 1000]),
    )
    def search(self, chosen, k):
        queries = POOL[chosen]
        self.twin.check(self.index.search(queries, k), queries, k)

    @rule(
        chosen=st.lists(some_vectors, min_size=1, max_size=3),
        k=st.sampled_from([1, 3, 50]),
        allowed=st.lists(st.one_of(some_ids, st.integers(-5, 700)), max_size=20),
    )
    def search_few(self, chosen, k, allowed):
        queries = POOL[chosen]
        hits = self.index.search(queries, k, allowed=np.array(allowed, dtype=np.int64))
        self.twin.check(hits, queries, k, allowed)

    @rule(
        chosen=st.lists(some_vectors, min_size=1, max_size=3),
        k=st.sampled_from([1, 3, 50]),
        share=st.sampled_from([0.2, 0.5, 0.95]),
        seed=st.integers(0, 99),
    )
    def search_many(self, chosen, k, share, seed):
        queries, random = POOL[chosen], np.random.default_rng(seed)
        allowed = [i for i in self.twin.rows if random.random() < share]
        hits = self.index.search(queries, k, allowed=np.array(allowed, dtype=np.int64))
        self.twin.check(hits, queries, k, allowed)

    @rule(mmap=st.booleans())
    def save_and_load(self, mmap):
        self.saves += 1
        stamp = {"generation": "g-1", "sequence": self.saves}
        self.index.save(self.path, stamp)
        assert read_stamp(self.path) == stamp
        self.index = open_index(self.path, mmap=mmap)
        assert self.index.stamp == stamp

    @rule()
    def save_and_go_on(self):
        self.index.save(self.path)

    @invariant()
    def holds_the_same(self):
        ids = self.index.ids()
        assert ids.dtype == np.int64
        assert ids.tolist() == sorted(self.twin.rows)
        assert len(self.index) == len(ids)
        vectors = self.index.vectors(ids[::-1])
        assert vectors.dtype == np.float32
        for i, row in zip(ids[::-1].tolist(), vectors, strict=True):
            assert row.tobytes() == self.twin.rows[i].tobytes()


def test_any_interleaving_equals_the_twin(kind):
    machine = type("Machine", (Interleaved,), {"kind": kind})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("removed", [0, 3, 0.4], ids=["none dead", "few dead", "many dead"])
@pytest.mark.parametrize("allowed", [None, 0.01, 0.5, 0.97])
@pytest.mark.parametrize(("queries", "k"), [(1, 5), (1, 2000), (7, 5), (7, 2000)])
def test_large(kind, tmp_path, removed, allowed, queries, k):
    """Many rows in the file and in memory, so that every way of searching is taken."""
    random = np.random.default_rng(5)
    vectors, asked = unit_rows(11_000, seed=6), unit_rows(queries, seed=7)
    ids = np.cumsum(random.integers(1, 3, len(vectors)))
    index = new_index(DIM, kind=kind)
    index.add(ids[:9000], vectors[:9000])
    index.save(tmp_path / "an.index")
    index = open_index(tmp_path / "an.index")
    index.add(ids[9000:], vectors[9000:])
    count = removed if isinstance(removed, int) else int(removed * len(ids))
    gone = random.choice(len(ids), count, replace=False)
    assert index.remove(ids[gone]) == count
    keep = np.ones(len(ids), dtype=bool)
    keep[gone] = False
    chosen = None
    if allowed is not None:
        chosen = random.choice(ids, int(allowed * len(ids)), replace=False)
        keep &= np.isin(ids, chosen)

    hits = index.search(asked, k, allowed=chosen)

    scores = np.where(keep, asked.astype(np.float64) @ vectors.T.astype(np.float64), -np.inf)
    order = np.argsort(-scores, axis=1)[:, :k]
    best = np.take_along_axis(scores, order, axis=1)
    if kind not in NEARLY_EXACT:
        np.testing.assert_allclose(hits.scores, best, rtol=0, atol=TOLERANCE)
    found = np.isfinite(best)
    assert np.all(hits.scores[found] <= best[found] + TOLERANCE)
    assert np.array_equal(hits.ids >= 0, found)
    assert np.isin(hits.ids[found], ids[keep]).all()
    rows = np.searchsorted(ids, np.where(found, hits.ids, 0))
    own = np.take_along_axis(asked.astype(np.float64) @ vectors.T, rows, axis=1)
    np.testing.assert_allclose(hits.scores[found], own[found], rtol=0, atol=TOLERANCE)
    assert all(len(np.unique(row[row >= 0])) == (row >= 0).sum() for row in hits.ids)


@pytest.mark.parametrize("removed", [0, 2])
def test_so_many_queries_that_it_is_a_matrix_product(kind, removed):
    index, twin = filled(kind, 700, dim=256)
    index.remove(np.arange(removed))
    queries = unit_rows(520, dim=256, seed=3)
    hits = index.search(queries, 4)
    scores = queries.astype(np.float64) @ np.stack(list(twin.rows.values())).T
    best = np.argsort(-scores[:, removed:], axis=1)[:, :4] + removed
    assert (hits.ids == best).mean() > 0.999
    expected = np.take_along_axis(scores, best, axis=1)
    np.testing.assert_allclose(hits.scores, expected, rtol=0, atol=TOLERANCE)


def test_equal_scores_come_by_id(kind):
    index = new_index(2, kind=kind)
    vector = np.array([[1, 0]], dtype=np.float32)
    for number in (9, 3, 2**62, 5):
        index.add(id_array(number), vector)
    hits = index.search(vector, 5)
    assert hits.ids.tolist() == [[3, 5, 9, 2**62, -1]]
    assert hits.scores.tolist() == [[1.0, 1.0, 1.0, 1.0, -np.inf]]


def test_empty(kind, tmp_path):
    index = new_index(DIM, kind=kind)
    for _ in range(2):
        assert len(index) == 0
        assert index.ids().tolist() == []
        assert index.vectors(id_array()).shape == (0, DIM)
        assert index.remove(id_array(1, 2)) == 0
        assert index.search(unit_rows(2), 3).ids.tolist() == [[-1] * 3] * 2
        assert index.search(unit_rows(2), 1, allowed=id_array(4)).ids.tolist() == [[-1], [-1]]
        index.save(tmp_path / "an.index")
        index = open_index(tmp_path / "an.index")
        assert index.dim == DIM
        assert index.stamp == {}


def test_no_queries_and_no_allowed(kind):
    index, _ = filled(kind, 5)
    assert index.search(unit_rows(0), 3).ids.shape == (0, 3)
    assert index.search(unit_rows(1), 2, allowed=id_array()).ids.tolist() == [[-1, -1]]
    index.add(id_array(), unit_rows(0))
    assert len(index) == 5


def test_a_row_can_be_removed_and_added_again_as_another(kind):
    index, twin = filled(kind, 10)
    for seed in range(1, 40):
        (row,) = unit_rows(1, seed=seed)
        index.remove(id_array(4))
        index.add(id_array(4), row[np.newaxis])
        twin.rows[4] = row
        assert np.array_equal(index.vectors(id_array(4))[0], row)
    assert len(index) == 10
    twin.check(index.search(POOL, 10), POOL, 10)


def test_callers_arrays_stay_theirs(kind):
    vectors, ids, allowed = unit_rows(8), id_array(5, 4, 3, 2, 1, 0, 7, 6), id_array(7, 0, 0, 99)
    queries = unit_rows(3, seed=2)
    before = [array.copy() for array in (vectors, ids, allowed, queries)]
    for array in (vectors, ids, allowed, queries):
        array.flags.writeable = False
    index = new_index(DIM, kind=kind)
    index.add(ids, vectors)
    index.search(queries, 2)
    index.search(queries, 2, allowed=allowed)
    index.vectors(allowed[:3])
    index.remove(allowed)
    for array, copy in zip((vectors, ids, allowed, queries), before, strict=True):
        assert np.array_equal(array, copy)


def test_what_the_index_holds_is_not_the_callers(kind):
    vectors = unit_rows(4)
    kept = vectors.copy()
    index = new_index(DIM, kind=kind)
    index.add(np.arange(4), vectors)
    vectors[:] = 0
    assert np.array_equal(index.vectors(np.arange(4)), kept)


def test_arrays_that_are_not_contiguous(kind):
    wide, twin = unit_rows(20), Twin()
    index = new_index(DIM, kind=kind)
    index.add(np.arange(40)[::4], np.asfortranarray(wide)[::2])
    twin.rows = dict(zip(range(0, 40, 4), wide[::2], strict=True))
    queries = unit_rows(8, seed=4)[::-2]
    twin.check(index.search(queries, 3), queries, 3)
    allowed = np.arange(60)[::6]
    hits = index.search(queries, 3, allowed=allowed)
    twin.check(hits, queries, 3, allowed.tolist())


def spoiled(value):
    rows = unit_rows(3)
    rows[1, 2] = value
    return rows


BAD_ADDS = {
    "float64": (id_array(1, 2, 3), unit_rows(3).astype(np.float64), "float32"),
    "list": (id_array(1), [[1.0] * DIM], "array"),
    "one row": (id_array(1), unit_rows(1)[0], "float32"),
    "other dim": (id_array(1), unit_rows(1, dim=DIM + 1), "6 columns; got 7"),
    "nan": (id_array(1, 2, 3), spoiled(np.nan), "row 1"),
    "inf": (id_array(1, 2, 3), spoiled(np.inf), "row 1"),
    "huge": (id_array(1, 2, 3), spoiled(1e30), "row 1"),
    "not unit": (id_array(1, 2, 3), unit_rows(3) * np.float32(1.01), "length 1"),
    "zero": (id_array(1), np.zeros((1, DIM), np.float32), "length 0"),
    "fewer vectors": (id_array(1, 2, 3), unit_rows(2), "2 against 3"),
    "int32 ids": (np.array([1], np.int32), unit_rows(1), "int64"),
    "float ids": (np.array([1.0]), unit_rows(1), "int64"),
    "negative": (id_array(3, -1), unit_rows(2), "negative; got -1"),
    "repeated": (id_array(3, 8, 3), unit_rows(3), "3 is given more than once"),
    "present": (id_array(3, 100), unit_rows(2), "id 100 is in the index already"),
}


@pytest.mark.parametrize("case", BAD_ADDS)
def test_add_refuses_and_changes_nothing(kind, case):
    ids, vectors, reason = BAD_ADDS[case]
    index = new_index(DIM, kind=kind)
    index.add(id_array(100), unit_rows(1))
    with pytest.raises(IndexValueError, match=reason):
        index.add(ids, vectors)
    assert index.ids().tolist() == [100]
    index.add(id_array(1, 2, 3), unit_rows(3))
    assert len(index) == 4


BAD_SEARCHES = {
    "float64": (unit_rows(2).astype(np.float64), 1, None, "float32"),
    "other dim": (unit_rows(2, dim=5), 1, None, "6 columns; got 5"),
    "one row": (unit_rows(1)[0], 1, None, "float32"),
    "nan": (spoiled(np.nan), 1, None, "row 1"),
    "inf": (spoiled(-np.inf), 1, None, "row 1"),
    "huge": (spoiled(1e30), 1, None, "row 1"),
    "k 0": (unit_rows(1), 0, None, "k must be"),
    "k -1": (unit_rows(1), -1, None, "k must be"),
    "k float": (unit_rows(1), 2.0, None, "k must be"),
    "k bool": (unit_rows(1), True, None, "k must be"),
    "allowed float": (unit_rows(1), 1, np.array([1.0]), "allowed must be"),
    "allowed 2-d": (unit_rows(1), 1, id_array(1)[np.newaxis], "allowed must be"),
    "allowed mask": (unit_rows(1), 1, np.ones(5, bool), "allowed must be"),
}


@pytest.mark.parametrize("case", BAD_SEARCHES)
def test_search_refuses(kind, case):
    queries, k, allowed, reason = BAD_SEARCHES[case]
    index, _ = filled(kind, 5)
    with pytest.raises(IndexValueError, match=reason):
        index.search(queries, k, allowed=allowed)


def test_other_refusals(kind, tmp_path):
    index, _ = filled(kind, 5)
    with pytest.raises(IndexValueError, match="id 77"):
        index.vectors(id_array(1, 77))
    with pytest.raises(IndexValueError, match="int64"):
        index.remove([1])
    for dim in (0, -1, 2.5, True):
        with pytest.raises(IndexValueError, match="dim"):
            new_index(dim, kind=kind)
    for stamp in ({"a": 1.5}, {1: 1}, {"a": None}, {"a": True}, "stamp", {"a": "x" * 5000}):
        with pytest.raises(IndexValueError, match="stamp"):
            index.save(tmp_path / "an.index", stamp)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(IndexValueError, match="no index is called 'fancy'"):
        new_index(4, kind="fancy")


def test_queries_need_not_be_of_length_1(kind):
    index, twin = filled(kind, 30)
    queries = unit_rows(4, seed=8) * np.float32(0.25)
    twin.check(index.search(queries, 5), queries, 5)


def test_saving_over_the_mapped_file_disturbs_nobody(kind, tmp_path):
    path = tmp_path / "an.index"
    index, twin = filled(kind, 50)
    index.save(path)
    mapped, other = open_index(path), open_index(path)
    mapped.remove(np.arange(0, 50, 2))
    mapped.save(path, {"sequence": 2})
    twin.check(other.search(POOL, 60), POOL, 60)
    for i in range(0, 50, 2):
        del twin.rows[i]
    twin.check(mapped.search(POOL, 60), POOL, 60)
    twin.check(open_index(path).search(POOL, 60), POOL, 60)
    assert [entry.name for entry in tmp_path.iterdir()] == ["an.index"]


def test_opening_what_is_not_there(kind, tmp_path):
    with pytest.raises(IndexFileError, match=r"absent\.index"):
        open_index(tmp_path / "absent.index", kind=kind)
    with pytest.raises(IndexFileError, match="directory"):
        open_index(tmp_path)
    with pytest.raises(IndexFileError, match="can't be written"):
        new_index(3, kind=kind).save(tmp_path / "absent" / "an.index")
    new_index(3, kind=kind).save(tmp_path / "an.index")
    with pytest.raises(IndexFileError, match=f"of kind '{kind}', not other"):
        open_index(tmp_path / "an.index", kind="other")


def test_searching_while_others_write(kind):
    """Every answer is that of one moment: scores belong to their ids, and nothing is missing."""
    vectors = unit_rows(4000, seed=9)
    index = new_index(DIM, kind=kind)
    index.add(np.arange(200), vectors[:200])
    done, wrong = threading.Event(), []

    def read():
        query = unit_rows(2, seed=10)
        while not done.is_set():
            hits = index.search(query, 50)
            own = np.einsum("qkd,qd->qk", vectors[hits.ids], query)
            if (hits.ids < 0).any() or np.abs(own - hits.scores).max() > TOLERANCE:
                wrong.append(hits)

    readers = [threading.Thread(target=read) for _ in range(3)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for reader in readers:
            reader.start()
        for start in range(200, 4000, 20):
            index.add(np.arange(start, start + 20), vectors[start : start + 20])
            index.remove(np.arange(start - 100, start - 60))
    finally:
        done.set()
        sys.setswitchinterval(interval)
        for reader in readers:
            reader.join()
    assert not wrong
    assert index.search(vectors[3999:], 1).ids.tolist() == [[3999]]


def test_several_writers(kind):
    """No row is lost between them, and of those who add the same id one wins."""
    index = new_index(DIM, kind=kind)
    vectors = unit_rows(400)
    won = []

    def write(number):
        for i in range(100):
            index.add(id_array(1000 + 100 * number + i), vectors[i : i + 1])
            try:
                index.add(id_array(i), vectors[100 * number + i : 100 * number + i + 1])
                won.append((i, 100 * number + i))
            except IndexValueError:
                pass

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    finally:
        sys.setswitchinterval(interval)
    assert index.ids().tolist() == [*range(100), *range(1000, 1400)]
    assert sorted(i for i, _ in won) == list(range(100))
    assert all(np.array_equal(index.vectors(id_array(i))[0], vectors[row]) for i, row in won)

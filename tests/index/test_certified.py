"""The certified index: its bounds hold, and its answers are those of brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.index import IndexFileError, new_index, open_index
from reid_gallery.index.rounding import RoundedQuery, Rounding

from .people import people

DIM = 24


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def filled(vectors, batches=1):
    """An index of these rows under their numbers, that takes vectors from the array itself."""
    index = new_index(vectors.shape[1], "certified", rows=lambda ids: vectors[ids])
    for ids in np.array_split(np.arange(len(vectors)), batches):
        index.add(ids, vectors[ids])
    return index


def brute_force(vectors, query, k, keep):
    scores = np.where(keep, vectors.astype(np.float64) @ query.astype(np.float64), -np.inf)
    return np.sort(scores)[::-1][:k]


shapes = st.sampled_from(["near ties", "duplicates", "one tight person", "one-hot", "people"])


def adversarial(shape, count, seed):
    """Rows among which a code alone can't tell the best."""
    random = np.random.default_rng(seed)
    if shape == "near ties":  # all as far from the first axis, but for the last digits
        rows = random.normal(size=(count, DIM))
        rows[:, 0] = 0
        rows = unit(rows) * 0.6
        rows[:, 0] = 0.8 + 1e-6 * random.normal(size=count)
        return unit(rows)
    if shape == "duplicates":
        return unit(random.normal(size=(7, DIM)))[random.integers(0, 7, count)]
    if shape == "one tight person":  # and a few strangers
        rows = random.normal(size=DIM) + 1e-3 * random.normal(size=(count, DIM))
        rows[::97] = random.normal(size=(len(rows[::97]), DIM))
        return unit(rows)
    if shape == "one-hot":  # far beyond the usual range: cut off, and odd
        rows = 1e-3 * random.normal(size=(count, DIM))
        rows[np.arange(count), random.integers(0, DIM, count)] += 1
        return unit(rows[:, ::-1])
    return people(count // 20, 20, DIM, seed=seed)


@settings(max_examples=60, deadline=None)
@given(
    shape=shapes,
    first=shapes,
    seed=st.integers(0, 999),
    k=st.sampled_from([1, 5, 32, 700]),
    queries=st.sampled_from([1, 3, 20]),
    removed=st.sampled_from([0, 3, 900]),
    allowed=st.sampled_from([None, 0.02, 0.5, 0.95]),
)
def test_equals_brute_force(shape, first, seed, k, queries, removed, allowed):
    """Whatever kind of rows the step was chosen by, and whatever came after."""
    random = np.random.default_rng(seed)
    vectors = np.concatenate([adversarial(first, 200, seed), adversarial(shape, 2800, seed + 1)])
    index = filled(vectors, batches=15)
    asked = unit(
        vectors[random.integers(0, len(vectors), queries)]
        + 10.0 ** -random.integers(0, 9) * random.normal(size=(queries, DIM))
    )
    keep = np.ones(len(vectors), bool)
    gone = random.choice(len(vectors), removed, replace=False)
    index.remove(gone)
    keep[gone] = False
    chosen = None
    if allowed is not None:
        chosen = random.choice(len(vectors), int(allowed * len(vectors)), replace=False)
        keep &= np.isin(np.arange(len(vectors)), chosen)
    hits = index.search(asked, k, allowed=chosen)
    for query, ids, scores in zip(asked, hits.ids, hits.scores, strict=True):
        best = brute_force(vectors, query, k, keep)
        np.testing.assert_allclose(scores, best, rtol=0, atol=5e-7)
        found = ids[ids >= 0]
        assert len(found) == np.isfinite(best).sum()
        assert keep[found].all()
        assert len(set(found.tolist())) == len(found)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 40).flatmap(
        lambda dim: st.lists(
            st.lists(st.floats(-1, 1, width=32), min_size=dim, max_size=dim), min_size=2, max_size=9
        )
    ),
    st.floats(1e-3, 3),
)
def test_the_bound_holds_for_any_rows(rows, step):
    vectors = np.array(rows, np.float32) + np.float32(1e-3)
    vectors = unit(vectors + (np.linalg.norm(vectors, axis=1, keepdims=True) == 0))
    codes, errors = Rounding(step).round(vectors)
    query = RoundedQuery.of(vectors[0])
    assert np.all(np.abs(query.whole) <= 127)
    assert np.array_equal(query.whole, np.rint(query.whole))
    bounds = query.bounds(errors)
    rounded = (codes.astype(np.float64) - 128) * step
    precise = vectors.astype(np.float64)
    for row, kept, error, bound in zip(precise, rounded, errors, bounds, strict=True):
        assert np.linalg.norm(row - kept) <= error
        assert abs(precise[0] @ row - query.step * query.whole @ kept) <= bound


def test_few_rows_are_scored():
    vectors = people(600, 20, 128)
    index = filled(vectors)
    asked = unit(vectors[::1200] + 0.03 * np.random.default_rng(1).normal(size=(10, 128)))
    for query in asked:
        index.search(query[np.newaxis], 5)
    assert 5 * 10 <= index.rescored < 100 * 10


def test_vectors_are_kept_only_without_a_source(tmp_path):
    vectors = people(40, 5, DIM)
    index = filled(vectors)
    index.save(tmp_path / "a.index")
    content = (tmp_path / "a.index").read_bytes()
    assert not any(row.tobytes() in content for row in vectors)
    with pytest.raises(IndexFileError, match="holds no vectors"):
        open_index(tmp_path / "a.index")
    loaded = open_index(tmp_path / "a.index", rows=lambda ids: vectors[ids])
    assert loaded.search(vectors[7:8], 1).ids.tolist() == [[7]]
    keeping = new_index(DIM, "certified")
    keeping.add(np.arange(200), vectors)
    keeping.save(tmp_path / "b.index")
    assert open_index(tmp_path / "b.index").search(vectors[7:8], 1).ids.tolist() == [[7]]


def test_a_removed_code_is_not_in_the_file(tmp_path):
    vectors = people(40, 5, DIM)
    index = filled(vectors)
    codes = Rounding.fitting(vectors).round(vectors)[0]
    gone = np.arange(0, 200, 3)
    for path, present in ((tmp_path / "before", True), (tmp_path / "after", False)):
        index.save(path)
        content = path.read_bytes()
        assert all((codes[row].tobytes() in content) == present for row in gone)
        index.remove(gone)

"""What is kept of many offers; that small searches leave other cores alone, and large ones not."""

import subprocess
import sys

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.index import IndexEngineError, kernels, new_index
from reid_gallery.index.kernels import Best

from .people import people


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 9), st.lists(st.integers(1, 20))
)
def test_the_best_of_all_offers_are_kept_in_descending_order(seed, queries, k, widths):
    random = np.random.default_rng(seed)
    best, offered = Best(queries, k), np.empty((queries, 0), np.float32)
    for width in widths:
        scores = random.integers(-4, 5, size=(queries, width)).astype(np.float32)
        labels = np.arange(offered.shape[1], offered.shape[1] + width)
        best.offer(scores, np.tile(labels, (queries, 1)))
        offered = np.concatenate([offered, scores], axis=1)
    scores, labels = best.finish()
    found = min(k, offered.shape[1])
    expected = -np.sort(-offered, axis=1)[:, :found]
    assert np.array_equal(scores[:, :found], expected)
    assert np.array_equal(np.take_along_axis(offered, labels[:, :found], axis=1), expected)
    assert all(len(set(row)) == found for row in labels[:, :found].tolist())
    assert (labels[:, found:] == -1).all()


def test_minus_infinity_is_never_kept():
    best = Best(1, 2)
    best.offer_columns(np.array([[-np.inf, 0.5, -np.inf]], np.float32))
    assert best.finish()[1].tolist() == [[1, -1]]


ONE_QUERY = """
import os
import numpy as np
from reid_gallery.index import new_index
vectors = np.eye(64, dtype=np.float32)
index = new_index(64, "KIND")
index.add(np.arange(64), vectors)
np.dot(np.ones((256, 256)), np.ones((256, 256)))  # numpy's own threads
before = len(os.listdir("/proc/self/task"))
index.search(vectors[:1], 5)
index.search(vectors[:1], 5, allowed=np.arange(50))
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts the threads in /proc")
@pytest.mark.parametrize("kind", ["flat", "certified", "two-stage"])
def test_one_query_starts_no_team_of_threads(kind):
    said = subprocess.run(
        [sys.executable, "-c", ONE_QUERY.replace("KIND", kind)],
        env={"OMP_NUM_THREADS": "4"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert said.stdout == "0\n"


@pytest.mark.parametrize("kind", ["certified", "two-stage"])
def test_no_product_is_so_large_that_blas_would_divide_it_among_threads(kind):
    vectors = people(100, 10, 512)
    asked = []

    def rows(ids):
        asked.append(len(ids))
        return vectors[ids]

    index = new_index(512, kind, rows=rows)
    index.add(np.arange(1000), vectors)
    hits = index.search(vectors[:1], 1000)
    assert sorted(hits.ids[0].tolist()) == list(range(1000))
    assert max(asked) * 512 <= 2**18


@pytest.fixture
def three_threads():
    """Pieces of a few rows, for as many threads as FAISS may use."""
    before, size = faiss.omp_get_max_threads(), kernels._PIECE_BYTES
    faiss.omp_set_num_threads(3)
    kernels._PIECE_BYTES = 64
    yield
    faiss.omp_set_num_threads(before)
    kernels._PIECE_BYTES = size


@pytest.mark.usefixtures("three_threads")
@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 2**32 - 1), st.booleans(), st.data())
def test_the_best_codes_are_those_of_all_products(count, seed, selects, data):
    random = np.random.default_rng(seed)
    codes = random.integers(0, 256, (count, 16), dtype=np.uint8)
    query = random.integers(-128, 128, 16).astype(np.float32)
    selected = random.random(count) < 0.5 if selects else np.ones(count, bool)
    selected[0] = True
    k = data.draw(st.integers(1, int(selected.sum())))
    scores, rows = kernels.best_of_codes(query, codes, k, selected if selects else None)
    products = (codes.astype(np.float32) - 128) @ query
    assert selected[rows].all()
    assert len(set(rows.tolist())) == k
    np.testing.assert_array_equal(scores, products[rows])
    np.testing.assert_array_equal(scores, np.sort(products[selected])[::-1][:k])


@pytest.mark.usefixtures("three_threads")
@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_differing_bits_are_counted(count, seed):
    random = np.random.default_rng(seed)
    codes = random.integers(0, 256, (count, 16), dtype=np.uint8)
    query = random.integers(0, 256, 16, dtype=np.uint8)
    wanted = np.unpackbits(codes ^ query, axis=1).sum(axis=1)
    np.testing.assert_array_equal(kernels.hamming(query, codes), wanted)


@pytest.mark.usefixtures("three_threads")
def test_as_many_pieces_as_threads_and_no_small_ones():
    def pieces(rows: int) -> list[int]:
        codes = np.zeros((rows, 16), np.uint8)
        return kernels._in_pieces(codes, lambda piece: piece.stop - piece.start)

    assert pieces(100) == [33, 33, 34]
    assert pieces(11) == [5, 6]
    assert pieces(7) == [7]
    assert pieces(0) == [0]


@pytest.mark.usefixtures("three_threads")
def test_what_fails_in_a_thread_is_raised():
    def fails(piece: slice) -> None:
        if piece.start:
            raise OSError("torn")

    with pytest.raises(OSError, match="torn"):
        kernels._in_pieces(np.zeros((100, 16), np.uint8), fails)


@pytest.mark.parametrize("width", [1, 7, 8, 13, 64])
def test_differing_bits_are_counted_whatever_the_number_of_bytes(width):
    random = np.random.default_rng(width)
    query = random.integers(0, 256, width, dtype=np.uint8)
    codes = random.integers(0, 256, (300, width), dtype=np.uint8)
    differing = np.unpackbits(codes ^ query, axis=1).sum(axis=1)
    assert np.array_equal(kernels.hamming(query, codes), differing)


def test_faiss_that_is_missing_is_told_with_what_to_do(monkeypatch):
    kernels.faiss_module.cache_clear()
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(IndexEngineError, match="install it with: pip install faiss-cpu"):
        kernels.faiss_module()


def test_two_builds_in_one_folder_are_told_apart_from_none(monkeypatch, tmp_path):
    kernels.faiss_module.cache_clear()
    (tmp_path / "faiss.py").write_text("import sys\nsys.delete_GpuResourcesVector\n")
    monkeypatch.delitem(sys.modules, "faiss")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(IndexEngineError, match="uninstall both"):
        kernels.faiss_module()

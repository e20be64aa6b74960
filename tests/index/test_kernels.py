"""What FAISS is asked for is the same, however many threads it is divided among."""

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.index import kernels


@pytest.fixture(autouse=True)
def three_threads():
    """Pieces of a few rows, for as many threads as FAISS may use."""
    before, size = faiss.omp_get_max_threads(), kernels._PIECE_BYTES
    faiss.omp_set_num_threads(3)
    kernels._PIECE_BYTES = 64
    yield
    faiss.omp_set_num_threads(before)
    kernels._PIECE_BYTES = size


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


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_differing_bits_are_counted(count, seed):
    random = np.random.default_rng(seed)
    codes = random.integers(0, 256, (count, 16), dtype=np.uint8)
    query = random.integers(0, 256, 16, dtype=np.uint8)
    wanted = np.unpackbits(codes ^ query, axis=1).sum(axis=1)
    np.testing.assert_array_equal(kernels.hamming(query, codes), wanted)


def test_as_many_pieces_as_threads_and_no_small_ones():
    def pieces(rows: int) -> list[int]:
        codes = np.zeros((rows, 16), np.uint8)
        return kernels._in_pieces(codes, lambda piece: piece.stop - piece.start)

    assert pieces(100) == [33, 33, 34]
    assert pieces(11) == [5, 6]
    assert pieces(7) == [7]
    assert pieces(0) == [0]


def test_what_fails_in_a_thread_is_raised():
    def fails(piece: slice) -> None:
        if piece.start:
            raise OSError("torn")

    with pytest.raises(OSError, match="torn"):
        kernels._in_pieces(np.zeros((100, 16), np.uint8), fails)

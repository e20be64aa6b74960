"""What is kept of many offers, and that one query leaves the processor's other cores alone."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.index import new_index
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

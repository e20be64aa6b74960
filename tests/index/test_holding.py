"""An index tells its own rows from others, with or without the vectors."""

import numpy as np
import pytest
from reid_gallery.index import kinds, new_index

from .people import people

DIM = 64


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("keeps", [True, False])
def test_holds(kind, keeps):
    vectors = people(600, 3, DIM)
    index = new_index(DIM, kind, rows=None if keeps else lambda ids: vectors[ids])
    index.add(np.arange(1500), vectors[:1500])
    for row in range(1500, 1700):
        index.add(np.array([row]), vectors[row : row + 1])
    asked = np.array([1690, 3, 700, 3, 1500])
    assert index.holds(asked, vectors[asked]).tolist() == [True] * 5
    other = vectors[asked].copy()
    other[2:4] = vectors[[50, 60]]
    assert index.holds(asked, other).tolist() == [True, True, False, False, True]
    assert index.holds(asked[:0], vectors[:0]).shape == (0,)


@pytest.mark.parametrize("kind", kinds())
def test_of_an_empty_index(kind):
    index = new_index(DIM, kind)
    assert index.holds(np.empty(0, np.int64), np.empty((0, DIM), np.float32)).shape == (0,)

"""Work done ahead of need: in order, bounded, and given up with whoever asked for it."""

import time

import pytest
from reid_gallery.gallery.loading import map_ahead


def test_results_come_in_order():
    assert list(map_ahead(lambda n: n * n, range(200))) == [n * n for n in range(200)]


@pytest.mark.parametrize("leaves", [True, False])
def test_who_leaves_does_not_wait_for_what_was_ahead(leaves):
    done = []

    def work(number: int) -> int:
        if number:
            time.sleep(0.05)
            done.append(number)
        elif not leaves:
            raise KeyboardInterrupt
        return number

    results = map_ahead(work, range(64))
    if leaves:
        assert next(results) == 0
        results.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            next(results)
    assert len(done) < 10

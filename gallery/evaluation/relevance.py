"""Which gallery items count for which query: relevant, junk, or another person's.

An item with the query's pid is junk if it also has the query's camera, and relevant otherwise.
An unknown camera (``None``) makes nothing junk. Junk is taken out before ranking, so that it
neither helps nor harms (Zheng et al. 2015, Market-1501).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import EmbeddingError
from .counting import Rows

Pids = Sequence[str | int] | npt.NDArray[Any]
"""One identity a row. Strings, or the integer labels of training; 7 and "7" are the same."""

Cameras = Sequence[str | int | None] | npt.NDArray[Any]
"""One camera a row; ``None``, or NaN as pandas has it, where it isn't known."""

_UNKNOWN = -1
_FLOATS = (float, np.floating)


@dataclass(frozen=True, slots=True)
class Judged:
    """The ``v`` queries of a block that have relevant items, with all those items in flat arrays.

    Attributes:
        queries: int64[v], ascending: which queries of the block they are.
        counts: int64[v], relevant items of each; never 0.
        relevant: int64[sum(counts)], gallery rows, ascending within each query.
        owners: int64[sum(counts)], whose they are, as a place in ``queries``.
        same_pid: gallery rows with the query's pid, relevant and junk.
        same_pid_owners: whose those are, as a place in ``queries``.
    """

    queries: Rows
    counts: Rows
    relevant: Rows
    owners: Rows
    same_pid: Rows
    same_pid_owners: Rows


class Relevance:
    """What counts for whom, by the labels of all queries and of the gallery.

    Attributes:
        identities: int64[g], the identity of every gallery row, from 0.
        run_ends: int64[g]: from a row to before this row all rows have the same identity.

    Raises:
        EmbeddingError: a pid is missing.
    """

    def __init__(
        self,
        query_pids: Pids,
        gallery_pids: Pids,
        query_cameras: Cameras | None,
        gallery_cameras: Cameras | None,
    ) -> None:
        if query_cameras is None or gallery_cameras is None:
            query_cameras, gallery_cameras = [None] * len(query_pids), [None] * len(gallery_pids)
        self.identities, self._query_pids = _encode(gallery_pids, query_pids)
        _check_known(self._query_pids, "query_pids")
        _check_known(self.identities, "gallery_pids")
        self._gallery_cameras, self._query_cameras = _encode(gallery_cameras, query_cameras)
        self.run_ends = _run_ends(self.identities)
        self._by_pid = np.argsort(self.identities, kind="stable")
        grouped = self.identities[self._by_pid]
        self._first = np.searchsorted(grouped, self._query_pids, side="left")
        self._same = np.searchsorted(grouped, self._query_pids, side="right") - self._first

    def judge(self, start: int, stop: int) -> Judged:
        """Find the relevant items and the junk of the queries from ``start`` to before ``stop``."""
        owners, nth = expand(self._same[start:stop])
        same_pid = self._by_pid[self._first[start:stop][owners] + nth]
        cameras = self._query_cameras[start:stop][owners]
        relevant = (cameras == _UNKNOWN) | (self._gallery_cameras[same_pid] != cameras)
        counts = np.bincount(owners[relevant], minlength=stop - start)
        queries = np.flatnonzero(counts)
        place = np.cumsum(counts > 0) - 1
        valid = counts[owners] > 0
        return Judged(
            queries=queries,
            counts=counts[queries],
            relevant=same_pid[relevant],
            owners=place[owners[relevant]],
            same_pid=same_pid[valid],
            same_pid_owners=place[owners[valid]],
        )


def _encode(gallery: Iterable[Any], query: Iterable[Any]) -> tuple[Rows, Rows]:
    """Number the labels of both sides alike, from 0; ``None`` and NaN become ``_UNKNOWN``."""
    numbers: dict[str, int] = {}

    def number(label: object) -> int:
        if label is None or label != label:  # noqa: PLR0124 (NaN alone is not itself)
            return _UNKNOWN
        if isinstance(label, _FLOATS) and float(label).is_integer():
            label = int(label)  # as pandas has whole numbers in a column that lacks one
        return numbers.setdefault(str(label), len(numbers))

    return (
        np.fromiter(map(number, gallery), dtype=np.int64),
        np.fromiter(map(number, query), dtype=np.int64),
    )


def _check_known(pids: Rows, name: str) -> None:
    unknown = np.flatnonzero(pids == _UNKNOWN)
    if len(unknown):
        raise EmbeddingError(f"{name}: row {unknown[0]} has none; leave out whoever is not known")


def _run_ends(codes: Rows) -> Rows:
    last_of_run = np.append(codes[1:] != codes[:-1], True)[: len(codes)]
    ends = np.flatnonzero(last_of_run) + 1
    return np.repeat(ends, np.diff(ends, prepend=0))


def expand(counts: Rows) -> tuple[Rows, Rows]:
    """[2, 0, 3] becomes [0, 0, 2, 2, 2] and [0, 1, 0, 1, 2]."""
    owners = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return owners, np.arange(len(owners)) - starts[owners]

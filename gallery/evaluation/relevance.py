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

from .counting import Rows

Pids = Sequence[str | int] | npt.NDArray[Any]
"""One identity a row. Strings, or the integer labels of training; 7 and "7" are the same."""

Cameras = Sequence[str | int | None] | npt.NDArray[Any]
"""One camera a row; ``None`` where it isn't known."""

_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Judged:
    """One query that has relevant items.

    Attributes:
        query: its row among the queries.
        relevant: int64[r], its relevant gallery rows, ascending; never empty.
        run_ends: int64[r]: from a relevant row to before this row all have the query's pid.
        same_pid: all gallery rows of its pid (relevant and junk), ascending.
    """

    query: int
    relevant: Rows
    run_ends: Rows
    same_pid: Rows


@dataclass(frozen=True, slots=True)
class Relevance:
    """The queries that can be scored; those left out have no relevant item.

    Attributes:
        judged: in query order.
        identities: int64[g], the identity of every gallery row as a number from 0.
    """

    judged: list[Judged]
    identities: Rows


def judge(
    query_pids: Pids,
    gallery_pids: Pids,
    query_cameras: Cameras | None,
    gallery_cameras: Cameras | None,
) -> Relevance:
    """Find the relevant items of every query; without both camera lists nothing is junk."""
    gallery_codes, query_codes = _encode(gallery_pids, query_pids)
    if query_cameras is None or gallery_cameras is None:
        query_cameras, gallery_cameras = [None] * len(query_pids), [None] * len(gallery_pids)
    gallery_cams, query_cams = _encode(gallery_cameras, query_cameras)
    people = _group(gallery_codes, gallery_cams)
    judged = []
    for query, (pid, camera) in enumerate(
        zip(query_codes.tolist(), query_cams.tolist(), strict=True)
    ):
        if pid not in people:
            continue
        person = people[pid]
        kept = person.cameras != camera
        if camera == _UNKNOWN:
            kept[:] = True
        relevant = person.rows[kept]
        if len(relevant):
            judged.append(Judged(query, relevant, person.run_ends[kept], person.rows))
    return Relevance(judged, gallery_codes)


@dataclass(frozen=True, slots=True)
class _Person:
    rows: Rows
    run_ends: Rows
    cameras: Rows


def _group(codes: Rows, cameras: Rows) -> dict[int, _Person]:
    order = np.argsort(codes, kind="stable")
    present, starts = np.unique(codes[order], return_index=True)
    return {
        pid: _Person(rows, _run_ends(rows), cameras[rows])
        for pid, rows in zip(present.tolist(), np.split(order, starts[1:]), strict=False)
    }


def _encode(gallery: Iterable[Any], query: Iterable[Any]) -> tuple[Rows, Rows]:
    """Number the labels of both sides alike, from 0; ``None`` becomes ``_UNKNOWN``."""
    numbers: dict[str, int] = {}

    def number(label: object) -> int:
        return _UNKNOWN if label is None else numbers.setdefault(str(label), len(numbers))

    return (
        np.fromiter(map(number, gallery), dtype=np.int64),
        np.fromiter(map(number, query), dtype=np.int64),
    )


def _run_ends(rows: Rows) -> Rows:
    """For each of ascending rows, where the run of consecutive rows it is in ends."""
    last_of_run = np.append(np.diff(rows) != 1, True)
    run = np.cumsum(last_of_run) - last_of_run
    return np.asarray(rows[last_of_run][run] + 1)

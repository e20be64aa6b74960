"""The held-out people who are recognised worst, as a contact sheet."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...gallery.reports.sheet import SheetMatch, SheetRow, write_sheet
from ..held_out import HeldOutResult, Vectors
from ..splitting import TrainingPicture

PEOPLE = 10
_MATCHES = 8


def draw_worst(
    path: Path,
    result: HeldOutResult,
    embeddings: Vectors,
    pictures: Sequence[TrainingPicture],
) -> list[tuple[str, float]]:
    """Draw the people with the lowest mean AP, each by the picture that is recognised worst.

    Args:
        path: a PNG file.
        result: of ranking the pictures.
        embeddings: float32[n, d] unit rows.
        pictures: n of them.

    Returns:
        Their names and mean APs, the worst first.
    """
    worst = worst_people(result, pictures)
    rows = [_row(query, f"mean AP {mean:.2f}", embeddings, pictures) for _, mean, query in worst]
    write_sheet(path, rows, title="Held-out people who are recognised worst")
    return [(person, mean) for person, mean, _ in worst]


def worst_people(
    result: HeldOutResult, pictures: Sequence[TrainingPicture]
) -> list[tuple[str, float, int]]:
    """Return (person, mean AP, number of the worst picture) of at most `PEOPLE`, worst first."""
    sources = np.array([picture.source for picture in pictures])
    found = []
    for source, figures in result.sources.items():
        numbers = np.flatnonzero(sources == source)[figures.query_rows]
        for person in np.unique(figures.pids):
            mine = np.flatnonzero(figures.pids == person)
            precision = figures.average_precision[mine]
            query = int(numbers[mine[precision.argmin()]])
            found.append((str(person), float(precision.mean()), query))
    return sorted(found, key=lambda entry: (entry[1], entry[0]))[:PEOPLE]


def _row(
    query: int, verdict: str, embeddings: Vectors, pictures: Sequence[TrainingPicture]
) -> SheetRow:
    """One query with its best matches; its person's pictures of the same camera don't count."""
    own = pictures[query]
    scores = embeddings @ embeddings[query]
    matches = []
    for number in np.argsort(-scores, kind="stable"):
        other = pictures[number]
        right = other.person == own.person
        if other.source != own.source or (right and other.camera == own.camera):
            continue
        matches.append(
            SheetMatch(
                picture=other.path,
                pid=_without_source(other.person),
                score=float(scores[number]),
                camera=_without_source(other.camera),
                right=right,
            )
        )
        if len(matches) == _MATCHES:
            break
    return SheetRow(
        query=own.path, matches=matches, caption=_without_source(own.person), verdict=verdict
    )


def _without_source(name: str) -> str:
    return name.partition(":")[2]

"""Answers as a contact sheet."""

from collections.abc import Sequence
from pathlib import Path

from ..types import Answer
from .sheet import SheetMatch, SheetRow, write_sheet


def write_answer_sheet(
    path: Path,
    answers: Sequence[Answer],
    *,
    true_pids: Sequence[str | None] | None = None,
) -> None:
    """Draw each answer as a row: the query on the left, the matches' pictures on the right.

    Args:
        path: a PNG file.
        answers: of `Gallery.query`.
        true_pids: whom each query really shows: marks right and wrong. None is not known, and an
            empty name someone who is not in the gallery.
    """
    truths = true_pids if true_pids is not None else [None] * len(answers)
    rows = [_row(answer, truth) for answer, truth in zip(answers, truths, strict=True)]
    write_sheet(path, rows, title="Who is this?")


def _row(answer: Answer, truth: str | None) -> SheetRow:
    return SheetRow(
        query=[Path(name) for name in answer.query],
        caption=Path(answer.query[0]).name if truth is None else truth or "a stranger",
        verdict=_verdict(answer),
        known=answer.known,
        matches=[
            SheetMatch(
                picture=None if match.sighting.path is None else Path(match.sighting.path),
                pid=match.pid,
                score=match.score,
                camera=match.sighting.camera,
                right=match.pid == truth if truth else None,
            )
            for match in answer.matches
        ],
    )


def _verdict(answer: Answer) -> str:
    return "" if answer.threshold is None else f"threshold {answer.threshold:.3f}"

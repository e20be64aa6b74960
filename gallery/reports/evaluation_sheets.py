"""The report's contact sheets: the best, the worst and the most confident wrong answers."""

from collections.abc import Sequence
from pathlib import Path

from ..evaluation.examples import Example, find_examples
from ..evaluation.measuring import Measurement
from ..evaluation.trials import Trial
from .rows import SheetMatch, SheetRow
from .sheet import write_sheet

_GONE = Path("(no picture)")

TITLES = {
    "best": "The best answers",
    "worst": "The worst answers",
    "confident": "The most confident wrong answers",
}
"""By the names in `evaluation.examples.Examples`."""


def write_sheets(folder: Path, prefix: str, measured: Measurement) -> dict[str, str]:
    """Write a measurement's contact sheets.

    Returns:
        File names by kind, as in `TITLES`; a kind without any query has none.
    """
    examples, written = find_examples(measured), {}
    for kind, title in TITLES.items():
        rows = _rows(measured.trial, getattr(examples, kind))
        if rows:
            written[kind] = f"{prefix}-{kind}.png"
            write_sheet(folder / written[kind], rows, title=f"{title}: {measured.model}")
    return written


def _rows(trial: Trial, examples: Sequence[Example]) -> list[SheetRow]:
    return [_row(trial, example) for example in examples]


def _row(trial: Trial, example: Example) -> SheetRow:
    pid = trial.pids[example.query]
    return SheetRow(
        query=trial.paths[example.query] or _GONE,
        caption=f"{pid} {_camera(trial, example.query) or ''}".strip(),
        verdict=f"AP {example.average_precision:.2f} · rank {example.first_rank:,}",
        matches=[
            SheetMatch(
                picture=trial.paths[row],
                pid=trial.pids[row],
                score=score,
                camera=_camera(trial, row),
                right=trial.pids[row] == pid,
            )
            for row, score in zip(example.items.tolist(), example.scores.tolist(), strict=True)
        ],
    )


def _camera(trial: Trial, row: int) -> str | None:
    kind, _, name = trial.views[row].partition(" ")
    return name if kind == "camera" else None

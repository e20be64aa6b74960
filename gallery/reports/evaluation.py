"""The evaluation report: one HTML page, its pictures beside it."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from ..atomic import replacing
from ..errors import ReportError
from ..evaluation.measuring import Measurement
from .evaluation_html import Section, write_page
from .evaluation_plots import check_matplotlib, draw_plots
from .evaluation_sheets import write_sheets
from .measurements import measurement_record

PAGE = "index.html"


def check_report_folder(folder: Path) -> None:
    """Say, before the work is done, whether a report can't be written there; make the folder.

    Raises:
        ReportError: there is a file of that name, it can't be made, or matplotlib is missing.
    """
    check_matplotlib()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(f"{folder}: can't be made ({error.strerror or error})") from error


def write_report(folder: Path, measured: Sequence[Measurement], *, command: str) -> Path:
    """Write ``index.html``, its pictures and ``figures.jsonl``; files of these names are replaced.

    The pictures show people of the data set: keep the folder where the data set may be.

    Args:
        folder: as `check_report_folder` made it.
        measured: all verified; models on one trial stand together.
        command: that made the report, as it was typed.

    Returns:
        The page.

    Raises:
        ReportError: a file can't be written.
    """
    page = folder / PAGE
    try:
        sections = [
            _draw_section(folder, f"{number}-{_plain(group[0].trial.name)}", group)
            for number, group in enumerate(_by_trial(measured), start=1)
        ]
        with replacing(page) as temporary:
            temporary.write_text(write_page(sections, command=command), encoding="utf-8")
        with replacing(folder / "figures.jsonl") as temporary:
            lines = [json.dumps(measurement_record(one), ensure_ascii=False) for one in measured]
            temporary.write_text("\n".join([*lines, ""]), encoding="utf-8")
    except OSError as error:
        raise ReportError(
            f"{error.filename or folder}: can't be written ({error.strerror or error})"
        ) from error
    return page


def _draw_section(folder: Path, prefix: str, measured: list[Measurement]) -> Section:
    sheets = [
        write_sheets(folder, f"{prefix}-{number}-{_plain(one.model)}", one)
        for number, one in enumerate(measured, start=1)
    ]
    return Section(measured, draw_plots(folder, prefix, measured), sheets)


def _by_trial(measured: Sequence[Measurement]) -> list[list[Measurement]]:
    groups: dict[int, list[Measurement]] = {}
    for one in measured:
        groups.setdefault(id(one.trial), []).append(one)
    return list(groups.values())


def _plain(name: str) -> str:
    """A name as part of a file's: a model may be called anything."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:40] or "model"

"""A manifest: a CSV file that names pictures and whom they show."""

import csv
from collections.abc import Sequence
from pathlib import Path

from ..errors import LayoutError
from .labelled import LabelledPicture, Reading, parse_time

COLUMNS = ("path", "pid", "camera", "time", "tracklet", "frame")
"""Of these, path and pid are required; their order is free."""


def read_manifest(manifest: Path) -> Reading:
    """Read a CSV (comma, UTF-8) with a header; relative paths are relative to its folder.

    Blanks around labels don't count, and an empty field is one not given. A line with a mistake is
    listed in ``failed`` with its number; the others are read. Lines are kept as they come, the
    same picture twice included: enrolling tells whether they agree.

    Raises:
        LayoutError: the file can't be read as CSV, its header lacks path or pid or has other
            columns, or no line follows it.
    """
    reading = Reading()
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, skipinitialspace=True, strict=True)
            _check_header(manifest, rows.fieldnames or [])
            for row in rows:
                _read_row(manifest, rows.line_num, row, reading)
    except UnicodeDecodeError as error:
        raise LayoutError(f"{manifest}: is not UTF-8; save it as 'CSV UTF-8'") from error
    except OSError as error:
        raise LayoutError(f"{manifest}: can't be read ({error.strerror})") from error
    except csv.Error as error:
        raise LayoutError(
            f"{manifest}, line {rows.reader.line_num}: is not CSV ({error})"
        ) from error
    if not reading.pictures and not reading.failed:
        raise LayoutError(f"{manifest}: names no picture; no line follows its header")
    return reading


def _check_header(manifest: Path, names: Sequence[str]) -> None:
    problems = [f"lacks {name}" for name in ("path", "pid") if name not in names]
    problems += [f"has unknown {name!r}" for name in names if name not in COLUMNS]
    problems += [f"has {name} twice" for name in COLUMNS if names.count(name) > 1]
    if problems:
        raise LayoutError(
            f"{manifest}: the header {', '.join(problems)}; the columns are {', '.join(COLUMNS)}"
        )


def _read_row(manifest: Path, line: int, row: dict[str, str], reading: Reading) -> None:
    path = manifest.parent / (row["path"] or "")
    try:
        reading.pictures.append(_read_labels(path, row))
    except (ValueError, LayoutError) as error:
        reading.failed.append((path, f"{manifest}, line {line}: {error}"))


def _read_labels(path: Path, row: dict[str, str]) -> LabelledPicture:
    # DictReader puts what is beyond the last column under None.
    if None in row:
        raise ValueError("more fields than columns")
    if not row["path"]:
        raise ValueError("path is empty")
    labels = {name: (row.get(name) or "").strip() or None for name in COLUMNS[1:]}
    time, frame = labels["time"], labels["frame"]
    return LabelledPicture(
        path=path,
        pid=labels["pid"] or "",
        camera=labels["camera"],
        time=parse_time(time) if time else None,
        tracklet=labels["tracklet"],
        frame=_parse_frame(frame) if frame else None,
    )


def _parse_frame(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"frame {text!r} is no whole number") from None

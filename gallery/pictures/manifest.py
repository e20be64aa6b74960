"""A manifest: a CSV file that names pictures and whom they show."""

import csv
from pathlib import Path

from ..errors import LayoutError
from .labelled import LabelledPicture, Reading, parse_time

COLUMNS = ("path", "pid", "camera", "time", "tracklet", "frame")
"""Of these, path and pid are required."""


def read_manifest(manifest: Path) -> Reading:
    """Read a CSV with a header; relative paths are relative to the manifest's folder.

    A line with a mistake is listed in ``failed`` with its number; the others are read.

    Raises:
        LayoutError: the file can't be read, or its header lacks path or pid, or has other columns.
    """
    reading = Reading()
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            _check_header(manifest, rows.fieldnames or [])
            for row in rows:
                _read_row(manifest, rows.line_num, row, reading)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LayoutError(f"{manifest}: can't be read as CSV ({error})") from error
    return reading


def _check_header(manifest: Path, names: "list[str] | tuple[str, ...]") -> None:
    missing = [name for name in ("path", "pid") if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if missing or unknown:
        problem = f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)}"
        raise LayoutError(f"{manifest}: the header {problem}; the columns are {', '.join(COLUMNS)}")


def _read_row(manifest: Path, line: int, row: dict[str, str], reading: Reading) -> None:
    path = manifest.parent / (row["path"] or "")
    try:
        if not row["path"]:
            raise ValueError("path is empty")
        picture = LabelledPicture(
            path=path,
            pid=row["pid"] or "",
            camera=row.get("camera") or None,
            time=parse_time(row["time"]) if row.get("time") else None,
            tracklet=row.get("tracklet") or None,
            frame=int(row["frame"]) if row.get("frame") else None,
        )
    except (ValueError, LayoutError) as error:
        reading.failed.append((path, f"{manifest.name}, line {line}: {error}"))
    else:
        reading.pictures.append(picture)

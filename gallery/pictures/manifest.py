"""A manifest: a CSV file that names pictures and whom they show."""

import csv
import io
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from ..atomic import replacing
from ..errors import LayoutError
from .labelled import LabelledPicture, Part, Reading, parse_time
from .typed import absolute

log = logging.getLogger("reid_gallery")

COLUMNS = ("path", "pid", "camera", "time", "tracklet", "frame", "source", "split")
"""Of these, path and pid are required; their order is free."""

MANIFEST_NAME = "manifest.csv"
"""What a manifest is called that lies in the folder of its pictures."""


def is_manifest(path: Path) -> bool:
    """Whether a path names a manifest, by its ending."""
    return path.suffix.lower() == ".csv"


def warn_of_unread_manifest(folder: Path) -> None:
    """Say that a folder has a manifest where its pictures are read without: cameras may be lost."""
    manifest = folder / MANIFEST_NAME
    if os.path.isfile(manifest):  # noqa: PTH113 - Path.is_file fails where one may not look
        log.warning("%s lies there and is not read; to read it, give it for its folder", manifest)


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
    except IsADirectoryError as error:
        raise LayoutError(f"{manifest}: is a folder; a manifest is a CSV file") from error
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
        source=labels["source"],
        split=cast(Part | None, labels["split"]),
    )


def _parse_frame(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"frame {text!r} is no whole number") from None


def write_manifest(manifest: Path, pictures: Sequence[LabelledPicture]) -> None:
    """Write what `read_manifest` reads; columns that no picture fills are left out.

    Paths below the manifest's folder become relative to it, so that both can be moved together;
    others are absolute. The file appears whole or not at all.

    Raises:
        OSError: it can't be written.
    """
    columns = [
        name
        for name in COLUMNS
        if name in {"path", "pid"} or any(getattr(p, name) is not None for p in pictures)
    ]
    lines = [columns, *([_cell(manifest, p, name) for name in columns] for p in pictures)]
    text = "".join(map(_write_line, lines))
    with replacing(manifest) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def _write_line(cells: list[str]) -> str:
    # Told that lines end with both, the writer quotes either inside a cell.
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n") + "\n"


def _cell(manifest: Path, picture: LabelledPicture, column: str) -> str:
    value = getattr(picture, column)
    if value is None:
        return ""
    if column == "time":
        return str(value.isoformat())
    return _write_path(manifest, value) if column == "path" else str(value)


def _write_path(manifest: Path, path: Path) -> str:
    folder, whole = absolute(manifest.parent), absolute(path)
    if not whole.is_relative_to(folder):
        return whole.as_posix()
    text = whole.relative_to(folder).as_posix()
    return f"./{text}" if text.startswith(" ") else text  # a reader skips blanks after a comma

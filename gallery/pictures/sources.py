"""From what a user types to pictures: files, folders, patterns, a list on stdin, a manifest."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TextIO

from ..errors import LayoutError
from .folders import Failures
from .labelled import Reading
from .layouts import NameLabels, Reader, find_layout, label_picture, warn_of_another_layout
from .manifest import is_manifest, read_manifest, warn_of_unread_manifest
from .typed import Place, absolute, find_places


def collect(
    paths: Sequence[str],
    *,
    pid: str | None = None,
    layout: str | None = None,
    manifest: Path | None = None,
    camera: str | None = None,
    time: datetime | None = None,
    tracklet: str | None = None,
    stdin: TextIO | None = None,
) -> Reading:
    """Find the pictures to enroll and whom they show.

    Whom a picture shows is told by ``pid`` (all show this person), by ``layout`` (the file names),
    by ``manifest``, and else by the folder the picture lies in: for ``crops`` with
    ``crops/0007/a.jpg`` in it, and for ``crops/0007`` or ``crops/0007/a.jpg`` alone, that is 0007.
    A folder whose pictures all lie directly in it is one person's; where others are deeper, those
    that lie directly in it are nobody's, and fail.

    Args:
        paths: files; folders, read with all that are in them; patterns (``*``, ``?``, ``[ab]``
            and ``**`` for any depth); ``-`` for a list on stdin, one of these a line; or one CSV
            alone, which is taken as ``manifest``.
        pid: the person of all pictures.
        layout: one of `LAYOUTS`.
        manifest: a CSV, see `read_manifest`; then there are no ``paths``.
        camera: of those pictures whose layout or manifest tells none; likewise ``time`` and
            ``tracklet``.
        time: see ``camera``.
        tracklet: see ``camera``.
        stdin: what ``-`` reads; None is the program's own.

    Returns:
        Pictures in the order typed, sorted within a folder or pattern; a file that is named twice
        is read once. What can't be found is in ``failed``.

    Raises:
        LayoutError: the options exclude each other, nothing was named or nothing of it can be
            used, the layout is unknown, or the manifest or the list on stdin can't be read.
    """
    if manifest is None and (typed := _typed_manifest(paths)):
        manifest, paths = typed, ()
    _check_options(paths, pid=pid, layout=layout, manifest=manifest)
    if manifest is not None:
        reading = read_manifest(manifest)
    else:
        for text in paths:
            warn_of_unread_manifest(Path(text))
        reading = _label(_places(paths, stdin), _choose_reader(pid, layout))
        if pid is None and layout is None:
            warn_of_another_layout(reading.pictures)
    _check_found(reading)
    return _fill_in(reading, camera=camera, time=time, tracklet=tracklet)


def collect_queries(
    paths: Sequence[str], stdin: TextIO | None = None
) -> tuple[list[Path], Failures]:
    """Find the pictures to ask about.

    Args:
        paths: as in `collect`; of a manifest the pictures alone count, not whom they show.
        stdin: what ``-`` reads; None is the program's own.

    Returns:
        The pictures in the order typed, sorted within a folder or pattern; a file typed again is
        asked about again, so that answers stay in step with questions. And what can't be found.

    Raises:
        LayoutError: nothing was named, or the manifest or the list on stdin can't be read.
    """
    if manifest := _typed_manifest(paths):
        reading = read_manifest(manifest)
        return [picture.path for picture in reading.pictures], reading.failed
    _check_options(paths)
    places = list(_places(paths, stdin))
    pictures = [picture for place in places for picture in place.pictures]
    failed = dict.fromkeys(failure for place in places for failure in place.failed)
    return pictures, list(failed)


def _typed_manifest(paths: Sequence[str]) -> Path | None:
    """The manifest that was typed where paths of pictures may stand."""
    typed = [Path(text) for text in paths if is_manifest(Path(text)) and not Path(text).is_dir()]
    if typed and len(paths) > 1:
        raise LayoutError(f"{typed[0]}: a manifest stands alone; leave out the other paths")
    return typed[0] if typed else None


def _check_options(
    paths: Sequence[str],
    *,
    pid: str | None = None,
    layout: str | None = None,
    manifest: Path | None = None,
) -> None:
    options = {"pid": pid, "layout": layout, "manifest": manifest}
    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise LayoutError(
            f"{' and '.join(given)} exclude each other: each tells whom pictures show; give one"
        )
    if manifest is not None and paths:
        raise LayoutError(f"the manifest {manifest} names the pictures; leave out {paths[0]}")
    if manifest is None and not paths:
        raise LayoutError("no picture was named; name files, folders or patterns, or - for stdin")
    if any(isinstance(path, str) and not path.strip() for path in paths):
        raise LayoutError("an empty path was named; this folder is .")
    if pid is not None and not isinstance(pid, str):
        raise LayoutError(f"the pid must be text, not {pid!r}")
    if pid is not None and not pid.strip():
        raise LayoutError("the pid is empty; every picture needs a person")


def _choose_reader(pid: str | None, layout: str | None) -> Reader:
    if pid is None:
        return find_layout(layout or "folders")
    labels = NameLabels(pid=pid)
    return lambda _: labels


def _places(paths: Sequence[str], stdin: TextIO | None) -> Iterator[Place]:
    for text in paths:
        for line in _lines(stdin or sys.stdin) if text == "-" else [text]:
            yield from find_places(line)


def _lines(stdin: TextIO) -> list[str]:
    try:
        lines = [line.rstrip("\r\n") for line in stdin]
    except UnicodeDecodeError as error:
        raise LayoutError(f"stdin: the list of paths is not {error.encoding}") from error
    if any("\0" in line for line in lines):
        raise LayoutError("stdin: - reads a list of paths, one a line, and this is none")
    if not any(lines):
        raise LayoutError("stdin: the list of paths is empty; one a line is read from it")
    return [line for line in lines if line]


def _label(places: Iterator[Place], reader: Reader) -> Reading:
    reading = Reading()
    seen: set[Path] = set()
    for place in places:
        reading.failed.extend(place.failed)
        for picture in place.pictures:
            whole = absolute(picture)
            if whole not in seen:
                seen.add(whole)
                label_picture(reader, picture, whole.relative_to(place.root), reading)
    return replace(reading, failed=list(dict.fromkeys(reading.failed)))


def _check_found(reading: Reading) -> None:
    """One bad path never stops the others, but here there are no others."""
    if reading.pictures or reading.ignored or not reading.failed:
        return
    more = len(reading.failed) - 1
    raise LayoutError(reading.failed[0][1] + (f" (and {more:,} more failed)" if more else ""))


def _fill_in(
    reading: Reading, *, camera: str | None, time: datetime | None, tracklet: str | None
) -> Reading:
    """Give the labels to the pictures that have none of their own."""
    pictures = [
        replace(
            picture,
            camera=picture.camera or camera,
            time=picture.time or time,
            tracklet=picture.tracklet or tracklet,
        )
        for picture in reading.pictures
    ]
    return replace(reading, pictures=pictures)

"""Graphs that ONNX Runtime has optimised, kept for the next time: a model opens with less memory.

They lie in the user's cache directory, ``reid-gallery/graphs``, and may be deleted at any time.
Each belongs to one model file, one version of ONNX Runtime and one kind of processor, and carries
the hash of its content in its name: one that is torn or was changed is not used. That hash proves
nothing against malice, so where others may write nothing is kept or used. Where nothing can be
kept, models are opened as they are.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .hashing import hash_file

_KEPT = 8
"""Graphs at most; the least recently used go. One of the shipped model takes 13 MB."""
_LARGEST_MIB = 256
"""Of a larger model the graph isn't kept: its pictures take far longer than opening it."""
_ELSEWHERE = b"\x08location"
"""What an ONNX file holds if some weights lie in another file: a key, after its length."""


def find_graph(key: str) -> Path | None:
    """The graph that was kept under ``key``, checked; None if there is none."""
    with suppress(OSError, RuntimeError):  # there is no home, or it can't be read
        folder = _folder()
        if not _is_ours(folder):
            return None
        for path in sorted(folder.glob(f"{key}-*.onnx")):
            with path.open("rb") as file:
                if path.stem.rpartition("-")[2] == hash_file(file):
                    with suppress(OSError):  # it is another's, and still good
                        os.utime(path)
                    return path
            path.unlink()
    return None


@contextmanager
def keeping_graph(key: str, model: Path) -> Iterator[Path | None]:
    """Give a name to write the graph of ``model`` to, and keep it under ``key``.

    Gives None where nothing can be kept. What goes wrong afterwards is of no consequence, and
    passes silently; what the block raises doesn't.
    """
    temporary = _temporary(key, model)
    try:
        yield temporary
        if temporary is not None:
            with suppress(OSError):
                _keep(temporary, key)
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def graph_key(sha256: str, runtime: str) -> str:
    """What a graph depends on: the model's hash, the runtime's version and the processor."""
    environment = f"{runtime} {_processor()}"
    return f"{sha256[:16]}-{hashlib.sha256(environment.encode()).hexdigest()[:16]}"


def _folder() -> Path:
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = given if given.is_absolute() else Path.home() / ".cache"  # its rules: relative is none
    return base / "reid-gallery" / "graphs"


def _is_ours(folder: Path) -> bool:
    """Whether nobody else can have put a graph there; root could do worse."""
    status = folder.stat()
    return status.st_uid in {0, os.geteuid()} and not status.st_mode & 0o022


def _has_weights_elsewhere(model: Path) -> bool:
    """Whether the file alone, and so its hash, doesn't say what the graph is."""
    return _ELSEWHERE in model.read_bytes()


def _temporary(key: str, model: Path) -> Path | None:
    try:
        if model.stat().st_size > _LARGEST_MIB * 2**20 or _has_weights_elsewhere(model):
            return None
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(folder):
            return None
        temporary = folder / f".{key}.{secrets.token_hex(4)}.part.onnx"
        temporary.touch(exist_ok=False)
    except (OSError, RuntimeError):  # there is no home, or nothing can be written there
        return None
    return temporary


def _keep(temporary: Path, key: str) -> None:
    # If another process was quicker, what it made need not be of the same bytes, nor of this name.
    if find_graph(key) is not None:
        return
    with temporary.open("rb") as file:
        digest = hash_file(file)
    temporary.replace(temporary.with_name(f"{key}-{digest}.onnx"))
    kept = sorted(temporary.parent.glob("*.onnx"), key=lambda path: path.stat().st_mtime)
    for old in kept[:-_KEPT]:
        old.unlink(missing_ok=True)


def _processor() -> str:
    """What tells processors apart whose optimised graphs may differ."""
    machine = os.uname().machine
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            first = file.read(1 << 14).split("\n\n", 1)[0]
    except OSError:  # not on every system
        return machine
    told = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU part")
    return "\n".join([machine, *(line for line in first.splitlines() if line.startswith(told))])

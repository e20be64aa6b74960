"""Which kinds of index there are, and how one is made or opened by its name."""

from pathlib import Path

from .errors import IndexFileError, IndexValueError
from .file import read_header
from .flat import FlatIndex
from .protocol import Stamp, VectorIndex

DEFAULT_KIND = FlatIndex.kind

_KINDS: dict[str, type[VectorIndex]] = {FlatIndex.kind: FlatIndex}


def kinds() -> tuple[str, ...]:
    """Names that `new_index` takes."""
    return tuple(_KINDS)


def new_index(dim: int, kind: str = DEFAULT_KIND) -> VectorIndex:
    """An empty index of vectors of length ``dim``; `IndexValueError` for an unknown kind."""
    if kind not in _KINDS:
        raise IndexValueError(f"no index is called {kind!r}; there are: {', '.join(_KINDS)}")
    return _KINDS[kind](dim)


def open_index(path: Path, *, kind: str | None = None, mmap: bool = True) -> VectorIndex:
    """Open a saved index; see `VectorIndex.load`.

    Args:
        path: the file.
        kind: the only kind that will do; None takes whatever the file is.
        mmap: leave the vectors in the file.

    Raises:
        IndexFileError: it is missing, torn, of another kind, or none that this version knows.
    """
    found = read_header(path).kind
    if found not in _KINDS or found != (kind or found):
        wanted = kind or " or ".join(_KINDS)
        raise IndexFileError(f"{path}: an index of kind {found!r}, not {wanted}; build it again")
    return _KINDS[found].load(path, mmap=mmap)


def read_stamp(path: Path) -> Stamp:
    """The stamp of a saved index, from the first page of its file alone.

    Raises:
        IndexFileError: as `open_index`.
    """
    return read_header(path).stamp

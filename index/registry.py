"""Which kinds of index there are, and how one is made or opened by its name."""

from pathlib import Path

from .certified import CertifiedIndex
from .errors import IndexFileError, IndexValueError
from .file import read_header
from .flat import FlatIndex
from .protocol import RowsOf, Stamp, VectorIndex
from .twostage import TwoStageIndex

DEFAULT_KIND = FlatIndex.kind

_KINDS: dict[str, type[VectorIndex]] = {
    backend.kind: backend for backend in (FlatIndex, CertifiedIndex, TwoStageIndex)
}


def kinds() -> tuple[str, ...]:
    """Names that `new_index` takes."""
    return tuple(_KINDS)


def new_index(dim: int, kind: str = DEFAULT_KIND, *, rows: RowsOf | None = None) -> VectorIndex:
    """An empty index; see `VectorIndex.__init__`. `IndexValueError` for an unknown kind."""
    if kind not in _KINDS:
        raise IndexValueError(f"no index is called {kind!r}; there are: {', '.join(_KINDS)}")
    return _KINDS[kind](dim, rows)


def open_index(
    path: Path, *, kind: str | None = None, mmap: bool = True, rows: RowsOf | None = None
) -> VectorIndex:
    """Open a saved index; see `VectorIndex.load`.

    Args:
        path: the file.
        kind: the only kind that will do; None takes whatever the file is.
        mmap: leave what is large in the file.
        rows: whence the vectors come if the file doesn't hold them.

    Raises:
        IndexFileError: it is missing, torn, of another kind, or none that this version knows.
    """
    found = read_header(path).kind
    if found not in _KINDS or found != (kind or found):
        wanted = kind or " or ".join(_KINDS)
        raise IndexFileError(f"{path}: an index of kind {found!r}, not {wanted}; build it again")
    return _KINDS[found].load(path, mmap=mmap, rows=rows)


def read_stamp(path: Path) -> Stamp:
    """The stamp of a saved index, from the first page of its file alone.

    Raises:
        IndexFileError: as `open_index`.
    """
    return read_header(path).stamp

"""What every index can do, whatever searches behind it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
"""int64[n], each in [0, 2**63)."""

Vectors = npt.NDArray[np.float32]
"""float32[n, d]."""

RowsOf = Callable[[Ids], Vectors]
"""Where an index that keeps no vectors takes them from: int64[m], ascending, distinct, all of them
added and not removed, to float32[m, d], the very rows that were added under these ids."""

Stamp = Mapping[str, int | str]
"""A few facts that the owner keeps with a saved index, such as a sequence number."""

NO_ID = -1
"""Stands in `Hits.ids` where there is no hit; its score is -inf."""


@dataclass(frozen=True, eq=False)
class Hits:
    """What a search found, best first.

    Attributes:
        ids: int64[q, k]; -1 where fewer than k rows exist.
        scores: float32[q, k], inner products, descending; -inf where the id is -1. Of equal scores
            the smaller id comes first; which of them are among the k is not promised.
    """

    ids: Ids
    scores: Vectors

    @classmethod
    def none(cls, queries: int, k: int) -> Self:
        """``queries`` rows without a hit."""
        ids = np.full((queries, k), NO_ID, dtype=np.int64)
        return cls(ids=ids, scores=np.full((queries, k), -np.inf, dtype=np.float32))


class VectorIndex(Protocol):
    """Unit vectors under stable ids, searched by inner product.

    The caller's arrays are never changed, nor kept. An argument that is refused
    (`IndexValueError`) leaves the index as it was. dtypes are not converted silently.

    Threads: any number may call any method at once. A search answers from the rows present when
    it began; writers wait for each other and never hold up a search. Between processes only files
    are shared, see `save`.
    """

    kind: ClassVar[str]
    """The name of the backend, written into its files."""

    def __init__(self, dim: int, rows: RowsOf | None = None) -> None:
        """Make an empty index.

        Args:
            dim: length of a vector.
            rows: whence the vectors come when they are needed; then the index need not keep them
                (`FlatIndex` does all the same). None: it keeps them.
        """
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    @property
    def stamp(self) -> Stamp:
        """What was given to the `save` whose file this was loaded from; empty for a new index."""
        ...

    def __len__(self) -> int: ...

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add rows.

        Args:
            ids: int64[n], not negative, distinct and none of them present.
            vectors: float32[n, d], unit rows.
        """
        ...

    def remove(self, ids: Ids) -> int:
        """Remove rows; ids that are not present are ignored.

        Args:
            ids: int64[n].

        Returns:
            How many rows were removed.
        """
        ...

    def search(self, queries: Vectors, k: int, *, allowed: Ids | None = None) -> Hits:
        """Find the k rows of the highest inner product with each query.

        Args:
            queries: float32[q, d], finite.
            k: at least 1; may be larger than the index.
            allowed: int64[m], only these are considered, in any order, unknown ones ignored; None
                is no filter. Sorted, it is used as it is. Never fewer than k hits where k exist.

        Returns:
            Hits of q rows and k columns.
        """
        ...

    def ids(self) -> Ids:
        """int64[n], ascending, of the rows present."""
        ...

    def vectors(self, ids: Ids) -> Vectors:
        """The very rows that were added, float32[n, d], in the order asked.

        Args:
            ids: int64[n]; repetitions allowed, an unknown one is an `IndexValueError`.
        """
        ...

    def holds(self, ids: Ids, vectors: Vectors) -> npt.NDArray[np.bool_]:
        """Tell which rows are those that were added, as far as what the index keeps can tell.

        Args:
            ids: int64[n], all present.
            vectors: float32[n, d], unit rows.

        Returns:
            bool[n].
        """
        ...

    def save(self, path: Path, stamp: Stamp | None = None) -> None:
        """Write the rows present, and nothing of removed ones, to one file that replaces ``path``.

        Whoever reads ``path`` at any instant, after a crash too, finds the old file or the new
        one, whole. ``path`` may be the file that this index, or another process, has mapped: what
        is mapped stays valid. One saver of a path at a time; what a killed one left is deleted.

        Raises:
            IndexFileError: the file can't be written; the old one still stands.
        """
        ...

    @classmethod
    def load(cls, path: Path, *, mmap: bool = True, rows: RowsOf | None = None) -> Self:
        """Open a saved index; it can be searched, added to and removed from like a new one.

        Args:
            path: a file written by `save`; it isn't changed.
            mmap: leave the vectors in the file and let the system page them in (and share them
                between processes) rather than read them. Never truncate or overwrite a mapped
                file in place: replacing or deleting it is safe (POSIX).
            rows: as for a new index; not used if the file holds the vectors.

        Raises:
            IndexFileError: it is missing, torn, no index file, or of another kind.
        """
        ...

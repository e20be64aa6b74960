"""Sparse rows: the little of a compressed matrix that re-ranking needs, in numpy."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .counting import Rows, Scores
from .relevance import expand

Columns = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """Rows of a matrix without its zeros.

    Attributes:
        starts: int64[n + 1]: where each row begins in the other two, and the end.
        columns: int32[m], ascending in each row.
        values: float32[m].
    """

    starts: Rows
    columns: Columns
    values: Scores

    def row(self, number: int) -> tuple[Columns, Scores]:
        """Return the columns and values of a row."""
        some = slice(self.starts[number], self.starts[number + 1])
        return self.columns[some], self.values[some]

    def gather(self, rows: Rows) -> tuple[Rows, Rows]:
        """Find the entries of several rows: whose (a place in ``rows``), and where each is."""
        owners, nth = expand(self.starts[rows + 1] - self.starts[rows])
        return owners, self.starts[rows][owners] + nth

    def take(self, rows: Rows) -> "SparseRows":
        """Return some rows, in the order asked."""
        owners, places = self.gather(rows)
        return SparseRows(starts_of(owners, len(rows)), self.columns[places], self.values[places])

    def transpose(self, width: int) -> "SparseRows":
        """Return the matrix's columns, ``width`` of them, as rows."""
        order = np.argsort(self.columns, kind="stable")
        owners = np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), np.diff(self.starts))
        return SparseRows(starts_of(self.columns, width), owners[order], self.values[order])


def stack(blocks: Iterable[SparseRows]) -> SparseRows:
    """Put blocks of rows below one another."""
    parts = list(blocks)
    lengths = np.concatenate([np.diff(part.starts) for part in parts])
    return SparseRows(
        np.concatenate([[0], np.cumsum(lengths)]),
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def starts_of(owners: npt.NDArray[np.integer], rows: int) -> Rows:
    """Where each of so many rows starts, if entries are in row order."""
    counts = np.bincount(owners, minlength=rows)
    return np.concatenate([[0], np.cumsum(counts)])

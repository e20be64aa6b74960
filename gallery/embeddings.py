"""Embeddings that come from outside: checked before they touch the gallery."""

from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import EmbeddingError

UNIT_TOLERANCE = 1e-3
"""How far a row's length may be from 1: half-precision extractors are within it."""


def find_not_unit(
    rows: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Return which rows of float32[n, d] aren't unit vectors, and the lengths float32[n] of all."""
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    return np.flatnonzero(~(np.abs(lengths - 1) <= UNIT_TOLERANCE)), lengths  # NaN is wrong, too


def check_dim(rows: npt.NDArray[Any], dim: int, *, name: str = "embeddings") -> None:
    """Refuse float[n, d] rows of another d than ``dim``; see `check_embeddings`.

    Raises:
        EmbeddingError: they are.
    """
    if rows.shape[1] != dim:
        raise EmbeddingError(f"{name}: {rows.shape[1]} dimensions where {dim} are needed")


def check_embeddings(
    embeddings: npt.NDArray[Any], *, dim: int | None = None, name: str = "embeddings"
) -> npt.NDArray[np.float32]:
    """Return ``embeddings`` as float32[n, d] unit rows; the caller's array is not changed.

    Rows that are nearly unit (within a thousandth) are kept to the bit, not normalised again.

    Args:
        embeddings: float[n, d].
        dim: what d must be; None: whatever it is.
        name: what an error calls them.

    Raises:
        EmbeddingError: they aren't a matrix of floats, not finite, not unit, or not of ``dim``.
    """
    rows = np.asarray(embeddings)
    if rows.ndim != 2 or rows.dtype.kind != "f" or not rows.shape[1]:
        raise EmbeddingError(f"{name}: float32[n, d] is needed, not {rows.dtype}{list(rows.shape)}")
    if dim is not None:
        check_dim(rows, dim, name=name)
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    wrong, lengths = find_not_unit(rows)
    if len(wrong):
        raise EmbeddingError(
            f"{name}: {len(wrong)} of {len(rows)} rows aren't unit vectors (row {wrong[0]} has "
            f"length {lengths[wrong[0]]:.4g}); divide each by its length"
        )
    return rows

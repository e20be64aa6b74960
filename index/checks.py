"""Refuse wrong arguments before anything is touched."""

import operator
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from .errors import IndexValueError
from .protocol import Ids, Stamp, Vectors

NORM_TOLERANCE = 1e-3
"""How far a row's length may be from 1; a vector that went through float16 is within it."""


def check_dim(dim: int) -> int:
    """A positive whole number."""
    return _whole("dim", dim)


def check_k(k: int) -> int:
    """A positive whole number."""
    return _whole("k", k)


def check_ids(ids: Ids, *, name: str = "ids") -> Ids:
    """int64[n], contiguous; any values."""
    _check_array(name, ids, dtype=np.int64, ndim=1)
    return np.ascontiguousarray(ids)


def check_new_ids(ids: Ids) -> Ids:
    """int64[n], contiguous, not negative, distinct."""
    ids = check_ids(ids)
    ascending = np.sort(ids)
    if len(ids) and ascending[0] < 0:
        raise IndexValueError(f"ids must not be negative; got {ascending[0]}")
    repeated = ascending[1:][ascending[1:] == ascending[:-1]]
    if len(repeated):
        raise IndexValueError(f"ids must be distinct; {repeated[0]} is given more than once")
    return ids


def check_unit_rows(vectors: Vectors, *, dim: int, count: int) -> Vectors:
    """float32[count, dim], contiguous, each row of length 1."""
    _check_matrix("vectors", vectors, dim=dim)
    if len(vectors) != count:
        raise IndexValueError(f"as many vectors as ids, please: {len(vectors)} against {count}")
    lengths = np.sqrt(_squares(vectors))
    # Written so that NaN fails too.
    wrong = np.flatnonzero(~(np.abs(lengths - 1.0) <= NORM_TOLERANCE))
    if len(wrong):
        raise IndexValueError(
            f"vectors must be finite rows of length 1; row {wrong[0]} has length "
            f"{lengths[wrong[0]]:g} ({len(wrong)} such rows): divide each row by its length"
        )
    return np.ascontiguousarray(vectors)


def check_queries(queries: Vectors, *, dim: int) -> Vectors:
    """float32[q, dim], contiguous, finite (and not so large that a product could overflow)."""
    _check_matrix("queries", queries, dim=dim)
    wrong = np.flatnonzero(~np.isfinite(_squares(queries)))
    if len(wrong):
        raise IndexValueError(f"queries must be finite; row {wrong[0]} isn't")
    return np.ascontiguousarray(queries)


def check_stamp(stamp: Stamp | None) -> dict[str, int | str]:
    """A copy of a mapping from text to whole numbers and text."""
    if stamp is None:
        return {}
    if not isinstance(stamp, Mapping):
        raise IndexValueError(f"stamp must be a mapping; got {type(stamp).__name__}")
    for key, value in stamp.items():
        if not isinstance(key, str) or isinstance(value, bool) or not isinstance(value, int | str):
            raise IndexValueError(f"stamp holds text keys with whole numbers or text; got {key!r}")
    return dict(stamp)


def _whole(name: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise IndexValueError(f"{name} must be a whole number from 1 up; got {value!r}")
    return number


def _check_matrix(name: str, value: Vectors, *, dim: int) -> None:
    _check_array(name, value, dtype=np.float32, ndim=2)
    if value.shape[1] != dim:
        raise IndexValueError(f"{name} must have {dim} columns; got {value.shape[1]}")


def _check_array(name: str, value: object, *, dtype: npt.DTypeLike, ndim: int) -> None:
    wanted = f"{np.dtype(dtype).name}[{'n, d' if ndim == 2 else 'n'}]"
    if not isinstance(value, np.ndarray):
        raise IndexValueError(f"{name} must be an array {wanted}; got {type(value).__name__}")
    if value.dtype != dtype or value.ndim != ndim:
        got = f"{value.dtype.name}{list(value.shape)}"
        raise IndexValueError(f"{name} must be {wanted}; got {got}: convert it first")


def _squares(rows: Vectors) -> Vectors:
    """float32[n], squared lengths; overflow becomes inf, quietly."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares: Vectors = np.einsum("ij,ij->i", rows, rows)
    return squares

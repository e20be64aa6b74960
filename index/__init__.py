"""Vectors under stable ids, searched by inner product; nothing here knows what they stand for."""

from .errors import IndexEngineError, IndexFileError, IndexValueError, VectorIndexError
from .protocol import NO_ID, Hits, Stamp, VectorIndex
from .registry import DEFAULT_KIND, kinds, new_index, open_index, read_stamp

__all__ = [
    "DEFAULT_KIND",
    "NO_ID",
    "Hits",
    "IndexEngineError",
    "IndexFileError",
    "IndexValueError",
    "Stamp",
    "VectorIndex",
    "VectorIndexError",
    "kinds",
    "new_index",
    "open_index",
    "read_stamp",
]

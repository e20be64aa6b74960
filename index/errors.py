"""What can go wrong in an index; each says what, where and what to do.

    VectorIndexError
    ├── IndexValueError    an argument of the wrong shape, dtype or value (also a ValueError)
    ├── IndexFileError     a file is missing, torn, of another kind, or can't be written
    └── IndexEngineError   the library behind a backend isn't installed (also an ImportError)

An index knows nothing of a gallery, so these stand beside the gallery's own errors.
"""


class VectorIndexError(Exception):
    """Base of every expected error of an index."""


class IndexValueError(VectorIndexError, ValueError):
    """An argument of the wrong shape, dtype or value; the index is as it was."""


class IndexFileError(VectorIndexError):
    """A file is missing, torn, of another kind, or can't be written."""


class IndexEngineError(VectorIndexError, ImportError):
    """The library behind a backend isn't installed."""

"""A model loaded while the rest of the program is still being imported.

Making a session takes a fifth of a cold query, and doesn't hold the interpreter's lock.
"""

import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ..errors import ModelError
from .models import resolve_model
from .onnx_extractor import Extractor


class EarlyExtractor:
    """Begins to load the model that a store will ask for; called as `Extractor.load` is.

    It is a guess: asked for another file, it loads that one, and only what is asked for can fail.

    Args:
        database: of the store; it may be missing.
        model: the file that the user named, if any.
    """

    def __init__(self, database: Path, model: Path | None) -> None:
        self._path = _guess(database, model)
        self._loading: Future[Extractor] | None = None
        if self._path is not None:
            import onnxruntime  # noqa: F401, PLC0415 (here, or the thread would fight for the lock)

            pool = ThreadPoolExecutor(1, thread_name_prefix="model")
            self._loading = pool.submit(Extractor.load, self._path)
            pool.shutdown(wait=False)

    def __call__(self, path: str | Path) -> Extractor:
        """Return the model in ``path``; see `Extractor.load` for what is raised."""
        if self._loading is not None and Path(path) == self._path:
            return self._loading.result()
        return Extractor.load(path)


def _guess(database: Path, model: Path | None) -> Path | None:
    try:
        if model is not None:
            return resolve_model(model)
        pinned = _pinned_path(database)
        return pinned if pinned is not None and pinned.is_file() else resolve_model(None)
    except (ModelError, sqlite3.Error, OSError):
        return None  # what is wrong is said by whoever needs the model


def _pinned_path(database: Path) -> Path | None:
    """Where the store's model was last seen, read without opening the store as such.

    The statement stands here because the store's modules with theirs aren't imported yet.
    """
    if not database.is_file():
        return None
    sqlite = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    try:
        row = sqlite.execute("SELECT model_path FROM generations WHERE current = 1").fetchone()
    finally:
        sqlite.close()
    return Path(row[0]) if row and row[0] else None

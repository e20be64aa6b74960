"""A store is a directory: one SQLite database, the truth, and a folder of derived index files."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError

ENVIRONMENT = "REID_GALLERY_STORE"
"""Where commands look for a store's name that isn't told one."""

DATABASE_NAME = "gallery.sqlite3"
INDEX_FOLDER = "index"


@dataclass(frozen=True, slots=True)
class StoreDirectory:
    """Where the parts of a store lie."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file; beside it SQLite keeps its own ``-wal`` and ``-shm`` files."""
        return self.root / DATABASE_NAME

    @property
    def index_folder(self) -> Path:
        """Derived files; deleting them loses nothing."""
        return self.root / INDEX_FOLDER

    @property
    def rebuild_lock(self) -> Path:
        """Held while pictures are embedded again with another model."""
        return self.root / "rebuild.lock"

    def create(self) -> None:
        """Make the folders of a store that isn't there.

        Raises:
            StoreError: the path can't be a store: a file, unwritable, or a folder of other things.
        """
        try:
            self._check_free()
            if not self.database.exists():  # a store that is there may be read-only
                self.index_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.root}: the store can't be made here ({error.strerror}); "
                "name a writable folder"
            ) from error

    def _check_free(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise StoreError(f"{self.root}: a file lies where the store should be; name a folder")
        if not self.root.is_dir() or self.database.exists():
            return
        # These alone are a store that another process is making, or was making.
        own = (INDEX_FOLDER, DATABASE_NAME, f"{DATABASE_NAME}-wal", f"{DATABASE_NAME}-shm")
        if any(path.name not in own for path in self.root.iterdir()):
            raise StoreError(
                f"{self.root}: this folder has other files and no store in it; "
                "name an empty or a new folder"
            )

    def require(self) -> None:
        """Check that there is a store.

        Raises:
            StoreError: there is none, or it can't be seen.
        """
        try:
            there = self.database.is_file()
        except OSError as error:
            raise StoreError(f"{self.root}: can't be looked at ({error.strerror})") from error
        if not there:
            raise StoreError(
                f"{self.root}: no store here; make one with "
                f"reid-gallery enroll --store {shlex.quote(str(self.root))} CROPS"
            )


def default_store() -> Path:
    """Where a store lies when nobody says: below the user's data directory."""
    if sys.platform == "darwin":
        base = _home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or _home() / ".local" / "share")
    return base / "reid-gallery"


def _home() -> Path:
    """The user's home; of a user who has none, as in containers, one where nothing is."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")

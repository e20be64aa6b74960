"""The database's schema as numbered steps; a step is never changed once it was released."""

import sqlite3

from ..errors import StoreError
from .connection import Connection

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # `revision` counts the write transactions.
        "CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), revision INT)",
        "INSERT INTO state VALUES (1, 0)",
        # A generation is one set of vectors, all made by one model, in a table vectors_<id>.
        """CREATE TABLE generations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            model TEXT NOT NULL,       -- the model's sha256, or 'external': made elsewhere
            model_name TEXT NOT NULL,
            model_path TEXT,           -- where the file was last seen: a hint
            dim INTEGER NOT NULL,
            calibration TEXT,          -- JSON, from the model: what decides known or unknown
            current INTEGER NOT NULL CHECK (current IN (0, 1)),
            created_us INTEGER NOT NULL)""",
        "CREATE UNIQUE INDEX one_current ON generations (current) WHERE current = 1",
        "CREATE TABLE identities (id INTEGER PRIMARY KEY AUTOINCREMENT, pid TEXT NOT NULL UNIQUE)",
        """CREATE TABLE changes (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            time_us INTEGER NOT NULL,
            detail TEXT NOT NULL,      -- JSON
            undone_by INTEGER REFERENCES changes (seq))""",
        """CREATE TABLE sightings (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            identity_id INTEGER NOT NULL REFERENCES identities (id),
            change_seq INTEGER NOT NULL REFERENCES changes (seq),
            content BLOB,              -- sha256 of the picture
            path TEXT,
            camera TEXT,
            time_us INTEGER,           -- since 1970, UTC
            tracklet TEXT)""",
        "CREATE UNIQUE INDEX sightings_content ON sightings (content) WHERE content IS NOT NULL",
        "CREATE INDEX sightings_identity ON sightings (identity_id)",
        # Which sightings a change moved between identities: what undo needs.
        """CREATE TABLE moves (
            seq INTEGER NOT NULL REFERENCES changes (seq),
            sighting_id INTEGER NOT NULL,
            from_identity INTEGER NOT NULL,
            to_identity INTEGER NOT NULL,
            PRIMARY KEY (seq, sighting_id)) WITHOUT ROWID""",
        # Ids of sightings that are gone, in order: what an index must forget to catch up.
        "CREATE TABLE removals (id INTEGER PRIMARY KEY AUTOINCREMENT, sighting_id INTEGER)",
    ),
)


def migrate(connection: Connection) -> None:
    """Bring the schema up to date, each step in a transaction of its own.

    Raises:
        StoreError: the store was made by a newer version.
    """
    with connection.reading() as sqlite:
        version = _version(sqlite)
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{connection.path.parent}: made by a newer version of reid-gallery "
            f"(schema {version}, this one knows {len(MIGRATIONS)}); upgrade with pip install -U"
        )
    while version < len(MIGRATIONS):
        with connection.writing() as sqlite:
            version = _version(sqlite)  # another process may have been faster
            if version < len(MIGRATIONS):
                for statement in MIGRATIONS[version]:
                    sqlite.execute(statement)
                version += 1
                sqlite.execute(f"PRAGMA user_version = {version}")


def _version(sqlite: sqlite3.Connection) -> int:
    return int(sqlite.execute("PRAGMA user_version").fetchone()[0])

"""Which model made the vectors that answer, and the set that a rebuild is making."""

import sqlite3
from dataclasses import asdict, dataclass, replace

from ..times import now_microseconds
from . import vectors

EXTERNAL = "external"
"""The model of embeddings that were made elsewhere."""

_COLUMNS = ("id", "model", "model_name", "model_path", "dim", "calibration")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPin:
    """What a store remembers of a model.

    Attributes:
        model: its sha256, or `EXTERNAL`.
        model_name: for people.
        model_path: where its file was last seen; a hint.
        dim: of its vectors.
        calibration: as in its ModelSpec, JSON; None when it has none.
    """

    model: str
    model_name: str
    model_path: str | None
    dim: int
    calibration: str | None = None

    @property
    def external(self) -> bool:
        """Whether the vectors were made elsewhere, by an extractor that isn't here."""
        return self.model == EXTERNAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation(ModelPin):
    """One set of vectors and the model that made them all."""

    id: int

    def lacks(self, pin: ModelPin) -> bool:
        """Whether something of its model is known to ``pin`` alone, or where its file is now."""
        calibration = self.calibration is None and pin.calibration is not None
        return calibration or pin.model_path not in (None, self.model_path)


def current_generation(sqlite: sqlite3.Connection) -> Generation | None:
    """Return the generation that answers, or None before the first enrolment."""
    return _find(sqlite, "current = 1")


def building_generation(sqlite: sqlite3.Connection) -> Generation | None:
    """Return the generation that an unfinished rebuild has begun."""
    return _find(sqlite, "current = 0")


def add_generation(sqlite: sqlite3.Connection, pin: ModelPin, *, current: bool) -> Generation:
    """Make a generation and its empty table."""
    values = {**asdict(pin), "current": int(current), "created_us": now_microseconds()}
    cursor = sqlite.execute(
        "INSERT INTO generations (model, model_name, model_path, dim, calibration, current,"
        " created_us) VALUES (:model, :model_name, :model_path, :dim, :calibration, :current,"
        " :created_us)",
        values,
    )
    generation = int(cursor.lastrowid or 0)
    vectors.create_table(sqlite, generation)
    return Generation(id=generation, **asdict(pin))


def complete_generation(
    sqlite: sqlite3.Connection, generation: Generation, pin: ModelPin
) -> Generation:
    """Take from ``pin``, of the same model, what isn't known of it yet, and where its file is."""
    sqlite.execute(
        "UPDATE generations SET calibration = coalesce(calibration, ?),"
        " model_path = coalesce(?, model_path) WHERE id = ?",
        (pin.calibration, pin.model_path, generation.id),
    )
    return replace(
        generation,
        calibration=generation.calibration or pin.calibration,
        model_path=pin.model_path or generation.model_path,
    )


def set_calibration(
    sqlite: sqlite3.Connection, generation: Generation, calibration: str | None
) -> None:
    """Keep a calibration, JSON, beside the vectors that it holds for."""
    sqlite.execute(
        "UPDATE generations SET calibration = ? WHERE id = ?", (calibration, generation.id)
    )


def drop_generation(sqlite: sqlite3.Connection, generation: Generation) -> None:
    """Delete a generation with its vectors."""
    vectors.drop_table(sqlite, generation.id)
    sqlite.execute("DELETE FROM generations WHERE id = ?", (generation.id,))


def switch_generation(sqlite: sqlite3.Connection, old: Generation | None, new: Generation) -> None:
    """Let ``new`` answer and delete ``old``, if there is one; both happen, or neither."""
    if old is not None:
        drop_generation(sqlite, old)
    sqlite.execute("UPDATE generations SET current = 1 WHERE id = ?", (new.id,))


def _find(sqlite: sqlite3.Connection, where: str) -> Generation | None:
    row = sqlite.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM generations WHERE {where}"  # noqa: S608 (constants)
        " ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return Generation(**dict(zip(_COLUMNS, row, strict=True))) if row else None

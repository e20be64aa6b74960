"""Export and import: all sightings with their vectors as CSV or Parquet.

Columns: pid, path, camera, time (ISO 8601), tracklet, content (sha256 of the picture, hex), model
(sha256, or ``external``), vector (d numbers; in CSV separated by spaces, written so that they read
back to the bit).
"""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .atomic import replacing
from .embeddings import check_embeddings
from .enrolling import enroll_new
from .errors import LabelError, LayoutError, ReidGalleryError
from .loading import in_batches
from .model_choice import external_pin, known_pin
from .store.generations import EXTERNAL, Generation, ModelPin, current_generation
from .store.sightings import NewSighting, load_contents, sightings_with_vectors
from .store.store import Store
from .store.vectors import read_blocks
from .types import EnrollReport

COLUMNS = ("pid", "path", "camera", "time", "tracklet", "content", "model", "vector")
Record = dict[str, Any]

_BLOCK = 4096
"""Sightings that a Parquet file holds, or is read, together."""


def export(store: Store, path: Path) -> int:
    """Write everything to ``path``; its ending, .csv or .parquet, tells the format.

    The file appears only when it is complete.

    Raises:
        LayoutError: another ending, or the file can't be written.
        ReidGalleryError: .parquet without pyarrow.
        StoreDamagedError: what is stored contradicts itself.
    """
    write = {".csv": _write_csv, ".parquet": _write_parquet}.get(path.suffix.lower())
    if write is None:
        raise LayoutError(f"{path}: an export ends in .csv or .parquet")
    if not path.parent.is_dir():
        raise LayoutError(f"{path}: there is no folder {path.parent}; make it first")
    try:
        with replacing(path) as temporary, store.snapshot() as sqlite:
            generation = current_generation(sqlite)
            records = _records(sqlite, generation) if generation else iter(())
            count = write(temporary, records, generation.dim if generation else 0)
    except OSError as error:
        raise LayoutError(f"{path}: can't be written ({error.strerror or error})") from error
    return count


def import_file(store: Store, path: Path, *, pin: Callable[[ModelPin], Generation]) -> EnrollReport:
    """Enroll every row of an exported file, in one transaction.

    A picture that is enrolled already is skipped, or reported when it is someone else's.

    Args:
        store: is written to.
        path: the file.
        pin: pins the store to a model, and returns its generation; see `Store.pin`.

    Raises:
        LayoutError: another ending, or the file isn't one of `export`'s, or can't be read.
        EmbeddingError: its vectors aren't unit rows.
        ReidGalleryError: .parquet without pyarrow.
        ModelMismatchError: the store's vectors were made by another model.
    """
    read = {".csv": _read_csv, ".parquet": _read_parquet}.get(path.suffix.lower())
    if read is None:
        raise LayoutError(f"{path}: an export ends in .csv or .parquet")
    new, records = _read_checked(path, read)
    if not records:
        return EnrollReport()
    vectors = check_embeddings(np.stack([record["vector"] for record in records]))
    generation = pin(_pin(store, path, records, vectors.shape[1]))
    return enroll_new(store, new, vectors, generation=generation)


def _records(sqlite: Any, generation: Generation) -> Iterator[Record]:
    for ids, vectors in read_blocks(sqlite, generation.id, generation.dim):
        found = sightings_with_vectors(sqlite, ids.tolist())
        contents = load_contents(sqlite, ids.tolist())
        for sighting, vector in zip(found, vectors, strict=True):
            yield {
                "pid": sighting.pid,
                "path": sighting.path,
                "camera": sighting.camera,
                "time": sighting.time.isoformat() if sighting.time else None,
                "tracklet": sighting.tracklet,
                "content": contents.get(sighting.id),
                "model": generation.model,
                "vector": vector,
            }


def _write_csv(path: Path, records: Iterator[Record], _dim: int) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for record in records:
            # str of a float32 is the shortest text that reads back to the same number
            writer.writerow({**record, "vector": " ".join(map(str, record["vector"]))})
            count += 1
    return count


def _read_csv(path: Path) -> Iterator[Record]:
    csv.field_size_limit(2**24)
    with path.open(newline="", encoding="utf-8-sig") as file:  # a spreadsheet may have saved it
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise ValueError(f"its columns aren't {', '.join(COLUMNS)}")
        for row in rows:
            if None in row or None in row.values():
                raise ValueError(f"line {rows.line_num} doesn't have {len(COLUMNS)} fields")
            vector = np.array(row["vector"].split(), dtype=np.float32)
            yield {name: value or None for name, value in row.items()} | {"vector": vector}


def _write_parquet(path: Path, records: Iterator[Record], dim: int) -> int:
    arrow, parquet = _pyarrow()
    columns = [(name, arrow.string()) for name in COLUMNS[:-1]]
    schema = arrow.schema([*columns, ("vector", arrow.list_(arrow.float32(), dim))])
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for block in in_batches(records, _BLOCK):
            writer.write_table(arrow.Table.from_pylist(block, schema=schema))
            count += len(block)
    return count


def _read_parquet(path: Path) -> Iterator[Record]:
    _, parquet = _pyarrow()
    with parquet.ParquetFile(path) as file:
        if tuple(file.schema_arrow.names) != COLUMNS:
            raise ValueError(f"its columns aren't {', '.join(COLUMNS)}")
        for batch in file.iter_batches(batch_size=_BLOCK):
            for record in batch.to_pylist():
                yield record | {"vector": np.array(record["vector"], dtype=np.float32)}


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise ReidGalleryError(
            "Parquet needs pyarrow: pip install 'reid-gallery[parquet]', or use .csv"
        ) from error


def _read_checked(path: Path, read: Any) -> tuple[list[NewSighting], list[Record]]:
    try:
        records = list(read(path))
        new = [_sighting(record) for record in records]
        lengths = {len(record["vector"]) for record in records}
        models = {record["model"] for record in records}
        if len(lengths) > 1 or len(models) > 1:
            raise ValueError("its vectors are of several models or lengths")
        for model in models:
            if model != EXTERNAL and not re.fullmatch("[0-9a-f]{64}", str(model)):
                raise ValueError(f"the model {model!r} is neither a sha256 nor {EXTERNAL!r}")
    except OSError as error:
        raise LayoutError(f"{path}: can't be read ({error.strerror or error})") from error
    except (LabelError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise LayoutError(f"{path}: not an export of a gallery ({error})") from error
    return new, records


def _pin(store: Store, path: Path, records: list[Record], dim: int) -> ModelPin:
    """What the store must be pinned to: an empty store takes the file's model by its sha256."""
    model = str(records[0]["model"])
    with store.snapshot() as sqlite:
        generation = current_generation(sqlite)
    if model == EXTERNAL:
        return external_pin(dim)
    if generation is not None and generation.model == model:
        return generation
    unknown = ModelPin(model=model, model_name=f"model of {path.name}", model_path=None, dim=dim)
    return known_pin(model) or unknown


def _sighting(record: Record) -> NewSighting:
    """One row; an earlier program kept blanks around cameras and tracklets."""
    return NewSighting(
        pid=record["pid"],
        content=record["content"],
        path=record["path"],
        camera=_bare(record["camera"]),
        time=datetime.fromisoformat(record["time"]) if record["time"] else None,
        tracklet=_bare(record["tracklet"]),
    )


def _bare(name: Any) -> Any:
    return name.strip() if isinstance(name, str) else name

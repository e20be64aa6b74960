"""A cold query of one picture against the floor: a bare script that does the same work.

    python benchmarks/cold_query.py STORE PICTURE [--model MODEL.onnx] [--runs 15]

The floor imports numpy, Pillow, onnxruntime and faiss, decodes the picture, embeds it, maps a flat
index of the same vectors and searches it. The gallery's side is ``reid-gallery query PICTURE
--json``. Both run in turn in fresh processes; the table has medians and their ratios.
"""

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import faiss
import numpy as np
from reid_gallery.gallery.extractor import resolve_model

FLOOR = """
import sys
import faiss
import numpy as np
import onnxruntime
from PIL import Image

picture, model, index_file = sys.argv[1:]
pixels = np.asarray(Image.open(picture).convert("RGB").resize((128, 256), Image.BILINEAR))[None]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
(embedding,) = session.run(None, {"pictures": pixels})
index = faiss.read_index(index_file, faiss.IO_FLAG_MMAP_IFC)
print(index.search(embedding, 32))
"""


def measure(command: list[str]) -> tuple[float, float]:
    """Run a process; return its seconds and its peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"{command[:4]} failed")
    return seconds, usage.ru_maxrss / 1024


def bare_index(store: Path, out: Path) -> int:
    """Write the store's vectors as a plain FAISS file; return how many."""
    with closing(sqlite3.connect(store / "gallery.sqlite3")) as database:
        (generation, dim) = database.execute(
            "SELECT id, dim FROM generations WHERE current = 1"
        ).fetchone()
        bare = faiss.IndexFlatIP(dim)
        cursor = database.execute(
            f"SELECT vector FROM vectors_{generation} ORDER BY sighting_id"  # noqa: S608
        )
        while rows := cursor.fetchmany(4096):
            joined = b"".join(vector for (vector,) in rows)
            bare.add(np.frombuffer(joined, "<f4").reshape(len(rows), dim))
    faiss.write_index(bare, str(out))
    return bare.ntotal


def main() -> None:
    """Measure both sides and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("picture")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.faiss"
        count = bare_index(arguments.store, bare)
        model = str(resolve_model(arguments.model))
        floor = [sys.executable, "-c", FLOOR, arguments.picture, model, str(bare)]
        cli = [sys.executable, "-c", "from reid_gallery.cli import main; main()"]
        ours = [*cli, "query", arguments.picture, "--json", "--store", str(arguments.store)]
        sides = {"floor": floor, "reid-gallery": ours}
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for _ in range(arguments.runs):
            for name, command in sides.items():
                figures[name].append(measure(command))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in figures.items()
    }
    print(f"cold query of one picture, {count:,} sightings, median of {arguments.runs}")
    for name, (seconds, megabytes) in medians.items():
        print(f"  {name:<14}{seconds:8.3f} s{megabytes:8.0f} MB")
    ratios = [a / b for a, b in zip(medians["reid-gallery"], medians["floor"], strict=True)]
    print(f"  {'ratio':<14}{ratios[0]:8.2f}  {ratios[1]:8.2f}")


if __name__ == "__main__":
    main()

"""A cold query of one picture against the floor: a bare script that does the same work.

    python benchmarks/cold_query.py STORE PICTURE [--model MODEL.onnx] [--runs 15]
    python benchmarks/cold_query.py STORE PICTURE --count 16000 [--like OTHER]

The floor imports numpy, Pillow, onnxruntime and faiss, decodes the picture, embeds it, maps a flat
index of the same vectors and searches it. The gallery's side is ``reid-gallery query PICTURE
--json``. Both run in turn in fresh processes, once uncounted, so that Python has its modules
compiled as an installed program's are; the table has medians and their ratios. A STORE that isn't
there is made: ``--count`` vectors like those of the people in OTHER (or like drawn figures'), taken
for the model's own.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from statistics import median

import faiss
import numpy as np
from bulk import add_ours, chunks, labels_of
from people_like import PeopleLike
from reid_gallery import Gallery
from reid_gallery.gallery.extractor import resolve_model
from rows import Aim, Row, heading, tell, tell_times
from sides import Seconds

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

WHY = "the command line's library and our own modules take longer to import than a bare script's"

LAUNCH = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
wall = time.perf_counter() - started
print(status, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""
"""Starts the process and measures it: the peak of a child is no less than that of its parent, so
the parent has to be small."""


def measure(command: list[str], environment: dict[str, str]) -> tuple[Seconds, float]:
    """Run a process; return its wall clock and processor time, and its peak memory in MB."""
    launch = [sys.executable, "-S", "-c", LAUNCH, *command]
    said = subprocess.run(
        launch, stdout=subprocess.PIPE, text=True, check=True, env=environment
    ).stdout
    status, wall, processor, megabytes = map(float, said.split())
    if status:
        raise SystemExit(f"{command[:4]} failed")
    return (wall, processor), megabytes


def make(store: Path, like: PeopleLike, count: int, model: Path) -> None:
    """A gallery of vectors that pass for the model's."""
    done = 0
    with Gallery.open(store, model=model) as gallery:
        for rows, people in chunks(like, count):
            add_ours(gallery, rows, labels_of(done, people))
            done += len(rows)


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
    parser.add_argument("--count", type=int, default=16_000)
    parser.add_argument("--like", type=Path)
    arguments = parser.parse_args()
    model = resolve_model(arguments.model)
    if not arguments.store.exists():
        like = PeopleLike.of_store(arguments.like) if arguments.like else PeopleLike.of_figures()
        make(arguments.store, like, arguments.count, model)
    with tempfile.TemporaryDirectory(dir=arguments.store.absolute().parent) as folder:
        bare = Path(folder) / "bare.faiss"
        count = bare_index(arguments.store, bare)
        heading(f"cold query of one picture, {count:,} sightings, medians of {arguments.runs}")
        floor = [sys.executable, "-c", FLOOR, arguments.picture, str(model), str(bare)]
        cli = [sys.executable, "-c", "from reid_gallery.cli import main; main()"]
        ours = [*cli, "query", arguments.picture, "--json", "--store", str(arguments.store)]
        # Compiled modules are kept, whatever the environment says, and not among the sources.
        kept = os.environ | {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        taken = [(measure(floor, kept), measure(ours, kept)) for _ in range(1 + arguments.runs)][1:]
    tell_both(count, [bare for bare, _ in taken], [gallery for _, gallery in taken])


def tell_both(
    count: int, floor: list[tuple[Seconds, float]], ours: list[tuple[Seconds, float]]
) -> None:
    """Time and memory."""
    times, megabytes = zip(*(zip(*side, strict=True) for side in (floor, ours)), strict=True)
    what = "cold query of one picture / bare script"
    tell_times(f"{what}, time", count, *times, unit="s", aim=Aim(most=1.25), why=WHY)
    bare, gallery = map(median, megabytes)
    tell(
        Row(
            what=f"{what}, memory",
            size=count,
            floor=bare,
            ours=gallery,
            unit="MB",
            aim=Aim(most=1.25),
            why=WHY,
        )
    )


if __name__ == "__main__":
    main()

"""The flat index on a graphics processor beside FAISS's on the processor.

    python benchmarks/device.py [--like STORE] [--count 1000000 10000000] [--queries 320]

For vectors like those of the people in STORE (see ``people_like``), saved and mapped as a gallery's
are. Before anything is timed some searches have made the copy. Needs a FAISS that can use such a
processor (docs/performance.md tells how to install one); without it nothing is measured, and the
program says so. Ten million take 60 GB of memory and 20 of disk.
"""

import argparse
import tempfile
from pathlib import Path

import faiss
import numpy as np
from approximate import draw
from bulk import Vectors
from people_like import PeopleLike
from reid_gallery.index import device
from reid_gallery.index.flat import FlatIndex
from rows import heading, tell_times
from sides import in_turn

K = 64
BATCH = 64

NOTHING = (
    "This FAISS finds no graphics processor: nothing is measured. What copies and asks there is "
    "tested with the processor's flat index in its place (tests/index)."
)


def mapped(rows: Vectors, folder: Path) -> FlatIndex:
    """A saved flat index, opened again."""
    index = FlatIndex(rows.shape[1])
    index.add(np.arange(len(rows)), rows)
    index.save(folder / "an.index")
    return FlatIndex.load(folder / "an.index")


def measure(rows: Vectors, asked: Vectors, folder: Path) -> None:
    """One query and a batch of both sides in turn."""
    index, floor = mapped(rows, folder), faiss.IndexFlatIP(rows.shape[1])
    floor.add(rows)
    for _ in range(device.COPIED_AT):
        index.search(asked[:BATCH], K)
    if not index._on_device:
        raise SystemExit("no copy was made on the device, see above: there is nothing to compare")
    for size in (1, BATCH):
        parts = [asked[start : start + size] for start in range(0, len(asked) - size + 1, size)]
        taken = in_turn(
            {
                "floor": lambda run, parts=parts: floor.search(parts[run], K),
                "ours": lambda run, parts=parts: index.search(parts[run], K),
            },
            len(parts),
        )
        what = f"flat on a device / FAISS IndexFlatIP, queries at once: {size}"
        tell_times(what, len(rows), taken["floor"], taken["ours"])


def main() -> None:
    """Parse the command line and measure each number of vectors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--like", type=Path, help="a gallery whose people to make others like")
    parser.add_argument("--queries", type=int, default=5 * BATCH)
    arguments = parser.parse_args()
    if arguments.queries < BATCH:
        parser.error(f"--queries {arguments.queries}: at least {BATCH} make a batch")
    people = PeopleLike.of_store(arguments.like) if arguments.like else PeopleLike.of_figures()
    if not faiss.get_num_gpus():
        print(NOTHING)
        return
    for count in arguments.count:
        heading(f"{count:,} vectors of {people.dim} dimensions")
        with tempfile.TemporaryDirectory() as folder:
            measure(*draw(people, count, arguments.queries), Path(folder))


if __name__ == "__main__":
    main()

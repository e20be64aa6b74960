"""Everything that performance.md promises, measured by the programs beside this one, in one table.

    make bench
    make bench COUNT="100000 1000000" LIKE=STORE PICTURES=FOLDER LAYOUT=market1501

Runs ``enroll.py``, ``cold_query.py``, ``index.py``, ``approximate.py`` and ``growth.py`` one after
the other, each with its own command line, and ends with one table of all their rows. Vectors are
like those of the people in ``--like`` (a gallery, such as Market-1501's test folder enrolled),
pictures are those of ``--pictures``; without either figures are drawn for it. A million takes up to
7 GB below ``--scratch`` (by default where temporary files go), and 10 GB of memory for HNSW.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from people_like import enroll_figures
from reid_gallery.gallery.pictures.sources import collect
from rows import FILE, read_rows, table

HERE = Path(__file__).parent
ENROLLED = 1500
"""Pictures at most: of fewer, what an enrolment ends with weighs more than it should."""
SMALL = 100_000
"""Up to so many sightings the quick settings do."""


def run(rows: Path, program: str, *arguments: object) -> None:
    """Run one of the programs; its rows are added to the file."""
    command = [sys.executable, str(HERE / f"{program}.py"), *map(str, arguments)]
    print(f"\n$ python benchmarks/{program}.py {' '.join(map(str, arguments))}", flush=True)
    subprocess.run(command, check=True, env=os.environ | {FILE: str(rows)})


@contextmanager
def scratch_folder(parent: Path | None) -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        yield Path(folder)


def measure_pictures(rows: Path, arguments: argparse.Namespace) -> str:
    """Enrolling them; returns one, to ask about."""
    layout = ["--layout", arguments.layout]
    with scratch_folder(arguments.scratch) as folder:
        flat = ["--flat", arguments.flat, "--scratch", folder]
        run(rows, "enroll", arguments.pictures, *layout, "--count", ENROLLED, "--runs", 3, *flat)
    return str(collect([str(arguments.pictures)], layout=arguments.layout).pictures[0].path)


def measure_sizes(rows: Path, arguments: argparse.Namespace, picture: str) -> None:
    """What depends on the number of sightings."""
    like = ["--like", arguments.like]
    for count in sorted({16_000, *arguments.count}):
        with scratch_folder(arguments.scratch) as folder:
            asked = [folder / "store", picture, "--count", count, *like]
            run(rows, "cold_query", *asked, "--runs", 7)
    for count in arguments.count:
        queries = ["--count", count, "--queries", 20 if count <= SMALL else 40]
        with scratch_folder(arguments.scratch) as folder:
            run(rows, "index", "--out", folder / "store", *queries, *like)
        run(rows, "approximate", "--count", count, "--queries", 50, *like)
        with scratch_folder(arguments.scratch) as folder:
            run(rows, "growth", folder, "--sizes", count, "--queries", 20, *like)


def machine() -> str:
    """On what it was measured, and whether others used it as well."""
    cores, (_, load, _) = os.cpu_count() or 1, os.getloadavg()
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    text = f"{cores} cores, {threads} threads, load {load:.1f} in the last five minutes"
    if load > 1.5 * cores:
        text += ": too busy for times to mean anything but in the column cpu"
    return text


def parse(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, nargs="+", default=[30_000], help="of sightings")
    parser.add_argument("--like", type=Path, help="a gallery of people to make others like")
    parser.add_argument("--pictures", type=Path, help="a folder to enroll")
    parser.add_argument("--layout", default="folders", help="of the folder")
    parser.add_argument("--flat", type=int, default=1000, help="pictures to watch the memory with")
    parser.add_argument("--scratch", type=Path, help="where everything is made; on a disk")
    return parser.parse_args(given)


def main() -> None:
    """Draw what is not given, measure, print the table."""
    arguments = parse()
    with scratch_folder(arguments.scratch) as folder:
        if arguments.like is None or arguments.pictures is None:
            figures, like = enroll_figures(folder)
            arguments.like = arguments.like or like
            arguments.pictures = arguments.pictures or figures
        rows = folder / "rows.jsonl"
        measure_sizes(rows, arguments, measure_pictures(rows, arguments))
        print(f"\n{machine()}\n\n{table(read_rows(rows))}")


if __name__ == "__main__":
    main()

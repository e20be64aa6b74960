"""Asking, adding, rebuilding and opening large galleries, against bare FAISS and SQLite.

    python benchmarks/index.py [--like STORE] [--count 100000] [--out FOLDER] [--queries 40]

Makes a gallery of ``--count`` sightings through the API, of vectors like those of the people in
STORE (such as Market-1501's test folder enrolled by ``benchmarks/market_gallery.py``; without it,
like drawn figures), and measures it beside bare code that does the same in the same process: FAISS
``IndexFlatIP`` in memory, SQLite's ``executemany``. Runs of both sides alternate; the table has
medians of both, the ratio of their wall clocks and the ratio of their processor times, which is the
steadier one on a busy machine. ``--out`` keeps the gallery; one that was kept is measured again
without being made, and grows each time by what the other process enrolls. A query is a whole
`Gallery.query_embeddings`: five people with their sightings; by ``--queries`` acquaintances and as
many strangers; of what its time is made up is told, too. Whether they are the right five is told by
brute force, of a thousand queries without a filter and of two hundred with each; of those missed,
where they are.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import faiss
import numpy as np
from bulk import Vectors, add_bare, add_ours, chunks, labels_of, open_bare, read_all
from growth import in_own_process, step_query
from index_asking import (
    BATCH,
    LARGE,
    Filtered,
    K,
    ask_after_enrolling,
    ask_filtered,
    ask_first,
    ask_many,
    ask_one,
    filters,
    mixed,
    who_asks,
)
from index_found import right_people, tell_found
from people_like import PeopleLike
from reid_gallery import Gallery
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.index_choice import index_files
from reid_gallery.gallery.store.directory import StoreDirectory
from reid_gallery.gallery.store.generations import current_generation
from reid_gallery.index.file import read_header
from rows import Aim, Row, heading, tell, tell_times
from sides import Seconds, in_turn, timed

MILLION = 1_000_000
FLAT_UP_TO = 100_000
"""Above so many sightings `flat` isn't measured: its copy of the vectors is what others spare."""

FOUND_OF, FOUND_FILTERED = 1000, 200
"""Queries whose answers are compared with brute force, without a filter and with each."""

ANYONE = Filtered("no filter", {}, "1")

NEW = 1000
"""Sightings that another process enrolls, for an opened gallery to take in."""

BESIDE_AT_LEAST = 200
"""Queries beside a writer, of which one in a hundred is to be the slow one."""

SLOW_ADDING = (
    "the floor is one table; a gallery checks every label and writes people, sightings with two "
    "indexes of their own, and a change"
)
SLOW_REBUILD = "making the codes; and the file is synced to disk, which the floor has no need of"
SLOW_BESIDE = (
    "after each commit of the writer the next query takes in 1,000 new rows: 3 ms of processor "
    "time, more than a whole query of a small gallery; and two processes share cores and caches"
)


def add_all(store: Path, bare: Path, like: PeopleLike, count: int) -> None:
    """Add the same rows to a gallery and to a bare table with a bare index, a chunk in turn."""
    table = open_bare(bare)
    ours: list[Seconds] = []
    floor: list[Seconds] = []
    done = 0
    gallery = Gallery.open(store)
    index = faiss.IndexFlatIP(like.dim)
    for rows, people in chunks(like, count):
        labels = labels_of(done, people)
        ours.append(timed(partial(add_ours, gallery, rows, labels)))
        floor.append(timed(partial(add_bare, table, index, rows, labels)))
        done += len(rows)
    ours.append(timed(gallery.close))  # saves the index
    table.close()
    tell_times(
        "add by API / SQLite executemany + index add",
        count,
        [sums(floor)],
        [sums(ours)],
        unit="s",
        aim=Aim(most=1.3, size=MILLION),
        why=SLOW_ADDING,
    )


def calibrate(store: Path) -> None:
    """Let the gallery decide known or unknown, as one with a calibrated model does."""
    calibration = Extractor.load(resolve_model(None)).spec.calibration
    with Gallery.open(store) as gallery:
        with gallery._store.snapshot() as sqlite:
            generation = current_generation(sqlite)
        assert generation is not None
        people = sum(place["people"] for place in calibration["places"])
        gallery._store.set_calibration(generation, json.dumps(calibration), people=people)


def sums(taken: list[Seconds]) -> Seconds:
    """Both clocks, in all."""
    return sum(wall for wall, _ in taken), sum(processor for _, processor in taken)


ENROLL = """
import sys
import numpy as np
from reid_gallery import Gallery
store, file = sys.argv[1:]
rows, people = (np.load(file)[name] for name in ("rows", "people"))
with Gallery.open(store) as gallery:
    print("open", flush=True)
    for start in range(0, len(rows), 1000):
        some = slice(start, start + 1000)
        pids = [f"{file} {person}" for person in people[some]]
        gallery.enroll_embeddings(rows[some], pids=pids)
"""


@contextmanager
def others_enroll(store: Path, like: PeopleLike, count: int) -> Iterator[subprocess.Popen[str]]:
    """Another process enrolls so many of other people; it has opened the gallery by now."""
    seed = time.time_ns() % 2**31
    rows, people = (np.concatenate(part) for part in zip(*like.draw(count, seed=seed), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "new.npz"
        np.savez(file, rows=rows, people=people)
        command = [sys.executable, "-c", ENROLL, str(store), str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        assert process.returncode == 0


def open_and_catch_up(store: Path, like: PeopleLike, size: int) -> None:
    """1,000 enrolments by another process: read by a bare script, taken in by an opened gallery."""
    with others_enroll(store, like, NEW):
        pass
    in_index = max(
        read_header(path).count for path in index_files(StoreDirectory(store).index_folder)
    )
    database = sqlite3.connect(store / "gallery.sqlite3")
    (last,) = database.execute("SELECT max(sighting_id) FROM vectors_1").fetchone()
    floor = [
        timed(
            lambda: database.execute(
                "SELECT vector FROM vectors_1 WHERE sighting_id > ?", (last - NEW,)
            ).fetchall()
        )
        for _ in range(5)
    ]
    database.close()

    def opened() -> None:
        gallery = Gallery.open(store)
        assert gallery.index_kind is not None
        gallery._keeper.drop()  # so that closing saves nothing
        gallery.close()

    tell_times(
        f"open, catch up with {last - in_index:,} new / read them",
        size,
        floor,
        [timed(opened) for _ in range(5)],
        aim=Aim(most=50, of="ours"),
        why="an index of a million is mapped, and its ids are checked",
    )


def beside_a_writer(
    gallery: Gallery, store: Path, like: PeopleLike, queries: Vectors, size: int
) -> None:
    """A reader's slow queries, alone (before and after) and while another process enrolls."""

    def asked(number: int) -> list[Seconds]:
        return [
            timed(lambda n=n: gallery.query_embeddings(queries[n % len(queries)][None], k=K))
            for n in range(number)
        ]

    asked(1)  # opens the index
    alone, beside = asked(150), []
    while len(beside) < BESIDE_AT_LEAST:
        with others_enroll(store, like, 20_000) as writer:
            while writer.poll() is None:
                beside += asked(5)
    asked(1)  # takes in what the writer did last
    alone += asked(150)  # the gallery has grown meanwhile
    (floor, floor_cpu), (ours, ours_cpu) = (
        [float(np.quantile(column, 0.99)) for column in zip(*side, strict=True)]
        for side in (alone, beside)
    )
    row = Row(
        what=f"p99 of a reader beside a writer ({len(beside)} asked) / alone",
        size=size,
        floor=1000 * floor,
        ours=1000 * ours,
        unit="ms",
        cpu=ours_cpu / floor_cpu,
        aim=Aim(most=2),
        why=SLOW_BESIDE,
    )
    tell(row)


def tell_bytes(gallery: Gallery, kind: str, dim: int) -> None:
    """What a sighting takes on disk and, of the index, in memory."""
    stats = gallery.stats()
    index = stats.index_bytes / stats.sightings
    disk = index + stats.database_bytes / stats.sightings
    for what, ours, aim in (
        ("on disk", disk, None if kind == "flat" else Aim(most=1.15, size=MILLION)),
        ("of the index, mapped", index, None),
    ):
        row = Row(
            what=f"{kind}, bytes a sighting {what} / of the vector",
            size=stats.sightings,
            floor=4 * dim,
            ours=ours,
            unit="B",
            aim=aim,
            why="what else is kept of a sighting: of certified, a byte a dimension",
        )
        tell(row)


def tell_memory(store: Path, queries: Vectors, kind: str, size: int, index_bytes: int) -> None:
    """What a process has that only asks, interpreter and all."""
    asked = in_own_process(step_query, store, queries)
    own, limit = asked["query_own_mb"], Aim(most=0.06, size=MILLION)
    for what, megabytes, aim in (
        ("own memory", own, None),
        ("own memory and the index", own + index_bytes / 2**20, limit),
        ("with what is mapped", asked["query_mb"], None),
    ):
        row = Row(
            what=f"{kind}, asking: {what} / the vectors alone",
            size=size,
            floor=queries[0].nbytes * size / 2**20,
            ours=megabytes,
            unit="MB",
            aim=aim if kind == "two-stage" else None,
            why="a bit a dimension and 12 bytes a sighting; the interpreter and FAISS take 35 MB",
        )
        tell(row)


def main() -> None:
    """Make or take the gallery, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--like", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    like = PeopleLike.of_store(arguments.like) if arguments.like else PeopleLike.of_figures()
    with tempfile.TemporaryDirectory(dir=arguments.out and arguments.out.parent) as folder:
        store = arguments.out or Path(folder) / "store"
        heading(f"{arguments.count:,} sightings of {like.dim} dimensions")
        if not store.exists():
            add_all(store, Path(folder) / "bare.sqlite3", like, arguments.count)
            (Path(folder) / "bare.sqlite3").unlink()
            calibrate(store)
        measure(store, like, arguments.queries)


def measure(store: Path, like: PeopleLike, count: int) -> None:
    """Everything that is asked of a gallery that is there."""
    askers = who_asks(store, like, max(count, FOUND_OF // 2))
    some = mixed(askers, 2 * count)
    with Gallery.open(store) as gallery:
        flat = read_all(store)
        size, chosen = flat.ntotal, filters(store)
        right = []
        for one, asks in ((ANYONE, FOUND_OF), *((one, FOUND_FILTERED) for one in chosen)):
            queries = mixed(askers, asks)
            right.append((one, (queries, right_people(store, flat, queries, one.where))))
        kinds = ("flat", "certified", "two-stage")[size > FLAT_UP_TO :]
        for kind in kinds:
            rebuild(gallery, store, kind, size)
            tell_bytes(gallery, kind, like.dim)
            tell_memory(store, some, kind, size, gallery.stats().index_bytes)
            ask_one(gallery, flat, {who: rows[:count] for who, rows in askers.items()}, kind)
            ask_many(gallery, flat, mixed(askers, BATCH), kind)
            ask_filtered(gallery, size, some, kind, chosen)
            for one, asked in right:
                tell_found(gallery, flat, kind, one, asked)
        for kind in kinds:
            gallery.rebuild(index=kind)
            ask_first(gallery, size, some[:10], kind)
            ask_after_enrolling(gallery, size, some[:10], kind, chosen[0])
        gallery.rebuild(index="auto")
        del flat
        beside_a_writer(gallery, store, like, some, size)
    open_and_catch_up(store, like, size)


def rebuild(gallery: Gallery, store: Path, kind: str, size: int) -> None:
    """Make an index of a kind, beside reading all vectors into a bare one."""
    made = in_turn(
        {"floor": lambda _: read_all(store), "ours": lambda _: gallery.rebuild(index=kind)},
        1 if size > LARGE else 3,
    )
    tell_times(
        f"{kind}, rebuild / read all + index add",
        size,
        *made.values(),
        unit="s",
        aim=Aim(most=1.3, size=MILLION),
        why=SLOW_REBUILD,
    )


if __name__ == "__main__":
    main()

"""Asking, adding, rebuilding and opening large galleries, against bare FAISS and SQLite.

    python benchmarks/index.py [--like STORE] [--count 100000] [--out FOLDER] [--queries 40]

Makes a gallery of ``--count`` sightings through the API, of vectors like those of the people in
STORE (such as Market-1501's test folder enrolled by ``benchmarks/market_gallery.py``; without it,
like drawn figures), and measures it beside bare code that does the same in the same process: FAISS
``IndexFlatIP`` in memory, SQLite's ``executemany``. Runs of both sides alternate; the table has
medians of both, the ratio of their wall clocks and the ratio of their processor times, which is the
steadier one on a busy machine. ``--out`` keeps the gallery; one that was kept is measured again
without being made, and grows each time by what the other process enrolls. A query is a whole
`Gallery.query_embeddings`: five people with their sightings.
"""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import faiss
import numpy as np
from bulk import (
    CAMERAS,
    Vectors,
    add_bare,
    add_ours,
    chunks,
    labels_of,
    open_bare,
    read_all,
)
from people_like import PeopleLike
from reid_gallery import Gallery
from sides import Seconds, heading, in_turn, tell, timed

K = 5
LARGE = 500_000


def add_all(store: Path, bare: Path, like: PeopleLike, count: int) -> None:
    """Add the same rows to a gallery and to a bare table with a bare index, a chunk in turn."""
    table = open_bare(bare)
    ours: list[Seconds] = []
    floor: list[Seconds] = []
    done = 0
    with Gallery.open(store) as gallery:
        index = faiss.IndexFlatIP(like.dim)
        for rows, people in chunks(like, count):
            labels = labels_of(done, people)
            ours.append(timed(partial(add_ours, gallery, rows, labels)))
            floor.append(timed(partial(add_bare, table, index, rows, labels)))
            done += len(rows)
    table.close()
    tell(f"add {count:,} vectors by API", [sums(floor)], [sums(ours)], "<= 1.3", "s")


def sums(taken: list[Seconds]) -> Seconds:
    """Both clocks, in all."""
    return sum(wall for wall, _ in taken), sum(processor for _, processor in taken)


def timed_sightings(store: Path) -> tuple[datetime, int]:
    """When the last of the sightings with a time was seen, and how many have one."""
    with closing(sqlite3.connect(store / "gallery.sqlite3")) as database:
        last, count = database.execute(
            "SELECT max(time_us), count(time_us) FROM sightings"
        ).fetchone()
    return datetime.fromtimestamp(last / 1e6, UTC), count


def ask(gallery: Gallery, store: Path, flat: faiss.Index, queries: Vectors, kind: str) -> None:
    """One query, batches, filters; the two-stage index's recall against brute force."""
    reach = {"certified": ("<= 0.35 at 1M", "<= 1.05"), "two-stage": ("<= 0.05 at 1M", "")}
    one, many = reach.get(kind, ("", ""))
    single = in_turn(
        {
            "floor": lambda run: flat.search(queries[run : run + 1], K),
            "ours": lambda run: gallery.query_embeddings(queries[run : run + 1], k=K),
        },
        len(queries),
    )
    tell(f"{kind}: top-5 people, one query", single["floor"], single["ours"], one)
    batch = np.resize(queries, (64, queries.shape[1]))
    both = in_turn(
        {
            "floor": lambda _: flat.search(batch, K),
            "ours": lambda _: gallery.query_embeddings(batch, k=K),
        },
        1 if flat.ntotal > LARGE else 3,
    )
    tell(f"{kind}: batch of 64", both["floor"], both["ours"], many)
    last, count = timed_sightings(store)
    filters = {
        "cameras, 50 %": {"cameras": [f"c{camera}" for camera in range(CAMERAS // 2)]},
        "time, 1 %": {"since": last - timedelta(seconds=count // 100 - 1)},
        "time, 0.01 %": {"since": last - timedelta(seconds=count // 10_000 - 1)},
    }
    for name, options in filters.items():
        taken = in_turn(
            {
                "floor": lambda run: gallery.query_embeddings(queries[run : run + 1], k=K),
                "ours": lambda run, options=options: gallery.query_embeddings(
                    queries[run : run + 1], k=K, **options
                ),
            },
            min(15, len(queries)),
        )
        tell(f"{kind}: {name}, against unfiltered", taken["floor"], taken["ours"], "<= 1.2")


def people_found(gallery: Gallery, queries: Vectors) -> list[list[str]]:
    """The five best people of each query."""
    return [
        [match.pid for match in answer.matches] for answer in gallery.query_embeddings(queries, k=K)
    ]


ENROLL = """
import sys
import numpy as np
from reid_gallery import Gallery
rows = np.random.default_rng(int(sys.argv[3])).standard_normal((int(sys.argv[2]), int(sys.argv[4])))
rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
with Gallery.open(sys.argv[1]) as gallery:
    print("open", flush=True)
    for some in np.array_split(rows, max(1, len(rows) // 1000)):
        gallery.enroll_embeddings(some, pids=["new"] * len(some))
"""


def others_enroll(store: Path, count: int, dim: int) -> subprocess.Popen[str]:
    """Another process enrolls; returns once it has opened the gallery."""
    arguments = [str(store), str(count), str(time.time_ns() % 2**31), str(dim)]
    process = subprocess.Popen(
        [sys.executable, "-c", ENROLL, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def open_and_catch_up(store: Path, dim: int) -> None:
    """1,000 enrolments by another process: read by a bare script, taken in by an opened gallery."""
    others_enroll(store, 1000, dim).wait()
    database = sqlite3.connect(store / "gallery.sqlite3")
    (last,) = database.execute("SELECT max(sighting_id) FROM vectors_1").fetchone()
    floor = [
        timed(
            lambda: database.execute(
                "SELECT vector FROM vectors_1 WHERE sighting_id > ?", (last - 1000,)
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

    tell("open, catch up after 1,000 new", floor, [timed(opened) for _ in range(5)], "<= 50 ms")


def beside_a_writer(gallery: Gallery, store: Path, queries: Vectors) -> None:
    """A reader's slow queries, alone and while another process enrolls in bulk."""

    def asked(number: int) -> list[Seconds]:
        return [
            timed(lambda n=n: gallery.query_embeddings(queries[n % len(queries)][None], k=K))
            for n in range(number)
        ]

    alone, beside = asked(150), []
    writer = others_enroll(store, 20_000, queries.shape[1])
    while writer.poll() is None:
        beside += asked(5)
    slow = [
        [(float(np.quantile([wall for wall, _ in side], 0.99)),) * 2] for side in (alone, beside)
    ]
    tell(f"p99 of a reader beside a writer ({len(beside)} asked)", *slow, "<= 2")


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
        measure(store, like, arguments.queries)


def measure(store: Path, like: PeopleLike, count: int) -> None:
    """Everything that is asked of a gallery that is there."""
    queries = np.concatenate([rows[::20] for rows, _ in like.draw(20 * count, seed=7)])[:count]
    with Gallery.open(store) as gallery:
        stored = gallery.stats()
        flat = read_all(store)
        found = {}
        for kind in ("certified", "two-stage"):
            made = in_turn(
                {
                    "floor": lambda _: read_all(store),
                    "ours": lambda _, kind=kind: gallery.rebuild(index=kind),
                },
                1,
            )
            tell(f"{kind}: rebuild", made["floor"], made["ours"], "<= 1.3", "s")
            size = gallery.stats().index_bytes / stored.sightings
            vectors = stored.database_bytes / stored.sightings
            whole = 4 * like.dim
            print(
                f"  {kind}: {size:.0f} bytes a sighting in the index, {size / whole:.3f} of a "
                f"vector; with the database {size + vectors:.0f}, {(size + vectors) / whole:.3f}"
            )
            ask(gallery, store, flat, queries, kind)
            found[kind] = people_found(gallery, queries)
        both = zip(found["certified"], found["two-stage"], strict=True)
        right = sum(len(set(best) & set(near)) for best, near in both)
        print(f"  two-stage: {right} of the {K * len(queries)} people that are best were found")
        gallery.rebuild(index="auto")
        del flat
        beside_a_writer(gallery, store, queries)
    open_and_catch_up(store, like.dim)


if __name__ == "__main__":
    main()

"""Asking, adding, rebuilding and opening large galleries, against bare FAISS and SQLite.

    python benchmarks/index.py [--like STORE] [--count 100000] [--out FOLDER] [--queries 40]

Makes a gallery of ``--count`` sightings through the API, of vectors like those of the people in
STORE (such as Market-1501's test folder enrolled by ``benchmarks/market_gallery.py``; without it,
like drawn figures), and measures it beside bare code that does the same in the same process: FAISS
``IndexFlatIP`` in memory, SQLite's ``executemany``. Runs of both sides alternate; the table has
medians of both, the ratio of their wall clocks and the ratio of their processor times, which is the
steadier one on a busy machine. ``--out`` keeps the gallery; one that was kept is measured again
without being made, and grows each time by what the other process enrolls. A query is a whole
`Gallery.query_embeddings`: five people with their sightings. Whether they are the right five, with
filters and without, is told by brute force.
"""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

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
from rows import Aim, Row, heading, tell, tell_times
from sides import Seconds, in_turn, timed

K = 5
LARGE = 500_000
MILLION = 1_000_000

ONE = {"certified": Aim(most=0.35, size=MILLION), "two-stage": Aim(most=0.05, size=MILLION)}
FOUND = {"certified": Aim(least=1), "two-stage": Aim(least=0.999)}

SLOW_ONE = (
    "what is the same at all sizes (the snapshot, some hundred vectors read from the database, "
    "people and sightings) and, of a million, the pass over every code"
)
SLOW_ADDING = (
    "the floor is one table; a gallery checks every label and writes people, sightings with two "
    "indexes of their own, and a change"
)
SLOW_REBUILD = "making the codes; and the file is synced to disk, which the floor has no need of"
SLOW_FILTERED = "of a wide filter's hits, some are dropped, so that more are looked at"
SLOW_MANY = "FAISS divides a batch among the cores, and a gallery's queries follow one another"
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
    with Gallery.open(store) as gallery:
        index = faiss.IndexFlatIP(like.dim)
        for rows, people in chunks(like, count):
            labels = labels_of(done, people)
            ours.append(timed(partial(add_ours, gallery, rows, labels)))
            floor.append(timed(partial(add_bare, table, index, rows, labels)))
            done += len(rows)
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


def sums(taken: list[Seconds]) -> Seconds:
    """Both clocks, in all."""
    return sum(wall for wall, _ in taken), sum(processor for _, processor in taken)


@dataclass(frozen=True)
class Filtered:
    """A filter, as a gallery's options and in SQL."""

    name: str
    options: dict[str, Any]
    where: str


def filters(store: Path) -> list[Filtered]:
    """Half of the cameras, and the last hundredth and ten thousandth of the sightings."""
    with closing(sqlite3.connect(store / "gallery.sqlite3")) as database:
        last, count = database.execute(
            "SELECT max(time_us), count(time_us) FROM sightings"
        ).fetchone()
    cameras = [f"c{camera}" for camera in range(CAMERAS // 2)]
    found = [
        Filtered("cameras, 50 %", {"cameras": cameras}, f"camera IN {tuple(cameras)}"),
    ]
    for name, share in (("time, 1 %", 100), ("time, 0.01 %", 10_000)):
        since = datetime.fromtimestamp(last / 1e6, UTC) - timedelta(seconds=count // share - 1)
        where = f"time_us >= {int(since.timestamp() * 1e6)}"
        found.append(Filtered(name, {"since": since}, where))
    return found


def ask(gallery: Gallery, flat: faiss.Index, queries: Vectors, kind: str) -> None:
    """One query and a batch of 64."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # the floor's one query has use for no more, and waits for them
    single = in_turn(
        {
            "floor": lambda run: flat.search(queries[run : run + 1], K),
            "ours": lambda run: gallery.query_embeddings(queries[run : run + 1], k=K),
        },
        len(queries),
    )
    faiss.omp_set_num_threads(threads)
    size = flat.ntotal
    tell_times(
        f"{kind}, one query / IndexFlatIP", size, *single.values(), aim=ONE[kind], why=SLOW_ONE
    )
    batch = np.resize(queries, (64, queries.shape[1]))
    both = in_turn(
        {
            "floor": lambda _: flat.search(batch, K),
            "ours": lambda _: gallery.query_embeddings(batch, k=K),
        },
        1 if size > LARGE else 3,
    )
    many = {"aim": Aim(most=1.05, size=100_000), "why": SLOW_MANY} if kind == "certified" else {}
    tell_times(f"{kind}, batch of 64 / IndexFlatIP", size, *both.values(), **many)


def ask_filtered(
    gallery: Gallery, size: int, queries: Vectors, kind: str, chosen: list[Filtered]
) -> None:
    """Each filter in turn with no filter."""
    for one in chosen:
        taken = in_turn(
            {
                "floor": lambda run: gallery.query_embeddings(queries[run : run + 1], k=K),
                "ours": lambda run, one=one: gallery.query_embeddings(
                    queries[run : run + 1], k=K, **one.options
                ),
            },
            min(15, len(queries)),
        )
        what = f"{kind}, {one.name} / no filter"
        tell_times(what, size, *taken.values(), aim=Aim(most=1.2), why=SLOW_FILTERED)


def right_people(
    store: Path, flat: faiss.Index, queries: Vectors, where: str = "1"
) -> list[list[str]]:
    """The best people of each query by brute force, where ``where`` holds of the sightings."""
    with closing(sqlite3.connect(store / "gallery.sqlite3")) as database:
        rows = database.execute(
            "SELECT s.id - 1, pid FROM sightings s JOIN identities i ON i.id = identity_id"  # noqa: S608
            f" WHERE {where}"
        ).fetchall()
    owners = dict(rows)
    selector = faiss.IDSelectorBatch(list(owners))
    parameters = faiss.SearchParameters(sel=selector)
    wanted, right = min(K, len(set(owners.values()))), []
    for query in queries:
        depth, best = 64, []
        while len(best) < wanted:
            ids = flat.search(query[None], min(depth, len(owners)), params=parameters)[1][0]
            best = list(dict.fromkeys(owners[number] for number in ids.tolist()))[:K]
            depth *= 8
        right.append(best)
    return right


def tell_found(gallery: Gallery, size: int, queries: Vectors, kind: str, right: Any) -> None:
    """How many of the right people are in the answers, by filter; never are they fewer than k."""
    for name, (options, best) in right.items():
        if not any(best):  # no sighting passes
            continue
        answers = gallery.query_embeddings(queries, k=K, **options)
        found = [[match.pid for match in answer.matches] for answer in answers]
        assert [*map(len, found)] == [*map(len, best)], "fewer people than there are"
        row = Row(
            what=f"{kind}, {name}: of the best {K} people by brute force",
            size=size,
            floor=sum(map(len, best)),
            ours=sum(len(set(a) & set(b)) for a, b in zip(found, best, strict=True)),
            unit="",
            aim=FOUND[kind],
            why="codes of a bit a dimension mislead about some sighting",
        )
        tell(row)


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
    with others_enroll(store, like, 1000):
        pass
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

    tell_times(
        "open, catch up with 1,000 new / read them",
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
    two_stage = kind == "two-stage"
    for what, ours, aim in (
        ("on disk", disk, Aim(most=1.15) if two_stage else None),
        ("of the index, mapped", index, Aim(most=0.06) if two_stage else None),
    ):
        row = Row(
            what=f"{kind}, bytes a sighting {what} / of the vector",
            size=stats.sightings,
            floor=4 * dim,
            ours=ours,
            unit="B",
            aim=aim,
            why="what else is kept of a sighting",
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
        measure(store, like, arguments.queries)


def measure(store: Path, like: PeopleLike, count: int) -> None:
    """Everything that is asked of a gallery that is there."""
    queries = np.concatenate([rows[::20] for rows, _ in like.draw(20 * count, seed=7)])[:count]
    with Gallery.open(store) as gallery:
        flat = read_all(store)
        chosen = filters(store)
        right = {"no filter": ({}, right_people(store, flat, queries))}
        for one in chosen:
            right[one.name] = one.options, right_people(store, flat, queries, one.where)
        for kind in ("certified", "two-stage"):
            made = in_turn(
                {
                    "floor": lambda _: read_all(store),
                    "ours": lambda _, kind=kind: gallery.rebuild(index=kind),
                },
                1 if flat.ntotal > LARGE else 3,
            )
            tell_times(
                f"{kind}, rebuild / read all + index add",
                flat.ntotal,
                *made.values(),
                unit="s",
                aim=Aim(most=1.3, size=MILLION),
                why=SLOW_REBUILD,
            )
            tell_bytes(gallery, kind, like.dim)
            ask(gallery, flat, queries, kind)
            ask_filtered(gallery, flat.ntotal, queries, kind, chosen)
            tell_found(gallery, flat.ntotal, queries, kind, right)
        gallery.rebuild(index="auto")
        size = flat.ntotal
        del flat
        beside_a_writer(gallery, store, like, queries, size)
    open_and_catch_up(store, like, size)


if __name__ == "__main__":
    main()

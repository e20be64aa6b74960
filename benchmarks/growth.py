"""How time and memory grow with a gallery, beside bare FAISS and SQLite doing the same.

    python benchmarks/growth.py FOLDER [--like STORE] [--sizes 1000 10000 100000 1000000]
    python benchmarks/growth.py FOLDER --plot docs/growth.png

Grows one gallery in FOLDER through the API from size to size. At each, in a process of its own
each: adding what the size has more, and closing; ``rebuild`` of the two-stage index; opening and
asking (a whole `Gallery.query_embeddings`, five people with sightings, for strangers); and the
floor, a bare table and index that get the same, all BLOBs read into ``IndexFlatIP``, and its
search. Times are of the processor. Memory is what such a process has of its own (``RssAnon``, which
the system can't drop) and in all (``VmHWM``, with what is mapped); of adding, rebuilding and
opening it is what they take beyond what the process had before, in adding with the labels of 50,000
sightings. Rebuilding and asking are measured for ``certified`` as well where that is the automatic
kind.
FOLDER/growth.jsonl gets a line a size, so a run that was stopped goes on; a million takes 7 GB.
"""

import argparse
import json
import multiprocessing
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import numpy as np
from bulk import CHUNK, Label, Vectors, add_bare, add_ours, chunks, labels_of, open_bare, read_all
from people_like import PeopleLike
from reid_gallery import Gallery
from reid_gallery.gallery.index_choice import AUTOMATIC, suitable_kind
from rows import Aim, Row, heading, tell

K = 5
KIND = "two-stage"

NEW, NEW_PEOPLE = "new.npy", "new_people.npy"
"""What is to be added, in files: mapped, it is no memory of its own of whoever adds it."""


def resident(field: str) -> float:
    """MB of ``VmHWM``, ``VmRSS`` or ``RssAnon`` of this process."""
    text = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(field)) / 1024


@contextmanager
def peak_of_own() -> Iterator[list[float]]:
    """Sample ``RssAnon`` from another thread; the list gets its largest MB at the end."""
    seen, done = [resident("RssAnon")], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            seen.append(resident("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    peak: list[float] = []
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
        peak.append(max(seen))


def seconds(work: Callable[[], object]) -> float:
    """Processor time."""
    started = time.process_time()
    work()
    return time.process_time() - started


def draw_new(folder: Path, like: PeopleLike, count: int, seed: int) -> None:
    """Write what is to be added."""
    shape = (count, like.dim)
    rows = np.lib.format.open_memmap(folder / NEW, mode="w+", dtype=np.float32, shape=shape)
    whose, done = np.empty(count, np.int64), 0
    for some, people in chunks(like, count, seed=seed):
        place = slice(done, done + len(some))
        rows[place], whose[place], done = some, people, place.stop
    np.save(folder / NEW_PEOPLE, whose)


def new_chunks(folder: Path, before: int) -> Iterator[tuple[Vectors, list[Label]]]:
    """What comes after ``before`` others, some at a time."""
    rows, people = (np.load(folder / name, mmap_mode="r") for name in (NEW, NEW_PEOPLE))
    for start in range(0, len(rows), CHUNK):
        some = slice(start, start + CHUNK)
        yield rows[some], labels_of(before + start, people[some], before=f"p{before}-")


def step_add_bare(store: Path, _: Any) -> dict[str, Any]:
    """Add what is new to a bare table and index."""
    table, taken = open_bare(store.parent / "bare.sqlite3"), 0.0
    (before,) = table.execute("SELECT count(*) FROM rows").fetchone()
    index: faiss.Index | None = None
    for rows, labels in new_chunks(store.parent, before):
        index = index or faiss.IndexFlatIP(rows.shape[1])
        taken += seconds(partial(add_bare, table, index, rows, labels))
    table.close()
    return {"add_floor_s": taken}


def step_add(store: Path, _: Any) -> dict[str, Any]:
    """Add it through the API; closing saves the index."""
    gallery, taken = Gallery.open(store), 0.0
    before = gallery.stats().sightings
    empty = resident("RssAnon")
    with peak_of_own() as peak:
        for rows, labels in new_chunks(store.parent, before):
            taken += seconds(partial(add_ours, gallery, rows, labels))
        taken += seconds(gallery.close)
    return {"add_s": taken, "add_own_mb": peak[0] - empty}


def step_floor(store: Path, queries: Any) -> dict[str, Any]:
    """Rebuild and search, bare; the five best rows of each query come back too."""
    started = time.process_time()
    index = read_all(store)
    built = time.process_time() - started
    faiss.omp_set_num_threads(1)  # one query has use for no more, and waits for them
    asked = [seconds(lambda q=q: index.search(q[None], K)) for q in queries]
    ids = index.search(queries, 400)[1] + 1
    return {
        "rebuild_floor_s": built,
        "query_floor_ms": 1000 * median(asked),
        "floor_mb": resident("VmHWM"),
        "nearest": ids.tolist(),
    }


def step_certified(store: Path, _: Any) -> dict[str, Any]:
    """``rebuild`` to ``certified``, where the size alone would choose it."""
    with Gallery.open(store) as gallery:
        if suitable_kind(AUTOMATIC, gallery.stats().sightings) != "certified":
            return {}
        _, own = rebuild(gallery, "certified")
        return {"certified_own_mb": own, "certified_mb": gallery.stats().index_bytes / 2**20}


def step_rebuild(store: Path, _: Any) -> dict[str, Any]:
    """``rebuild`` as it is called."""
    with Gallery.open(store) as gallery:
        taken, own = rebuild(gallery, KIND)
        stats = gallery.stats()
    return {
        "rebuild_s": taken,
        "rebuild_own_mb": own,
        "rebuild_mb": resident("VmHWM"),
        "index_bytes": stats.index_bytes / stats.sightings,
        "database_bytes": stats.database_bytes / stats.sightings,
    }


def rebuild(gallery: Gallery, kind: str) -> tuple[float, float]:
    """Processor seconds, and MB beyond what an opened gallery has."""
    gallery.stats()
    empty = resident("RssAnon")
    with peak_of_own() as peak:
        taken = seconds(lambda: gallery.rebuild(index=kind))
    return taken, peak[0] - empty


def step_query_certified(store: Path, queries: Any) -> dict[str, Any]:
    """As `step_query`, of the index that `step_certified` has left, if it has."""
    with Gallery.open(store) as gallery:
        if gallery.index_kind != "certified":
            return {}
    asked = step_query(store, queries)
    return {f"certified_{key}": asked[key] for key in ("query_ms", "query_own_mb", "query_mb")}


def step_query(store: Path, queries: Any) -> dict[str, Any]:
    """Open, ask the first, ask the others; whom it found."""
    empty, started = resident("RssAnon"), time.process_time()
    with Gallery.open(store) as gallery:
        assert gallery.index_kind is not None  # that opens the index
        opened, own = time.process_time() - started, resident("RssAnon") - empty
        answers: list[Any] = []
        asked = [
            seconds(lambda q=query: answers.extend(gallery.query_embeddings(q[None], k=K)))
            for query in queries
        ]
    return {
        "open_ms": 1000 * opened,
        "open_own_mb": own,
        "query_ms": 1000 * median(asked),
        "query_own_mb": resident("RssAnon"),
        "query_mb": resident("VmHWM"),
        "found": [[match.pid for match in answer.matches] for answer in answers],
    }


Step = Callable[[Path, Any], dict[str, Any]]

STEPS: tuple[Step, ...] = (
    step_add_bare,
    step_add,
    step_floor,
    step_certified,
    step_query_certified,
    step_rebuild,
    step_query,
)


def in_own_process(step: Step, path: Path, given: Any) -> dict[str, Any]:
    """Run a step in a fresh process, which has nothing else in memory."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(step, path, given).result()


def recall(store: Path, nearest: list[list[int]], found: list[list[str]]) -> float:
    """The share of the five best people, by brute force, that were found."""
    database = sqlite3.connect(store / "gallery.sqlite3")
    owner = "SELECT pid FROM sightings JOIN identities i ON i.id = identity_id WHERE sightings.id=?"
    right = wanted = 0
    for ids, pids in zip(nearest, found, strict=True):
        owners = [database.execute(owner, (number,)).fetchone()[0] for number in ids if number]
        best = list(dict.fromkeys(owners))[:K]
        right, wanted = right + len(set(best) & set(pids)), wanted + len(best)
    database.close()
    return right / wanted


def measure(
    folder: Path, like: PeopleLike, queries: Vectors, before: int, size: int
) -> dict[str, Any]:
    """Everything about one size."""
    line: dict[str, Any] = {"size": size, "dim": like.dim, "added": size - before}
    draw_new(folder, like, size - before, seed=size)
    for step in STEPS:
        line |= in_own_process(step, folder / "store", queries)
    for file in (NEW, NEW_PEOPLE):
        (folder / file).unlink()
    line["recall"] = recall(folder / "store", line.pop("nearest"), line.pop("found"))
    line["load"] = os.getloadavg()[0]
    return line


def tell_line(line: dict[str, Any]) -> None:
    """The rows of the table."""
    size = line["size"]
    heading(f"growth: {size:,} sightings, {line['added']:,} of them new; processor times, memory")
    for step, bare, ours, unit in (
        (f"{KIND}, one query / IndexFlatIP", "query_floor_ms", "query_ms", "ms"),
        ("certified, one query / IndexFlatIP", "query_floor_ms", "certified_query_ms", "ms"),
        ("add by API / SQLite executemany + index add", "add_floor_s", "add_s", "s"),
        (f"{KIND}, rebuild / read all + index add", "rebuild_floor_s", "rebuild_s", "s"),
    ):
        if ours not in line:  # another kind is the automatic one
            continue
        what = f"growth, {step}, processor time"
        tell(Row(what=what, size=size, floor=line[bare], ours=line[ours], unit=unit))
    tell_memory(line)
    print(
        f"  to open took {line['open_ms']:.2g} ms of the processor, for which there is no floor; "
        f"{line['recall']:.2%} of the best {K} people were found",
        flush=True,
    )


def tell_memory(line: dict[str, Any]) -> None:
    """What only a process of its own can tell."""
    floor = line["floor_mb"]
    index = line["index_bytes"] * line["size"] / 2**20
    own = "own memory / a process with IndexFlatIP"
    for step, bare, ours, aim in (
        *_rebuilding("certified", line.get("certified_mb"), line.get("certified_own_mb")),
        *_rebuilding(KIND, index, line["rebuild_own_mb"]),
        (f"adding: {own}", floor, line["add_own_mb"], None),
        (f"{KIND}, opening: {own}", floor, line["open_own_mb"], None),
        *_asking(KIND, floor, line["query_own_mb"], line["query_mb"]),
        *_asking(
            "certified", floor, line.get("certified_query_own_mb"), line.get("certified_query_mb")
        ),
    ):
        what = f"growth, {step}"
        why = "what is new and not yet saved lies in memory"
        row = Row(what=what, size=line["size"], floor=bare, ours=ours, unit="MB", aim=aim, why=why)
        tell(row)


def _rebuilding(
    kind: str, index: float | None, own: float | None
) -> list[tuple[str, float, float, Aim]]:
    """What is told of it, in MB; nothing where it wasn't measured."""
    if index is None or own is None:
        return []
    return [(f"{kind}, rebuild: own memory / index + 200 MB", index + 200, own, Aim(most=1))]


def _asking(
    kind: str, floor: float, own: float | None, mapped: float | None
) -> list[tuple[str, float, float, None]]:
    """What is told of it, in MB; nothing where it wasn't measured."""
    if own is None or mapped is None:
        return []
    return [
        (f"{kind}, asking: own memory / a process with IndexFlatIP", floor, own, None),
        (f"{kind}, asking: with what is mapped / the same", floor, mapped, None),
    ]


def there(store: Path) -> int:
    """How many sightings the gallery has: a run that was stopped may have added some."""
    if not store.exists():
        return 0
    with Gallery.open(store) as gallery:
        return gallery.stats().sightings


def main() -> None:
    """Grow and measure, or plot what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--like", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    folder, lines = arguments.folder, arguments.folder / "growth.jsonl"
    done = [json.loads(text) for text in lines.read_text().splitlines()] if lines.exists() else []
    if arguments.plot:
        from growth_plot import plot  # noqa: PLC0415 - only with matplotlib

        plot(done, arguments.plot)
        return
    folder.mkdir(parents=True, exist_ok=True)
    like = PeopleLike.of_store(arguments.like) if arguments.like else PeopleLike.of_figures()
    queries = np.concatenate([rows for rows, _ in like.draw(20 * arguments.queries, seed=7)])[::20]
    before = there(folder / "store")
    for size in [size for size in arguments.sizes if size > before]:
        line = measure(folder, like, queries, before, size)
        with lines.open("a") as file:
            file.write(json.dumps(line) + "\n")
        tell_line(line)
        before = size


if __name__ == "__main__":
    main()

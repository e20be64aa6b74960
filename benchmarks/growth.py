"""How time and memory grow with a gallery, beside bare FAISS and SQLite doing the same.

    python benchmarks/growth.py FOLDER [--like STORE] [--sizes 1000 10000 100000 1000000]
    python benchmarks/growth.py FOLDER --plot docs/growth.png

Grows one gallery in FOLDER through the API from size to size. At each: processor seconds of adding
beside a bare table and index, then in a process of its own each ``rebuild`` of the two-stage index,
opening and asking (a whole `Gallery.query_embeddings`, five people with sightings), and the floor:
all BLOBs read into ``IndexFlatIP``, and its search. Memory is the peak of what such a process has
of its own (``RssAnon``, which the system can't drop) and in all (``VmHWM``, with what is mapped).
FOLDER/growth.jsonl gets a line a size, so a run that was stopped goes on.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import numpy as np
from bulk import add_bare, add_ours, chunks, labels_of, open_bare, read_all
from people_like import PeopleLike
from reid_gallery import Gallery
from rows import Aim, Row, heading, tell

K = 5
KIND = "two-stage"


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


def grow(folder: Path, like: PeopleLike, before: int, size: int) -> dict[str, float]:
    """Add the sightings from ``before`` to ``size`` to the gallery and to the bare table."""
    table = open_bare(folder / "bare.sqlite3")
    index, ours, floor, done = faiss.IndexFlatIP(like.dim), 0.0, 0.0, before
    with Gallery.open(folder / "store") as gallery:
        for rows, people in chunks(like, size - before, seed=size):
            labels = labels_of(done, people, before=f"p{size}-")
            ours += seconds(partial(add_ours, gallery, rows, labels))
            floor += seconds(partial(add_bare, table, index, rows, labels))
            done += len(rows)
        closing = time.process_time()
    ours += time.process_time() - closing
    table.close()
    return {"add_s": ours, "add_floor_s": floor, "added": size - before}


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


def step_rebuild(store: Path, _: Any) -> dict[str, Any]:
    """``rebuild`` as it is called."""
    with Gallery.open(store) as gallery:
        gallery.stats()
        empty = resident("RssAnon")
        with peak_of_own() as peak:
            taken = seconds(lambda: gallery.rebuild(index=KIND))
        stats = gallery.stats()
    return {
        "rebuild_s": taken,
        "rebuild_own_mb": peak[0] - empty,
        "rebuild_mb": resident("VmHWM"),
        "index_bytes": stats.index_bytes / stats.sightings,
        "database_bytes": stats.database_bytes / stats.sightings,
    }


def step_query(store: Path, queries: Any) -> dict[str, Any]:
    """Open, ask the first, ask the others; whom it found."""
    started = time.process_time()
    with Gallery.open(store) as gallery:
        assert gallery.index_kind == KIND
        opened = time.process_time() - started
        answers: list[Any] = []
        asked = [
            seconds(lambda q=query: answers.extend(gallery.query_embeddings(q[None], k=K)))
            for query in queries
        ]
    return {
        "open_ms": 1000 * opened,
        "query_ms": 1000 * median(asked),
        "query_own_mb": resident("RssAnon"),
        "query_mb": resident("VmHWM"),
        "found": [[match.pid for match in answer.matches] for answer in answers],
    }


STEPS = {"floor": step_floor, "rebuild": step_rebuild, "query": step_query}


def in_own_process(step: str, folder: Path) -> dict[str, Any]:
    """Run a step in a fresh process."""
    command = [sys.executable, __file__, str(folder), "--step", step]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


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


def measure(folder: Path, like: PeopleLike, before: int, size: int) -> dict[str, Any]:
    """Everything about one size."""
    line: dict[str, Any] = {"size": size, "dim": like.dim, **grow(folder, like, before, size)}
    for step in STEPS:
        line |= in_own_process(step, folder)
    line["recall"] = recall(folder / "store", line.pop("nearest"), line.pop("found"))
    line["load"] = os.getloadavg()[0]
    return line


def tell_memory(line: dict[str, Any]) -> None:
    """The rows of the table that only a process of its own can tell."""
    index = line["index_bytes"] * line["size"] / 2**20
    floor = line["floor_mb"]
    heading(f"memory, {line['size']:,} sightings")
    for step, bare, ours, aim in (
        ("rebuild: own memory / index + 200 MB", index + 200, line["rebuild_own_mb"], Aim(most=1)),
        ("asking: own memory / a process with IndexFlatIP", floor, line["query_own_mb"], None),
        ("asking: with what is mapped / the same", floor, line["query_mb"], None),
    ):
        what = f"{KIND}, {step}"
        why = "what is new and not yet saved lies in memory"
        tell(Row(what=what, size=line["size"], floor=bare, ours=ours, unit="MB", aim=aim, why=why))


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
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder, lines = arguments.folder, arguments.folder / "growth.jsonl"
    if arguments.step:
        queries = np.load(folder / "queries.npy")
        print(json.dumps(STEPS[arguments.step](folder / "store", queries)))
        return
    done = [json.loads(text) for text in lines.read_text().splitlines()] if lines.exists() else []
    if arguments.plot:
        from growth_plot import plot  # noqa: PLC0415 - only with matplotlib

        plot(done, arguments.plot)
        return
    folder.mkdir(parents=True, exist_ok=True)
    like = PeopleLike.of_store(arguments.like) if arguments.like else PeopleLike.of_figures()
    drawn = np.concatenate([rows for rows, _ in like.draw(20 * arguments.queries, seed=7)])
    np.save(folder / "queries.npy", drawn[::20])
    before = there(folder / "store")
    for size in [size for size in arguments.sizes if size > before]:
        line = measure(folder, like, before, size)
        with lines.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
        tell_memory(line)
        before = size


if __name__ == "__main__":
    main()

"""The two-stage index beside FAISS's HNSW and its one-bit scan: time, recall of the 64 best, bytes.

    python benchmarks/approximate.py [--like STORE] [--count 100000] [--queries 100]

All search the same vectors in memory, like those of the people in STORE (see ``people_like``), one
query at a time in one thread. Building the graph takes by far the longest: it grows for
``--build-minutes`` at most, and all are then measured with as many vectors as it has. The graph is
compared at like recall: with the narrowest of some breadths that reaches ours but for a thousandth,
else with the widest. The scan (`IndexRaBitQFastScan`, which has neither filters nor ids) finds 512,
which are then scored by their vectors. Each row names what recall either has.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from bulk import Vectors
from people_like import PeopleLike
from reid_gallery.index import VectorIndex, new_index
from rows import Aim, Row, heading, tell, tell_times
from sides import Seconds, in_turn, timed

K = 64
BREADTHS = (64, 96, 128, 192, 256, 384, 512, 640, 768, 896, 1024, 1280, 1536, 2048)
SCORED = 512
"""Of what the scan finds, as many as `two-stage` scores at most."""
SHORT_OF = 0.001
AT_ONCE = 10_000
LEARNT_FROM = 100_000
"""Rows that the scan takes the centre from."""
MILLION = 1_000_000

Search = Callable[[Vectors], Any]


def build_graph(rows: Vectors, minutes: float) -> tuple[faiss.Index, Seconds]:
    """A graph of the first of the rows, as many as can be added in time."""
    graph = faiss.IndexHNSWFlat(rows.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 80
    started = time.perf_counter()

    def build() -> None:
        for start in range(0, len(rows), AT_ONCE):
            if time.perf_counter() - started > 60 * minutes:
                break
            graph.add(rows[start : start + AT_ONCE])

    return graph, timed(build)


def build_scan(rows: Vectors) -> Search:
    """One bit a dimension, and the best by that scored by their vectors."""
    scan = faiss.IndexRaBitQFastScan(rows.shape[1], faiss.METRIC_INNER_PRODUCT)
    scan.train(rows[:LEARNT_FROM])
    scan.add(rows)

    def search(query: Vectors) -> Any:
        (found,) = scan.search(query, SCORED)[1]
        scores = rows[found] @ query[0]
        return found[np.argsort(-scores, kind="stable")[:K]][None]

    return search


def recall_of(search: Search, asked: Vectors, best: Any) -> float:
    """The share of the true best rows that a search finds."""
    found = [search(row[None])[0] for row in asked]
    return float(np.mean([len(np.intersect1d(a, b)) / K for a, b in zip(found, best, strict=True)]))


def like_recall(graph: faiss.Index, asked: Vectors, best: Any, wanted: float) -> tuple[int, float]:
    """Set how broadly the graph is searched; return it, and the recall that it reaches."""
    for breadth in BREADTHS:
        graph.hnsw.efSearch = breadth
        recall = recall_of(lambda query: graph.search(query, K)[1], asked, best)
        print(f"  HNSW, efSearch {breadth}: recall@{K} {recall:.4f}", flush=True)
        if recall >= wanted - SHORT_OF:
            break
    return breadth, recall


def bytes_a_row(index: VectorIndex) -> float:
    """Of a two-stage index without whole vectors."""
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder) / "index")
        return (Path(folder) / "index").stat().st_size / len(index)


def draw(like: PeopleLike, count: int, queries: int) -> tuple[Vectors, Vectors]:
    """Rows, and what is asked: some of them, shaken."""
    rows = np.concatenate([some for some, _ in like.draw(count)])
    random = np.random.default_rng(1)
    asked = rows[random.choice(min(len(rows), AT_ONCE), queries, replace=False)]
    asked = asked + 0.5 * random.standard_normal(asked.shape) / np.sqrt(like.dim)
    return rows, (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)


def main() -> None:
    """Build both, ask both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--like", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--build-minutes", type=float, default=10)
    arguments = parser.parse_args()
    like = PeopleLike.of_store(arguments.like) if arguments.like else PeopleLike.of_figures()
    rows, asked = draw(like, arguments.count, arguments.queries)
    graph, graph_taken = build_graph(rows, arguments.build_minutes)
    rows = rows[: graph.ntotal]
    heading(f"two-stage beside HNSW (M 32, efConstruction 80), {len(rows):,} vectors")
    if len(rows) < arguments.count:
        print(f"  building the graph was stopped after {arguments.build_minutes:g} minutes")
    faiss.omp_set_num_threads(1)  # one query has use for no more, and waits for them
    two_stage = new_index(like.dim, "two-stage", rows=lambda ids: rows[ids])
    taken = timed(lambda: two_stage.add(np.arange(len(rows)), rows))
    compare(graph, two_stage, rows, asked)
    tell_times("two-stage / HNSW, built", len(rows), [graph_taken], [taken], unit="s")


def compare(graph: faiss.Index, two_stage: VectorIndex, rows: Vectors, asked: Vectors) -> None:
    """Time at like recall, and bytes."""
    flat = faiss.IndexFlatIP(rows.shape[1])
    flat.add(rows)
    best = flat.search(asked, K)[1]
    del flat
    scan = build_scan(rows)
    wanted = recall_of(lambda query: two_stage.search(query, K).ids, asked, best)
    print(f"  two-stage: recall@{K} {wanted:.4f}")
    breadth, reached = like_recall(graph, asked, best, wanted)
    taken = in_turn(
        {
            "graph": lambda run: graph.search(asked[run : run + 1], K),
            "scan": lambda run: scan(asked[run : run + 1]),
            "ours": lambda run: two_stage.search(asked[run : run + 1], K),
        },
        len(asked),
    )
    tell_times(
        f"two-stage, one search, recall {wanted:.4f} / HNSW, efSearch {breadth}, {reached:.4f}",
        len(rows),
        taken["graph"],
        taken["ours"],
        aim=Aim(most=1, size=MILLION),
        why="6,144 estimates, whatever the size; of a million, every code is looked at",
    )
    tell_times(
        f"two-stage, one search, recall {wanted:.4f} / RaBitQFastScan and {SCORED} scored, "
        f"{recall_of(scan, asked, best):.4f}",
        len(rows),
        taken["scan"],
        taken["ours"],
    )
    row = Row(
        what="two-stage / HNSW, bytes a sighting in memory",
        size=len(rows),
        floor=len(faiss.serialize_index(graph)) / len(rows),
        ours=bytes_a_row(two_stage),
        unit="B",
        aim=Aim(most=0.1),
        why="a bit a dimension, two factors and an id, beside whole vectors and a graph",
    )
    tell(row)


if __name__ == "__main__":
    main()

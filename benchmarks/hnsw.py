"""The two-stage index beside FAISS's HNSW: time, recall of the 32 best, bytes, time to build.

    python benchmarks/hnsw.py [--like STORE] [--count 100000] [--queries 100]

Both hold the same vectors, like those of the people in STORE (see ``people_like``), in memory.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import faiss
import numpy as np
from people_like import PeopleLike
from reid_gallery.index import new_index

K = 32


def tell(name: str, search: Callable[[np.ndarray], np.ndarray], asked: np.ndarray, best) -> None:
    """Ask one by one; print the median processor time and the recall."""
    taken, found = [], []
    for row in range(len(asked)):
        started = time.process_time()
        found.append(search(asked[row : row + 1])[0])
        taken.append(time.process_time() - started)
    recall = np.mean([len(np.intersect1d(a, b)) / K for a, b in zip(found, best, strict=True)])
    print(f"  {name:<16}{1000 * median(taken):8.2f} ms   recall@{K} {recall:.4f}", flush=True)


def main() -> None:
    """Build both, ask both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--like", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    arguments = parser.parse_args()
    like = PeopleLike.of_store(arguments.like) if arguments.like else PeopleLike.of_figures()
    rows = np.concatenate([some for some, _ in like.draw(arguments.count)])
    random = np.random.default_rng(1)
    asked = rows[random.choice(len(rows), arguments.queries, replace=False)]
    asked = asked + 0.5 * random.standard_normal(asked.shape) / np.sqrt(like.dim)
    asked = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)
    flat = faiss.IndexFlatIP(like.dim)
    flat.add(rows)
    best = flat.search(asked, K)[1]
    started = time.process_time()
    two_stage = new_index(like.dim, "two-stage")
    two_stage.add(np.arange(len(rows)), rows)
    print(f"two-stage, built in {time.process_time() - started:.1f} s")
    tell("", lambda query: two_stage.search(query, K).ids, asked, best)
    started = time.process_time()
    graph = faiss.IndexHNSWFlat(like.dim, 32, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 80
    graph.add(rows)
    size = len(faiss.serialize_index(graph)) / len(rows)
    print(f"HNSW, M 32, built in {time.process_time() - started:.1f} s, {size:.0f} bytes a vector")
    for breadth in (64, 128, 256, 512, 1024):
        graph.hnsw.efSearch = breadth
        tell(f"efSearch {breadth}", lambda query: graph.search(query, K)[1], asked, best)


if __name__ == "__main__":
    main()

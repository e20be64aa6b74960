"""Exact evaluation at the size of Market-1501 and MSMT17: time, and memory beyond the embeddings.

    OMP_NUM_THREADS=1 python benchmarks/evaluation.py [--size market1501|msmt17] [--rerank]

Made-up vectors of 512 dimensions, as many people, cameras, queries and gallery pictures as the data
sets have. Each line is a process of its own, and its seconds are of the processor, so that other
work on the machine matters little:

- product: the matrix product of queries and gallery alone, in the same blocks;
- evaluate: `evaluate_retrieval`, which ranks exactly and keeps no block;
- argsort: what most code does: the whole matrix of scores, then a sort of every row. Where both
  matrices would not fit into 2 GB, some queries are sorted, and the rest is scaled up;
- rerank (if asked for): `RerankedScorer` and the evaluation of its scores.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from reid_gallery.gallery.evaluation.relevance import Relevance
from reid_gallery.gallery.evaluation.reranking import RerankedScorer
from reid_gallery.gallery.evaluation.retrieval import evaluate_retrieval, evaluate_scorer
from reid_gallery.gallery.evaluation.scoring import CosineScorer, score_blocks

DIM = 512
LATENT, NOISE = 40, 0.9
"""Dimensions that the vectors really use, and how unlike one person's are: a good model's mAP."""

MOST_BYTES = 2e9
Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Size:
    """Of a data set: the queries, gallery pictures, people and cameras of its test set."""

    queries: int
    gallery: int
    people: int
    cameras: int


SIZES = {
    "market1501": Size(3_368, 15_913, 751, 6),
    "msmt17": Size(11_659, 82_161, 3_060, 15),
}


@dataclass(frozen=True)
class Made:
    """Made-up embeddings and labels."""

    vectors: Array
    pids: npt.NDArray[np.int64]
    cameras: npt.NDArray[np.int64]
    queries: int


def make(size: Size) -> Made:
    """Make vectors a few rows at a time: their making is not to be the peak."""
    generator = np.random.default_rng(0)
    count = size.queries + size.gallery
    spread = generator.standard_normal((LATENT, DIM), dtype=np.float32)
    centres = generator.standard_normal((size.people, LATENT), dtype=np.float32)
    pids = generator.integers(size.people, size=count)
    vectors = np.empty((count, DIM), dtype=np.float32)
    for start in range(0, count, 1024):
        rows = vectors[start : start + 1024]
        latent = NOISE * generator.standard_normal((len(rows), LATENT), dtype=np.float32)
        np.matmul(latent + centres[pids[start : start + 1024]], spread, out=rows)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Made(vectors, pids, generator.integers(size.cameras, size=count), size.queries)


def product(made: Made) -> str:
    """Multiply only."""
    q = made.queries
    relevance = Relevance(made.pids[:q], made.pids[q:], made.cameras[:q], made.cameras[q:])
    scorer = CosineScorer(made.vectors[:q], made.vectors[q:])
    return f"{sum(len(rows) for rows, _, _ in score_blocks(scorer, relevance)):,} queries"


def evaluate(made: Made) -> str:
    """Evaluate exactly."""
    q = made.queries
    result = evaluate_retrieval(
        made.vectors[:q],
        made.vectors[q:],
        query_pids=made.pids[:q],
        gallery_pids=made.pids[q:],
        query_cameras=made.cameras[:q],
        gallery_cameras=made.cameras[q:],
    )
    return f"mAP {result.map:.6f}"


def argsort(made: Made) -> str:
    """Sort every row of the whole matrix."""
    q, g = made.queries, len(made.pids) - made.queries
    taken = min(q, int(MOST_BYTES / (12 * g)))
    started = time.process_time()
    scores = made.vectors[:taken] @ made.vectors[q:].T
    order = np.argsort(-scores, axis=1)
    precisions = []
    for row in range(taken):
        ranked = order[row]
        junk = (made.pids[q:][ranked] == made.pids[row]) & (
            made.cameras[q:][ranked] == made.cameras[row]
        )
        found = np.flatnonzero(made.pids[q:][ranked[~junk]] == made.pids[row]) + 1
        if len(found):
            precisions.append((np.arange(1, len(found) + 1) / found).mean())
    seconds = time.process_time() - started
    note = "" if taken == q else f"; of {taken:,}, in all {seconds * q / taken:.0f} s and "
    note += "" if taken == q else f"{12 * q * g / 1e6:,.0f} MB"
    return f"mAP {np.mean(precisions):.6f}{note}"


def rerank(made: Made) -> str:
    """Re-rank and evaluate."""
    q = made.queries
    rows = np.arange(len(made.pids))
    result = evaluate_scorer(
        RerankedScorer(made.vectors, rows[:q], rows[q:]),
        query_pids=made.pids[:q],
        gallery_pids=made.pids[q:],
        query_cameras=made.cameras[:q],
        gallery_cameras=made.cameras[q:],
    )
    return f"mAP {result.map:.6f}"


METHODS = {"product": product, "evaluate": evaluate, "argsort": argsort, "rerank": rerank}


def measure(size: str, method: str) -> None:
    """Run one method in this process; print what it took as JSON."""
    made = make(SIZES[size])
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    before = pages * resource.getpagesize() / 1e6
    started = time.process_time()
    said = METHODS[method](made)
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3 * 1.024
    print(json.dumps({"seconds": seconds, "megabytes": peak - before, "said": said}))


def main() -> None:
    """Run every method in a process of its own; print a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, action="append")
    parser.add_argument("--method", choices=METHODS, help="Only this one.")
    parser.add_argument("--rerank", action="store_true")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        measure(arguments.size[0], arguments.method)
        return
    methods = [name for name in METHODS if name != "rerank" or arguments.rerank]
    for size in arguments.size or SIZES:
        alone = None
        for method in [arguments.method] if arguments.method else methods:
            command = [sys.executable, __file__, "--here", "--size", size, "--method", method]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            alone = found["seconds"] if method == "product" else alone
            ratio = f"{found['seconds'] / alone:5.2f}x" if alone else ""
            print(
                f"{size:<11}{method:<9}{found['seconds']:8.1f} s {ratio:>7} "
                f"{found['megabytes']:8,.0f} MB beyond the embeddings  {found['said']}",
                flush=True,
            )


if __name__ == "__main__":
    main()

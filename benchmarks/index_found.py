"""Whether a large gallery's answers are right, by brute force; and of those missed, where they are.

An answer is right if it has the best five people, whatever the kind of index.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt
from bulk import Vectors
from index_asking import Filtered, K
from reid_gallery import Gallery
from reid_gallery.gallery.ranking import _WIDE, best_identities, exact_scores
from reid_gallery.index import kernels, twostage
from rows import Aim, Row, tell

FOUND = {"flat": Aim(least=1), "certified": Aim(least=1), "two-stage": Aim(least=0.999)}

MISLED = "codes of a bit a dimension mislead about some sighting"

SHOWN = 10
"""Misses of each filter that are looked into, at most."""

BLOCK_ROWS = 4096

Ids = npt.NDArray[np.int64]


def right_people(
    store: Path, flat: faiss.IndexFlatIP, queries: Vectors, where: str
) -> list[list[str]]:
    """The best people of each query by brute force, where ``where`` holds of the sightings.

    FAISS sums a batch's scores in another order than a single query's: of two people whose scores
    agree in six digits it may put either first. So what it finds is put in order by exact scores.
    """
    with closing(sqlite3.connect(store / "gallery.sqlite3")) as database:
        rows = database.execute(
            "SELECT s.id - 1, pid FROM sightings s JOIN identities i ON i.id = identity_id"  # noqa: S608
            f" WHERE {where} ORDER BY s.id"
        ).fetchall()
    places, owners = np.array([row for row, _ in rows]), [pid for _, pid in rows]
    among = flat if len(rows) == flat.ntotal else _only(flat, places)
    wanted = min(K, len(set(owners)))
    right: list[list[str]] = [[] for _ in queries]
    short, depth = np.arange(len(queries)), 64
    while len(short):
        found = among.search(queries[short], min(depth, len(rows)))[1]
        for query, hits in zip(short.tolist(), found, strict=True):
            ids = np.sort(hits)
            scores = exact_scores(queries[query], among.reconstruct_batch(ids))
            right[query] = [one.identity for one in best_identities(scores, ids, owners, k=K)]
        short = np.array([query for query in short if len(right[query]) < wanted], dtype=int)
        depth *= 8
    return right


def _only(flat: faiss.IndexFlatIP, places: np.ndarray) -> faiss.IndexFlatIP:
    """A bare index of some rows."""
    index = faiss.IndexFlatIP(flat.d)
    if len(places):
        index.add(flat.reconstruct_batch(places))
    return index


def tell_found(
    gallery: Gallery,
    flat: faiss.IndexFlatIP,
    kind: str,
    one: Filtered,
    asked: tuple[Vectors, list[list[str]]],
) -> None:
    """How many of the right people are in the answers; never are they fewer.

    Args:
        gallery: is asked.
        flat: its vectors as they lie in the database.
        kind: of its index.
        one: the filter.
        asked: queries float32[q, d], and the right people of each.
    """
    queries, right = asked
    if not any(right):  # no sighting passes
        return
    answers = gallery.query_embeddings(queries, k=K, **one.options)
    found = [[match.pid for match in answer.matches] for answer in answers]
    assert [*map(len, found)] == [*map(len, right)], "fewer people than there are"
    missed = [
        (query, pid)
        for query, theirs, best in zip(queries, found, right, strict=True)
        for pid in best
        if pid not in theirs
    ]
    row = Row(
        what=f"{kind}, {one.name}: of the best {K} people by brute force",
        size=flat.ntotal,
        floor=sum(map(len, right)),
        ours=sum(map(len, right)) - len(missed),
        unit="",
        aim=FOUND[kind],
        why=_why(gallery, flat, one, missed[:SHOWN]) if kind == "two-stage" else MISLED,
    )
    tell(row)


def _why(
    gallery: Gallery, flat: faiss.IndexFlatIP, one: Filtered, missed: list[tuple[Vectors, str]]
) -> str:
    """Print where each that was missed is; return it in a few words."""
    if not missed:
        return MISLED
    by_bits, by_estimate = [], []
    for query, pid in missed:
        score, bits, estimate = _places_of(gallery, flat, one, query, pid)
        by_bits.append(f"{bits:,}")
        by_estimate.append(f"{estimate:,}")
        print(
            f"    missed {pid}: number {score:,} by true score, {bits:,} by differing bits, "
            f"{estimate:,} by estimate",
            flush=True,
        )
    estimated = twostage._ESTIMATED * twostage._SCORED
    return (
        f"{MISLED}: those missed are number {', '.join(by_bits)} by differing bits, of which about "
        f"{estimated:,} are estimated, and {', '.join(by_estimate)} by estimate, of which at least "
        f"{twostage._SCORED} may be scored"
    )


def _places_of(
    gallery: Gallery, flat: faiss.IndexFlatIP, one: Filtered, query: Vectors, pid: str
) -> tuple[int, int, int]:
    """Which a person's best sighting is of those searched: by true score, bits and estimate."""
    with closing(sqlite3.connect(gallery._store.directory.root / "gallery.sqlite3")) as database:
        owned = database.execute(
            "SELECT s.id, pid FROM sightings s JOIN identities i ON i.id = identity_id"  # noqa: S608
            f" WHERE {one.where} ORDER BY s.id"
        ).fetchall()
    index = gallery._keeper._index
    passing = np.array([number for number, _ in owned])
    # A wide filter is applied to what a search of all finds; see `ranking.rank_identities`.
    searched = index.ids() if len(passing) >= _WIDE * len(index) else passing
    whole = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d).reshape(flat.ntotal, flat.d)
    scores = (whole @ query)[searched - 1]
    theirs = np.searchsorted(searched, [number for number, whose in owned if whose == pid])
    best = theirs[scores[theirs].argmax()]
    values = (scores, -_differing(index, searched, query), _estimates(index, searched, query))
    by_score, by_bits, by_estimate = (1 + int((some > some[best]).sum()) for some in values)
    return by_score, by_bits, by_estimate


def _differing(index: twostage.TwoStageIndex, ids: Ids, query: Vectors) -> npt.NDArray[np.int32]:
    bits = index._stack.column(twostage._BITS, ids)
    return kernels.hamming(index._signs.reduce(query[np.newaxis])[0][0], bits)


def _estimates(index: twostage.TwoStageIndex, ids: Ids, query: Vectors) -> Vectors:
    """Of all these rows, a block at a time: a byte becomes eight on the way."""
    estimate, column = index._signs.estimator(query), index._stack.column
    return np.concatenate(
        [
            estimate(column(twostage._BITS, some), column(twostage._FACTORS, some))
            for some in np.split(ids, range(BLOCK_ROWS, len(ids), BLOCK_ROWS))
        ]
    )

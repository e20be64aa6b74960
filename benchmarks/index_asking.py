"""Asking a large gallery, beside bare FAISS: how long it takes, and whether the answers are right.

Half of those who ask are acquaintances, people of the gallery seen once more, and half strangers:
of an acquaintance many sightings may crowd the first rows, so that an index is asked again.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import numpy as np
from bulk import CAMERAS, Vectors
from people_like import PeopleLike
from reid_gallery import Gallery
from reid_gallery.gallery.ranking import best_identities, exact_scores
from rows import Aim, Row, tell, tell_times
from sides import Seconds, in_turn, timed

K = 5
BATCH = 64
LARGE = 500_000
"""From so many sightings on what takes seconds is done once."""

ONE = {
    "certified": Aim(most=0.35, size=1_000_000),
    "two-stage": Aim(most=0.05, size=1_000_000),
}
FOUND = {"flat": Aim(least=1), "certified": Aim(least=1), "two-stage": Aim(least=0.999)}

SLOW_ONE = (
    "what is the same at all sizes (the snapshot, some hundred vectors read from the database, "
    "people and sightings) and, of a million, the pass over every code"
)
SLOW_MANY = "FAISS divides a batch among the cores, and a gallery's queries follow one another"
SLOW_FILTERED = "of a wide filter's hits, some are dropped, so that more are looked at"
MISLED = "codes of a bit a dimension mislead about some sighting"

Askers = dict[str, Vectors]
"""By who they are: float32[n, d], one query each."""


def who_asks(store: Path, like: PeopleLike, count: int) -> Askers:
    """So many of either kind; people of the gallery at even distances are seen once more."""
    strangers = [rows[::20] for rows, _ in like.draw(20 * count, seed=7)]
    with closing(sqlite3.connect(store / "gallery.sqlite3")) as database:
        people = [row[0] for row in database.execute("SELECT id FROM identities ORDER BY id")]
        chosen = people[:: max(1, len(people) // count)][:count]
        means = [_mean_of(database, person) for person in chosen]
    seen = like.seen_again(np.array(means), np.random.default_rng(7))
    return {"an acquaintance": seen, "a stranger": np.concatenate(strangers)[:count]}


def _mean_of(database: sqlite3.Connection, person: int) -> Vectors:
    rows = database.execute(
        "SELECT vector FROM vectors_1 JOIN sightings ON id = sighting_id WHERE identity_id = ?",
        (person,),
    )
    return np.asarray(np.mean([np.frombuffer(vector, "<f4") for (vector,) in rows], axis=0))


def mixed(askers: Askers, count: int) -> Vectors:
    """So many of all kinds, in turn."""
    rows = np.stack([some[: -(-count // len(askers))] for some in askers.values()], axis=1)
    return np.ascontiguousarray(rows.reshape(-1, rows.shape[-1])[:count])


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


def ask_one(gallery: Gallery, flat: faiss.Index, askers: Askers, kind: str) -> None:
    """One query at a time, by who asks, with one thread for either side."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # the floor's one query has use for no more, and waits for them
    for who, queries in askers.items():
        looked_at: list[int] = []

        def ours(run: int, queries: Vectors = queries, told: list[int] = looked_at) -> None:
            before = _rescored(gallery)
            gallery.query_embeddings(queries[run : run + 1], k=K)
            told.append(_rescored(gallery) - before)

        taken = in_turn(
            {"floor": lambda run, q=queries: flat.search(q[run : run + 1], K), "ours": ours},
            len(queries),
        )
        what = f"{kind}, one query of {who} / IndexFlatIP"
        tell_times(what, flat.ntotal, *taken.values(), aim=ONE.get(kind), why=SLOW_ONE)
        if any(looked_at):
            _tell_rescored(f"{kind}, rows scored by vector for {who}", flat.ntotal, looked_at)
    faiss.omp_set_num_threads(threads)


def _rescored(gallery: Gallery) -> int:
    """How many rows the index has scored with their vectors; none where it doesn't count them."""
    return getattr(gallery._keeper._index, "rescored", 0)


def _tell_rescored(what: str, size: int, looked_at: Sequence[int]) -> None:
    what += f" (at most {max(looked_at):,}) / all"
    tell(Row(what=what, size=size, floor=size, ours=median(looked_at), unit=""))


def ask_many(gallery: Gallery, flat: faiss.Index, queries: Vectors, kind: str) -> None:
    """A batch."""
    taken = in_turn(
        {
            "floor": lambda _: flat.search(queries, K),
            "ours": lambda _: gallery.query_embeddings(queries, k=K),
        },
        1 if flat.ntotal > LARGE else 3,
    )
    many = {"aim": Aim(most=1.05, size=100_000), "why": SLOW_MANY} if kind == "certified" else {}
    what = f"{kind}, batch of {len(queries)} / IndexFlatIP"
    tell_times(what, flat.ntotal, *taken.values(), **many)


def ask_filtered(
    gallery: Gallery, size: int, queries: Vectors, kind: str, chosen: Sequence[Filtered]
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
            min(16, len(queries)),
        )
        what = f"{kind}, {one.name} / no filter"
        tell_times(what, size, *taken.values(), aim=Aim(most=1.2), why=SLOW_FILTERED)


def ask_after_enrolling(
    gallery: Gallery, size: int, queries: Vectors, kind: str, one: Filtered
) -> None:
    """The first query with a filter of a new state of the store."""
    taken: dict[str, list[Seconds]] = {"floor": [], "ours": []}
    for query in queries:
        for side, options in (("floor", {}), ("ours", one.options)):
            gallery.enroll_embeddings(query[None], pids=[f"{kind}, {side}"])
            asked = timed(lambda q=query, o=options: gallery.query_embeddings(q[None], k=K, **o))
            taken[side].append(asked)
    what = f"{kind}, {one.name}, the first after an enrolment / no filter"
    tell_times(what, size, *taken.values(), aim=Aim(most=1.2), why=SLOW_FILTERED)


def right_people(
    store: Path, flat: faiss.IndexFlatIP, queries: Vectors, where: str = "1"
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
    size: int,
    queries: Vectors,
    kind: str,
    right: tuple[str, dict[str, Any], list[list[str]]],
) -> None:
    """How many of the right people, of a filter, are in the answers; never are they fewer."""
    name, options, best = right
    if not any(best):  # no sighting passes
        return
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
        why=MISLED,
    )
    tell(row)

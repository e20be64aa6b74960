"""Asking a large gallery, beside bare FAISS: how long it takes.

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
from bulk import CAMERAS, RARE, RAREST, Vectors
from people_like import PeopleLike
from query_parts import in_words, tell_parts, time_parts
from reid_gallery import Gallery
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

SLOW_MANY = "FAISS divides a batch among the cores, and a gallery's queries follow one another"
SLOW_FILTERED = "of a wide filter's hits, some are dropped, so that more are looked at"

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
    """By camera and by time: half of the sightings, a hundredth and a ten thousandth.

    A camera's are scattered, and those of a time the last ones.
    """
    found = [
        _of_cameras("cameras, 50 %", half_of_cameras(0)),
        _of_cameras("camera, 1 %", [RARE]),
        _of_cameras("camera, 0.01 %", [RAREST]),
    ]
    with closing(sqlite3.connect(store / "gallery.sqlite3")) as database:
        last, count = database.execute(
            "SELECT max(time_us), count(time_us) FROM sightings"
        ).fetchone()
    for name, share in (("time, 50 %", 2), ("time, 1 %", 100), ("time, 0.01 %", 10_000)):
        before = timedelta(seconds=max(1, count // share) - 1)
        since = datetime.fromtimestamp(last / 1e6, UTC) - before
        where = f"time_us >= {int(since.timestamp() * 1e6)}"
        found.append(Filtered(name, {"since": since}, where))
    return found


def half_of_cameras(first: int) -> list[str]:
    """Ten of the twenty ordinary ones; each ``first`` below twenty gives another half."""
    return [f"c{(first + camera) % CAMERAS}" for camera in range(CAMERAS // 2)]


def _of_cameras(name: str, cameras: list[str]) -> Filtered:
    return Filtered(name, {"cameras": cameras}, f"camera IN ({', '.join(map(repr, cameras))})")


def ask_one(gallery: Gallery, flat: faiss.Index, askers: Askers, kind: str) -> None:
    """One query at a time, by who asks, with one thread for either side."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # the floor's one query has use for no more, and waits for them
    why = _tell_parts(gallery, flat.ntotal, askers, kind) if kind in ONE else ""
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
        tell_times(what, flat.ntotal, *taken.values(), aim=ONE.get(kind), why=why)
        if any(looked_at):
            _tell_rescored(f"{kind}, rows scored by vector for {who}", flat.ntotal, looked_at)
    faiss.omp_set_num_threads(threads)


def _tell_parts(gallery: Gallery, size: int, askers: Askers, kind: str) -> str:
    """Of what one query's time is made up; returns it in words."""
    some = mixed(askers, sum(map(len, askers.values())))
    parts = time_parts(lambda run: gallery.query_embeddings(some[run : run + 1], k=K), len(some))
    tell_parts(f"{kind}, one query", size, parts)
    return in_words(parts, size)


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


def ask_first(gallery: Gallery, size: int, queries: Vectors, kind: str) -> None:
    """The first query with a wide filter, of a process that has none remembered: just rebuilt.

    Each query has another half of the cameras. Those that are asked once more, for the parts of
    the time, have others again; all are fewer than a process remembers.
    """
    runs = min(5, len(queries) // 2)
    gallery.query_embeddings(queries[:1], k=K)  # without a filter a gallery is asked all the time

    def ours(run: int) -> None:
        gallery.query_embeddings(queries[run : run + 1], k=K, cameras=half_of_cameras(run))

    taken = in_turn(
        {
            "floor": lambda run: gallery.query_embeddings(queries[run : run + 1], k=K),
            "ours": ours,
        },
        runs,
    )
    parts = time_parts(lambda run: ours(runs + run), runs)
    what = f"{kind}, cameras, 50 %, the first with this filter / no filter"
    tell_times(what, size, *taken.values(), aim=Aim(most=1.2), why=in_words(parts, size))


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

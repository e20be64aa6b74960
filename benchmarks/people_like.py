"""Vectors that lie as people's embeddings do, any number of them, from some real ones.

A person is a real person's mean moved by noise of the covariance between people; a sighting is a
real sighting's difference from its person's mean, of anyone's, plus noise of the covariance within
people. Both are scaled so that the variances stay those of the real embeddings.
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
from reid_gallery import Gallery
from reid_gallery.gallery.figures import draw_figures

Vectors = npt.NDArray[np.float32]

_MOVED, _SHAKEN = 0.75, 0.5
"""Shares of noise, as standard deviations, between and within people."""

_AT_ONCE = 400
"""People drawn together."""


class PeopleLike:
    """Draws people like those of a store; ``leave_out`` names who is nobody in particular."""

    def __init__(self, vectors: Vectors, people: npt.NDArray[np.int64]) -> None:
        counts = np.bincount(people)
        means = np.zeros((len(counts), vectors.shape[1]))
        np.add.at(means, people, vectors)
        means /= counts[:, None]
        self._differences = (vectors - means[people]).astype(np.float32)
        within = self._differences.T.astype(np.float64) @ self._differences
        within /= max(1, len(vectors) - len(counts))
        between = np.cov(means.T) - within / counts.mean()
        self._centre, self._means, self._counts = means.mean(axis=0), means, counts
        self._between, self._within = _root(between), _root(within)

    @classmethod
    def of_store(cls, store: Path, *, leave_out: str = "0000") -> "PeopleLike":
        """From a gallery's own embeddings; it is only read."""
        with closing(sqlite3.connect(f"file:{store / 'gallery.sqlite3'}?mode=ro", uri=True)) as db:
            (generation,) = db.execute("SELECT id FROM generations WHERE current = 1").fetchone()
            rows = db.execute(
                f"SELECT v.vector, i.pid FROM vectors_{generation} v JOIN sightings s"  # noqa: S608
                " ON s.id = v.sighting_id JOIN identities i ON i.id = s.identity_id"
            ).fetchall()
        kept = [(vector, pid) for vector, pid in rows if pid != leave_out]
        vectors = np.stack([np.frombuffer(vector, "<f4") for vector, _ in kept])
        return cls(vectors, np.unique([pid for _, pid in kept], return_inverse=True)[1])

    @classmethod
    def of_figures(cls) -> "PeopleLike":
        """From drawn people, for a run without data; they differ in fewer ways than people do."""
        with tempfile.TemporaryDirectory() as folder:
            return cls.of_store(enroll_figures(Path(folder))[1])

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._means.shape[1]

    def draw(self, count: int, *, seed: int = 0) -> Iterator[tuple[Vectors, npt.NDArray[np.int64]]]:
        """Yield float32[n, d] unit rows and int64[n] people, ``count`` in all, a person's together.

        A person has as many sightings as some real one.
        """
        random = np.random.default_rng(seed)
        first = 0
        while count:
            rows, people = self._draw_some(random)
            rows, people = rows[:count], people[:count]
            yield rows, first + people
            count, first = count - len(rows), first + _AT_ONCE

    def _draw_some(self, random: np.random.Generator) -> tuple[Vectors, npt.NDArray[np.int64]]:
        like = random.integers(0, len(self._means), _AT_ONCE)
        noise = random.standard_normal((_AT_ONCE, self.dim), dtype=np.float32)
        stay = np.sqrt(1 - _MOVED**2)
        means = self._centre + stay * (self._means[like] - self._centre)
        means = means + _MOVED * (noise @ self._between.T)
        people = np.repeat(np.arange(_AT_ONCE), self._counts[like])
        return self.seen_again(means[people], random), people

    def seen_again(self, means: npt.NDArray[np.floating], random: np.random.Generator) -> Vectors:
        """Another sighting of each person, float32[n, d] unit rows, given everyone's mean."""
        differences = self._differences[random.integers(0, len(self._differences), len(means))]
        noise = random.standard_normal((len(means), self.dim), dtype=np.float32)
        shaken = np.sqrt(1 - _SHAKEN**2) * differences + _SHAKEN * (noise @ self._within.T)
        rows = (means + shaken).astype(np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def enroll_figures(folder: Path) -> tuple[Path, Path]:
    """Draw 480 pictures of 80 people in ``folder / "figures"``; enroll them in another beside it.

    Returns:
        The pictures' folder and the gallery's.
    """
    figures, store = folder / "figures", folder / "of_figures"
    draw_figures(figures, people=80, cameras=3, per_camera=2, seed=1)
    with Gallery.open(store) as gallery:
        gallery.enroll([str(figures)])
    return figures, store


def _root(covariance: npt.NDArray[np.float64]) -> Vectors:
    values, axes = np.linalg.eigh(covariance)
    return (axes * np.sqrt(np.clip(values, 0, None))).astype(np.float32)

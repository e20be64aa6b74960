"""How well people that a run held out are recognised."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..gallery.errors import NotFoundError
from ..gallery.evaluation.intervals import Interval, interval_of, resampled_means
from ..gallery.evaluation.retrieval import RetrievalResult, evaluate_retrieval
from .splitting import TrainingPicture

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HeldOutResult:
    """Each picture asked for its person's pictures of other cameras, source by source.

    Attributes:
        sources: each source's result; those where nobody was seen by two cameras, or only one
            person is held out, have none.
        people: held out, in all.
    """

    sources: dict[str, RetrievalResult]
    people: int

    def figure(self, name: str) -> float:
        """Mean over the sources, each with the same weight, of one of `RetrievalResult.figures`."""
        return float(np.mean([result.figures()[name] for result in self.sources.values()]))

    def interval(self, name: str) -> Interval:
        """Interval of `figure`: people of each source are resampled by themselves."""
        means = [
            resampled_means(result.per_query()[name], result.pids, seed=number)
            for number, result in enumerate(self.sources.values())
        ]
        return interval_of(np.mean(means, axis=0))


def rank_held_out(embeddings: Vectors, pictures: Sequence[TrainingPicture]) -> HeldOutResult | None:
    """Rank held-out pictures among each other.

    Args:
        embeddings: float32[n, d] unit rows.
        pictures: whose they are.

    Returns:
        The result; None when no person was seen by two cameras, or there is one alone.
    """
    people = np.array([p.person for p in pictures])
    cameras = np.array([p.camera for p in pictures])
    sources = np.array([p.source for p in pictures])
    results = {}
    for source in sorted(set(sources.tolist())):
        mine = sources == source
        if len(set(people[mine].tolist())) < 2:  # who is alone is always found first
            continue
        with suppress(NotFoundError):  # nobody in this source was seen by two cameras
            results[source] = _rank(embeddings[mine], people[mine], cameras[mine])
    return HeldOutResult(results, len(set(people.tolist()))) if results else None


def _rank(
    embeddings: Vectors, people: npt.NDArray[np.str_], cameras: npt.NDArray[np.str_]
) -> RetrievalResult:
    return evaluate_retrieval(
        embeddings,
        embeddings,
        query_pids=people,
        gallery_pids=people,
        query_cameras=cameras,
        gallery_cameras=cameras,
    )

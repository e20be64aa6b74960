"""A trial's result: from embeddings to figures with their denominators."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..counted import counted
from ..embeddings import check_embeddings
from ..errors import EmbeddingError
from .counting import Rows
from .intervals import Interval, bootstrap_interval, bracket
from .reranking import RerankedScorer, Reranking
from .retrieval import FIGURES, RetrievalResult, evaluate_scorer
from .scoring import ApConvention, CosineScorer, Embeddings, Scorer, take_rows
from .trials import Trial


@dataclass(frozen=True, eq=False)
class TrialResult:
    """Figures of one trial, averaged over its splits; ``print`` gives the table.

    Attributes:
        trial: what was asked.
        splits: one result a split, in the trial's order.
        reranking: how the scores were re-ranked; None if they are cosines.
    """

    trial: Trial
    splits: tuple[RetrievalResult, ...]
    reranking: Reranking | None = None

    @property
    def pids(self) -> npt.NDArray[np.str_]:
        """Whose query it is, for all queries of all splits."""
        return np.concatenate([split.pids for split in self.splits])

    def per_query(self) -> dict[str, npt.NDArray[np.float64]]:
        """`RetrievalResult.per_query` of all splits, one after the other."""
        by_split = [split.per_query() for split in self.splits]
        return {name: np.concatenate([one[name] for one in by_split]) for name in by_split[0]}

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """What each query weighs in a figure: splits weigh the same, however many they ask."""
        return np.concatenate([split.weights / split.valid_queries for split in self.splits])

    def figures(self) -> dict[str, float]:
        """Mean over splits of every figure of `RetrievalResult.figures`, in [0, 1]."""
        by_split = [split.figures() for split in self.splits]
        return {name: float(np.mean([one[name] for one in by_split])) for name in by_split[0]}

    def intervals(self) -> dict[str, Interval]:
        """95 % interval of every figure: people are resampled, with all queries of all splits."""
        pids, weights = self.pids, self.weights
        return {
            name: bootstrap_interval(values, pids, weights=weights)
            for name, values in self.per_query().items()
        }

    def denominators(self) -> str:
        """How much was asked of how much, in words."""
        valid = _range([split.valid_queries for split in self.splits], "valid query")
        skipped = _range([split.skipped_queries for split in self.splits])
        size = _range([split.gallery_size for split in self.splits], "picture")
        return (
            f"{counted(len(self.splits), 'split')} (seed {self.trial.seed}), in each: "
            f"{valid}, {skipped} skipped, gallery of {size}"
        )

    def conditions(self) -> list[str]:
        """How it was measured, in words: what was asked, and what isn't as usual."""
        lines = [self.denominators()]
        if self.splits[0].ap_convention == "trapezoid":
            lines.append("average precision by trapezoid, as Market-1501's first toolkit has it")
        if self.reranking is not None:
            lines.append(str(self.reranking))
        return lines

    def certainty(self) -> str:
        """How sure the figures are, in words."""
        means = "Means over splits; " if len(self.splits) > 1 else ""
        if len(np.unique(self.pids)) == 1:
            return f"{means}one person: no interval"
        return f"{means}95 % intervals bootstrapped by identity"

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.trial.name}: {self.trial.description}",
                *self.conditions(),
                *self._rows(),
                f"{self.certainty()}.",
            ]
        )

    __repr__ = __str__

    def _rows(self) -> list[str]:
        figures, intervals = self.figures(), self.intervals()
        return [
            f"  {label:<24}{figures[name]:6.1%}{bracket(intervals[name])}"
            for name, label in FIGURES.items()
        ]


def evaluate_trial(
    trial: Trial,
    embeddings: npt.NDArray[Any],
    *,
    ap_convention: ApConvention = "sum",
    reranking: Reranking | None = None,
) -> TrialResult:
    """Measure embeddings of a trial's pictures.

    Args:
        trial: what is asked.
        embeddings: float32[n, d] unit rows, one a picture, in the trial's order.
        ap_convention: as in `evaluate_retrieval`.
        reranking: re-rank by k-reciprocal neighbours; None ranks by cosine.

    Raises:
        EmbeddingError: there isn't one unit row a picture.
        NotFoundError: no query of a split has a relevant item.
    """
    rows = check_embeddings(embeddings)
    if len(rows) != len(trial.pids):
        raise EmbeddingError(
            f"{counted(len(rows), 'embedding')} for {len(trial.pids):,} pictures; give one each"
        )
    pids, views = np.array(trial.people), np.array(trial.views)

    def evaluate(query: Rows, gallery: Rows) -> RetrievalResult:
        return evaluate_scorer(
            make_scorer(rows, query, gallery, reranking),
            query_pids=pids[query],
            gallery_pids=pids[gallery],
            query_cameras=views[query],
            gallery_cameras=views[gallery],
            ap_convention=ap_convention,
        )

    return TrialResult(trial, tuple(evaluate(*split) for split in trial.splits), reranking)


def make_scorer(
    vectors: Embeddings, query: Rows, gallery: Rows, reranking: Reranking | None
) -> Scorer:
    """Score a split's rows; what asks and is asked at once is one neighbour in re-ranking."""
    if reranking is None:
        return CosineScorer(take_rows(vectors, query), take_rows(vectors, gallery))
    used = np.unique(np.concatenate([query, gallery]))
    return RerankedScorer(
        take_rows(vectors, used),
        np.searchsorted(used, query),
        np.searchsorted(used, gallery),
        reranking,
    )


def _range(counts: list[int], noun: str = "") -> str:
    """From the least to the most, or the one number that all are; with its noun, if any."""
    low, high = min(counts), max(counts)
    most = counted(high, noun) if noun else f"{high:,}"
    return most if low == high else f"{low:,} to {most}"

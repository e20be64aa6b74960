"""Retrieval figures: mAP, CMC and mINP, exact, in pure numpy and little memory.

Conventions, where other code differs:

- A query without a relevant item is skipped and counted, never scored 0.
- Ties are broken by gallery order; two runs give the same figures.
- AP is the sum of the precision at each relevant item over their number ("sum"). Market-1501's
  first toolkit averaged it with the precision one rank earlier ("trapezoid"); ask for it by name.
- CMC@r is the share of queries with a relevant picture among the best r pictures. By identity, it
  is the share with their person among the best r people, each standing where its best sighting
  stands; that is what somebody sees who asks a gallery for its top r.
- mINP is the mean over queries of relevant items / rank of the last of them (Ye et al. 2021,
  "Deep Learning for Person Re-identification: A Survey and Outlook").
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..embeddings import check_embeddings
from ..errors import EmbeddingError, NotFoundError
from .counting import Rows
from .intervals import Interval, bootstrap_interval
from .relevance import Cameras, Pids, Relevance
from .scoring import (
    AP_CONVENTIONS,
    ApConvention,
    CosineScorer,
    Scorer,
    Values,
    score_queries,
)

RANKS = (1, 5, 10)
"""The r of CMC@r."""

FIGURES = (
    {"map": "mAP", "minp": "mINP"}
    | {f"cmc_{rank}": f"CMC@{rank} by picture" for rank in RANKS}
    | {f"identity_cmc_{rank}": f"CMC@{rank} by identity" for rank in RANKS}
)
"""Every figure's name in words."""


@dataclass(frozen=True, eq=False)
class RetrievalResult:
    """Per-query figures of ``v`` valid queries, in query order; every figure is a mean of them.

    Attributes:
        average_precision: float64[v], in (0, 1].
        inverse_penalty: float64[v], in (0, 1]: relevant items / rank of the last.
        first_rank: int64[v], rank of the best relevant picture, from 1.
        identity_rank: int64[v], rank of the query's person among distinct identities, from 1.
        query_rows: int64[v], which of the queries asked these are.
        pids: str[v], the valid queries' identities.
        skipped_queries: queries without a relevant item in the gallery.
        gallery_size: items in the gallery, junk included.
        ap_convention: how AP was summed.
    """

    average_precision: Values
    inverse_penalty: Values
    first_rank: Rows
    identity_rank: Rows
    query_rows: Rows
    pids: npt.NDArray[np.str_]
    skipped_queries: int
    gallery_size: int
    ap_convention: ApConvention = "sum"

    @property
    def valid_queries(self) -> int:
        """How many queries the figures are means of."""
        return len(self.query_rows)

    @property
    def map(self) -> float:
        """Mean average precision, in (0, 1]."""
        return float(self.average_precision.mean())

    @property
    def minp(self) -> float:
        """Mean inverse negative penalty, in (0, 1]."""
        return float(self.inverse_penalty.mean())

    @property
    def cmc(self) -> dict[int, float]:
        """CMC@r by picture, for r of `RANKS`."""
        return {rank: float((self.first_rank <= rank).mean()) for rank in RANKS}

    @property
    def identity_cmc(self) -> dict[int, float]:
        """CMC@r by distinct identity, for r of `RANKS`."""
        return {rank: float((self.identity_rank <= rank).mean()) for rank in RANKS}

    def per_query(self) -> dict[str, Values]:
        """Each figure's float64[v]: ``map``, ``minp``, ``cmc_1``... and ``identity_cmc_1``..."""
        by_picture = {f"cmc_{rank}": self.first_rank <= rank for rank in RANKS}
        by_identity = {f"identity_cmc_{rank}": self.identity_rank <= rank for rank in RANKS}
        return {"map": self.average_precision, "minp": self.inverse_penalty} | {
            name: hit.astype(np.float64) for name, hit in (by_picture | by_identity).items()
        }

    @property
    def weights(self) -> Values:
        """float64[v], what each query weighs in a figure: all the same."""
        return np.ones(self.valid_queries)

    def figures(self) -> dict[str, float]:
        """Every figure by name, as `per_query` names them, in [0, 1]."""
        return {name: float(values.mean()) for name, values in self.per_query().items()}

    def interval(self, figure: str, *, level: float = 0.95, seed: int = 0) -> Interval:
        """Interval of one of the `figures`, bootstrapped by identity."""
        return bootstrap_interval(self.per_query()[figure], self.pids, level=level, seed=seed)

    def __repr__(self) -> str:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in self.figures().items())
        return (
            f"RetrievalResult({figures}; {self.valid_queries} valid queries, "
            f"{self.skipped_queries} skipped, gallery of {self.gallery_size})"
        )


def evaluate_retrieval(
    query_embeddings: npt.NDArray[Any],
    gallery_embeddings: npt.NDArray[Any],
    *,
    query_pids: Pids,
    gallery_pids: Pids,
    query_cameras: Cameras | None = None,
    gallery_cameras: Cameras | None = None,
    ap_convention: ApConvention = "sum",
) -> RetrievalResult:
    """Rank the gallery for every query by cosine and say how well it did.

    Args:
        query_embeddings: float32[q, d], unit rows; not changed.
        gallery_embeddings: float32[g, d], unit rows; not changed.
        query_pids: identity of each query.
        gallery_pids: identity of each gallery item.
        query_cameras: camera of each query; with ``gallery_cameras`` or not at all.
        gallery_cameras: camera of each gallery item.
        ap_convention: "sum" or "trapezoid", see above.

    Raises:
        EmbeddingError: rows aren't unit vectors of one dimension, or labels don't match in number.
        NotFoundError: no query has a relevant item, so that there is nothing to say.
        ValueError: the AP convention is unknown.
    """
    query = check_embeddings(query_embeddings, name="query_embeddings")
    gallery = check_embeddings(gallery_embeddings, dim=query.shape[1], name="gallery_embeddings")
    return evaluate_scorer(
        CosineScorer(query, gallery),
        query_pids=query_pids,
        gallery_pids=gallery_pids,
        query_cameras=query_cameras,
        gallery_cameras=gallery_cameras,
        ap_convention=ap_convention,
    )


def evaluate_scorer(
    scorer: Scorer,
    *,
    query_pids: Pids,
    gallery_pids: Pids,
    query_cameras: Cameras | None = None,
    gallery_cameras: Cameras | None = None,
    ap_convention: ApConvention = "sum",
) -> RetrievalResult:
    """Measure scores of any kind, re-ranked ones for one; else as `evaluate_retrieval`.

    Raises:
        EmbeddingError: labels don't match in number, or a pid is missing.
        NotFoundError: no query has a relevant item, so that there is nothing to say.
        ValueError: the AP convention is unknown.
    """
    if ap_convention not in AP_CONVENTIONS:
        raise ValueError(f"ap_convention {ap_convention!r} is none of {', '.join(AP_CONVENTIONS)}")
    _check_labels(query_pids, scorer.queries, "query_pids")
    _check_labels(gallery_pids, scorer.items, "gallery_pids")
    _check_cameras(query_cameras, gallery_cameras, scorer.queries, scorer.items)
    relevance = Relevance(query_pids, gallery_pids, query_cameras, gallery_cameras)
    figures = score_queries(scorer, relevance, ap_convention)
    if not len(figures.rows):
        raise NotFoundError(
            f"none of {scorer.queries} queries has its person among {scorer.items} gallery items "
            "(those of its own camera don't count); check that both sides write pids alike"
        )
    return RetrievalResult(
        average_precision=figures.average_precision,
        inverse_penalty=figures.inverse_penalty,
        first_rank=figures.first_rank,
        identity_rank=figures.identity_rank,
        query_rows=figures.rows,
        pids=np.array([str(query_pids[row]) for row in figures.rows]),
        skipped_queries=scorer.queries - len(figures.rows),
        gallery_size=scorer.items,
        ap_convention=ap_convention,
    )


def _check_labels(labels: Pids | Cameras, count: int, name: str) -> None:
    if len(labels) != count:
        raise EmbeddingError(f"{name}: {len(labels)} labels for {count} embeddings")


def _check_cameras(
    query_cameras: Cameras | None, gallery_cameras: Cameras | None, queries: int, items: int
) -> None:
    if (query_cameras is None) != (gallery_cameras is None):
        raise EmbeddingError("cameras are given for one side only; give both, or neither")
    if query_cameras is not None and gallery_cameras is not None:
        _check_labels(query_cameras, queries, "query_cameras")
        _check_labels(gallery_cameras, items, "gallery_cameras")

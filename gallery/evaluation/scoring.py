"""From embeddings and labels to every query's own figures, a block of queries at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from .counting import Rows, Scores
from .ranks import Ranker, Ranks
from .relevance import Judged, Relevance

ApConvention = Literal["sum", "trapezoid"]
AP_CONVENTIONS: tuple[ApConvention, ...] = get_args(ApConvention)

Embeddings = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

_BLOCK_BYTES = 96 * 2**20
"""Memory for one block of scores; smaller blocks make the matrix product slower."""

_BLOCK_QUERIES = 512
"""More queries in a block no longer make the product faster."""


class Scorer(Protocol):
    """Scores of ``queries`` pictures with a gallery of ``items``; higher is closer."""

    queries: int
    items: int

    def score(self, rows: Rows, out: Scores) -> None:
        """Write the scores of some queries, int64[r], with all items into float32[r, items]."""


class CosineScorer:
    """Cosines of float32[q, d] with float32[g, d], unit rows."""

    def __init__(self, query: Embeddings, gallery: Embeddings) -> None:
        self._query, self._gallery = query, gallery
        self.queries, self.items = len(query), len(gallery)

    def score(self, rows: Rows, out: Scores) -> None:
        """Score as `Scorer` says."""
        np.matmul(self._query[rows], self._gallery.T, out=out)


def take_rows(vectors: Embeddings, rows: Rows) -> Embeddings:
    """Return ``vectors[rows]``, not copied if they lie next to one another in this order."""
    first = int(rows[0]) if len(rows) else 0
    if np.array_equal(rows, np.arange(first, first + len(rows))):
        return vectors[first : first + len(rows)]
    return vectors[rows]


@dataclass(frozen=True, slots=True)
class QueryFigures:
    """Figures of ``v`` valid queries, in query order.

    Attributes:
        rows: int64[v], which queries they are.
        average_precision: float64[v], in (0, 1].
        inverse_penalty: float64[v], in (0, 1]: relevant items / rank of the last.
        first_rank: int64[v], rank of the best relevant picture, from 1.
        identity_rank: int64[v], rank of the query's person among distinct identities, from 1.
    """

    rows: Rows
    average_precision: Values
    inverse_penalty: Values
    first_rank: Rows
    identity_rank: Rows


def score_queries(scorer: Scorer, relevance: Relevance, convention: ApConvention) -> QueryFigures:
    """Score every query that has a relevant item; there may be none."""
    empty = np.empty(0, dtype=np.int64)
    none = QueryFigures(empty, empty.astype(np.float64), empty.astype(np.float64), empty, empty)
    blocks = [none, *_score_blocks(scorer, relevance, convention)]
    return QueryFigures(
        **{
            field.name: np.concatenate([getattr(block, field.name) for block in blocks])
            for field in fields(QueryFigures)
        }
    )


def score_blocks(scorer: Scorer, relevance: Relevance) -> Iterator[tuple[Rows, Judged, Scores]]:
    """Score block after block of those queries that have a relevant item.

    Yields:
        int64[v], which queries they are; what is relevant and junk in them; and float32[v, g],
        which is overwritten by the next block.
    """
    queries, items = scorer.queries, scorer.items
    size = min(_BLOCK_QUERIES, queries, max(1, _BLOCK_BYTES // (4 * max(1, items))))
    memory = np.empty((size, items), dtype=np.float32)
    for start in range(0, queries, max(1, size)):
        judged = relevance.judge(start, min(start + size, queries))
        if not len(judged.queries):
            continue
        rows = start + judged.queries
        scores = memory[: len(rows)]
        scorer.score(rows, scores)
        yield rows, judged, scores


def _score_blocks(
    scorer: Scorer, relevance: Relevance, convention: ApConvention
) -> Iterator[QueryFigures]:
    ranker = Ranker(relevance)
    for rows, judged, scores in score_blocks(scorer, relevance):
        ranks = ranker.rank(scores, judged)
        last = np.cumsum(ranks.counts) - 1
        yield QueryFigures(
            rows=rows,
            average_precision=_average_precision(ranks, convention),
            inverse_penalty=ranks.counts / ranks.items[last],
            first_rank=ranks.items[last + 1 - ranks.counts],
            identity_rank=ranks.people,
        )


def _average_precision(ranks: Ranks, convention: ApConvention) -> Values:
    precision = ranks.nth / ranks.items
    if convention == "trapezoid":
        # One rank earlier one relevant item fewer was found; before rank 1 precision is 1.
        earlier = (ranks.nth - 1) / np.maximum(ranks.items - 1, 1)
        precision = (precision + np.where(ranks.items > 1, earlier, 1.0)) / 2
    starts = np.cumsum(ranks.counts) - ranks.counts
    return np.asarray(np.add.reduceat(precision, starts) / ranks.counts, dtype=np.float64)

"""From embeddings and labels to every query's own figures, a block of queries at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from .counting import Rows
from .ranks import Ranker, Ranks
from .relevance import Labels

ApConvention = Literal["sum", "trapezoid"]
AP_CONVENTIONS: tuple[ApConvention, ...] = get_args(ApConvention)

Embeddings = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

_BLOCK_BYTES = 96 * 2**20
"""Memory for one block of scores; smaller blocks make the matrix product slower."""

_BLOCK_QUERIES = 512
"""More queries in a block no longer make the product faster."""


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


def score_queries(
    query: Embeddings, gallery: Embeddings, labels: Labels, convention: ApConvention
) -> QueryFigures:
    """Score every query that has a relevant item; there may be none."""
    empty = np.empty(0, dtype=np.int64)
    none = QueryFigures(empty, empty.astype(np.float64), empty.astype(np.float64), empty, empty)
    blocks = [none, *_score_blocks(query, gallery, labels, convention)]
    return QueryFigures(
        **{
            field.name: np.concatenate([getattr(block, field.name) for block in blocks])
            for field in fields(QueryFigures)
        }
    )


def _score_blocks(
    query: Embeddings, gallery: Embeddings, labels: Labels, convention: ApConvention
) -> Iterator[QueryFigures]:
    size = min(_BLOCK_QUERIES, len(query), max(1, _BLOCK_BYTES // (4 * max(1, len(gallery)))))
    memory = np.empty((size, len(gallery)), dtype=np.float32)
    ranker = Ranker(labels)
    for start in range(0, len(query), max(1, size)):
        judged = labels.judge(start, min(start + size, len(query)))
        if not len(judged.queries):
            continue
        rows = start + judged.queries
        scores = memory[: len(rows)]
        np.matmul(query[rows], gallery.T, out=scores)
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

"""Re-ranking by k-reciprocal neighbours (Zhong et al. 2017, CVPR), in bounded memory.

"Re-ranking Person Re-identification with k-reciprocal Encoding": two pictures are alike if the
pictures near one of them are near the other. Where the paper leaves a choice, this does what its
authors' published program does, since all figures in the literature come from that:

- the neighbours of a picture, itself among them, are looked for among queries and gallery alike;
- dissimilarities, 2 - 2 cosine, are divided by the largest of each picture before the Gaussian
  kernel (eq. 7) and before the weighting with the Jaccard term (eq. 12);
- a candidate's set is added (eq. 3) if more than two thirds of it are shared, not just as many.

That program holds several n x n matrices; this holds k1 neighbours of every picture and the
kernel's few values that aren't zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..embeddings import check_embeddings
from ..errors import QueryError
from .counting import Rows, Scores
from .neighbours import Neighbours, find_neighbours
from .scoring import CosineScorer, take_rows
from .sparse import SparseRows, stack, starts_of

_BLOCK = 512
"""Pictures at a time."""

_NO_DISTANCE = np.float32(1e-6)
"""Less than this, 2 - 2 cosine of unit rows is rounding, and may be anything for equal ones."""

_PAIRS = 8192
"""Pairs whose score is computed at a time."""

Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Reranking:
    """The paper's parameters.

    Attributes:
        k1: neighbours of a picture.
        k2: neighbours whose encodings are averaged (local query expansion, sec. 3.4).
        cosine_weight: of the original dissimilarity in the result, lambda in eq. 12.

    Raises:
        QueryError: on values out of range.
    """

    k1: int = 20
    k2: int = 6
    cosine_weight: float = 0.3

    def __post_init__(self) -> None:
        if self.k1 < 1 or self.k2 < 1 or not 0 <= self.cosine_weight <= 1:
            raise QueryError(
                f"re-ranking needs k1 and k2 from 1 and a weight from 0 to 1, not {self!r}"
            )

    def __str__(self) -> str:
        return (
            f"re-ranked by k-reciprocal neighbours (k1 {self.k1}, k2 {self.k2}, "
            f"weight of the cosine {self.cosine_weight})"
        )


def rerank_scores(
    query_embeddings: npt.NDArray[Any],
    gallery_embeddings: npt.NDArray[Any],
    *,
    options: Reranking | None = None,
) -> Scores:
    """Re-rank a gallery for a batch of queries, which are each other's neighbours too.

    Args:
        query_embeddings: float32[q, d] unit rows.
        gallery_embeddings: float32[g, d] unit rows.
        options: the paper's parameters.

    Returns:
        float32[q, g], in [0, 1], higher is closer. They are no cosines: no threshold of a
        calibration fits them.

    Raises:
        EmbeddingError: rows aren't unit vectors of one dimension.
    """
    query = check_embeddings(query_embeddings, name="query_embeddings")
    gallery = check_embeddings(gallery_embeddings, dim=query.shape[1], name="gallery_embeddings")
    asking, asked = len(query), len(gallery)
    rows = np.arange(asking + asked)
    scorer = RerankedScorer(np.concatenate([query, gallery]), rows[:asking], rows[asking:], options)
    scores = np.empty((asking, asked), dtype=np.float32)
    scorer.score(rows[:asking], scores)
    return scores


class RerankedScorer:
    """Re-ranked scores of queries with a gallery, as `scoring.Scorer` gives cosines.

    A score is 1 less the dissimilarity of eq. 12, in [0, 1]: higher is closer.

    Args:
        vectors: float32[n, d] unit rows, queries and gallery; one that is both stands there once.
        query: int64[q], the rows that ask.
        gallery: int64[g], the rows that are asked.
        options: parameters.
    """

    def __init__(
        self, vectors: Scores, query: Rows, gallery: Rows, options: Reranking | None = None
    ) -> None:
        self._options = options or Reranking()
        self._vectors, self._query = vectors, query
        self._cosines = CosineScorer(take_rows(vectors, query), take_rows(vectors, gallery))
        self.queries, self.items = len(query), len(gallery)
        k1, k2 = self._options.k1, self._options.k2
        nearest, lowest = find_neighbours(vectors, max(k1 + 1, k2))
        self._farthest = np.maximum(2 - 2 * lowest, _NO_DISTANCE)
        encoded = self._encode(nearest[:, : k1 + 1])
        if k2 > 1:
            encoded = stack(_expand_queries(encoded, nearest[:, :k2]))
        self._asking = encoded.take(query)
        self._asked = encoded.take(gallery).transpose(len(vectors))

    def score(self, rows: Rows, out: Scores) -> None:
        """Write the scores of some queries with the whole gallery into float32[len(rows), g]."""
        weight = np.float32(self._options.cosine_weight)
        self._cosines.score(rows, out)
        for place, number in enumerate(rows.tolist()):
            far = self._farthest[self._query[number]]
            unlike = np.maximum(2 - 2 * out[place], 0) / far
            likeness = 1 - weight * unlike - (1 - weight) * self._jaccard(number)
            out[place] = np.clip(likeness, 0, 1)

    def _jaccard(self, query: int) -> Scores:
        """The Jaccard dissimilarity of a query with every gallery item (eq. 10)."""
        columns, values = self._asking.row(query)
        owners, places = self._asked.gather(columns.astype(np.int64))
        least = np.minimum(values[owners], self._asked.values[places])
        shared = np.bincount(self._asked.columns[places], weights=least, minlength=self.items)
        return np.asarray(1 - shared / (2 - shared), dtype=np.float32)

    def _encode(self, nearest: Neighbours) -> SparseRows:
        """The Gaussian kernel on each picture's expanded k-reciprocal set (eq. 3 and 7)."""
        half = nearest[:, : round(self._options.k1 / 2) + 1]
        mutual, half_mutual = _mark_mutual(nearest), _mark_mutual(half)
        blocks = []
        for block in _blocks(len(nearest)):
            members = _expand_sets(nearest, mutual, half, half_mutual, block)
            rows, columns = np.divmod(members, len(nearest))
            values = np.exp(-self._unlike(rows + block.start, columns))
            totals = np.bincount(rows, weights=values, minlength=block.stop - block.start)
            blocks.append(
                SparseRows(
                    starts_of(rows, block.stop - block.start),
                    columns.astype(np.int32),
                    (values / totals[rows]).astype(np.float32),
                )
            )
        return stack(blocks)

    def _unlike(self, left: Rows, right: Rows) -> Scores:
        scores = np.empty(len(left), dtype=np.float32)
        for start in range(0, len(left), _PAIRS):
            some = slice(start, start + _PAIRS)
            pair = self._vectors[left[some]], self._vectors[right[some]]
            scores[some] = np.einsum("nd,nd->n", *pair)
        return np.asarray(np.maximum(2 - 2 * scores, 0) / self._farthest[left])


def _mark_mutual(nearest: Neighbours) -> Marks:
    """Mark whose neighbours have them among theirs (eq. 1): bool[n, k]."""
    mutual = np.empty(nearest.shape, dtype=np.bool_)
    for block in _blocks(len(nearest)):
        own = np.arange(block.start, block.stop, dtype=np.int32)
        mutual[block] = (nearest[nearest[block]] == own[:, None, None]).any(axis=2)
    return mutual


def _expand_sets(
    nearest: Neighbours, mutual: Marks, half: Neighbours, half_mutual: Marks, block: slice
) -> Rows:
    """Add to each set those of its members that share enough with it (eq. 3).

    Returns:
        int64[m], ascending: row in the block times n, plus member; each once.
    """
    own = np.where(mutual[block], nearest[block], -1)
    candidates = half[nearest[block]]
    belongs = half_mutual[nearest[block]] & mutual[block][:, :, None]
    shared = (candidates[..., None] == own[:, None, None, :]).any(axis=3) & belongs
    enough = 3 * shared.sum(axis=2) > 2 * belongs.sum(axis=2)
    first = np.arange(len(own), dtype=np.int64) * len(nearest)
    added = (first[:, None, None] + candidates)[belongs & enough[:, :, None]]
    return np.unique(np.concatenate([(first[:, None] + own)[own >= 0], added]))


def _expand_queries(encoded: SparseRows, nearest: Neighbours) -> Iterator[SparseRows]:
    """Average each picture's encoding with those of its nearest (sec. 3.4)."""
    width, several = nearest.shape  # fewer than k2 in a tiny set
    for block in _blocks(len(nearest)):
        owners, places = encoded.gather(nearest[block].ravel().astype(np.int64))
        keys = owners // several * width + encoded.columns[places]
        members, entries = np.unique(keys, return_inverse=True)
        sums = np.bincount(entries, weights=encoded.values[places])
        rows, columns = np.divmod(members, width)
        yield SparseRows(
            starts_of(rows, block.stop - block.start),
            columns.astype(np.int32),
            (sums / several).astype(np.float32),
        )


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, _BLOCK):
        yield slice(start, min(start + _BLOCK, count))

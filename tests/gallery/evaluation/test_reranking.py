"""The published algorithm, dense, against the sparse one."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.errors import EmbeddingError, QueryError
from reid_gallery.gallery.evaluation import neighbours, reranking
from reid_gallery.gallery.evaluation.neighbours import find_neighbours
from reid_gallery.gallery.evaluation.reranking import RerankedScorer, Reranking, rerank_scores

Array = npt.NDArray[np.float32]


def unit(count: int, dim: int = 8, seed: int = 0) -> Array:
    """People: few centres, much noise, so that neighbours are partly mutual."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(max(2, count // 5), dim))
    rows = centres[generator.integers(len(centres), size=count)]
    rows = rows + 0.6 * generator.normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def dense(vectors: Array, options: Reranking) -> npt.NDArray[np.float64]:
    """Zhong et al. 2017 with n x n matrices, written from the paper: dissimilarities, eq. 12."""
    rows = vectors.astype(np.float64)
    count = len(rows)
    d = np.maximum(2 - 2 * rows @ rows.T, 0)
    order = np.argsort(d, axis=1, kind="stable")
    d /= d.max(axis=1, keepdims=True)

    def near(p: int, k: int) -> list[int]:  # N(p, k) and p itself
        return order[p, : k + 1].tolist()

    def mutual(p: int, k: int) -> list[int]:  # R(p, k), eq. 1
        return [q for q in near(p, k) if p in near(q, k)]

    encoded = np.zeros((count, count))
    for p in range(count):
        expanded = set(mutual(p, options.k1))
        for q in mutual(p, options.k1):  # eq. 3
            other = mutual(q, round(options.k1 / 2))
            if len(set(other) & set(mutual(p, options.k1))) > len(other) * 2 / 3:
                expanded |= set(other)
        for member in expanded:  # eq. 7, rows scaled to sum 1
            encoded[p, member] = np.exp(-d[p, member])
        if expanded:
            encoded[p] /= encoded[p].sum()
    if options.k2 > 1:  # sec. 3.4
        encoded = np.array([encoded[order[p, : options.k2]].mean(axis=0) for p in range(count)])
    least = np.minimum(encoded[:, None, :], encoded[None, :, :]).sum(axis=2)
    jaccard = 1 - least / (2 - least)  # eq. 10, since rows sum to 1
    return options.cosine_weight * d + (1 - options.cosine_weight) * jaccard


def score_all(vectors: Array, query: list[int], gallery: list[int], options: Reranking) -> Array:
    scorer = RerankedScorer(vectors, np.array(query), np.array(gallery), options)
    out = np.empty((len(query), len(gallery)), dtype=np.float32)
    scorer.score(np.arange(len(query)), out)
    return out


@pytest.mark.parametrize(
    "options",
    [Reranking(), Reranking(k1=6, k2=3), Reranking(k1=5, k2=1, cosine_weight=0), Reranking(3, 2)],
    ids=str,
)
@pytest.mark.parametrize("count", [60, 200])
def test_it_is_the_published_algorithm(count: int, options: Reranking) -> None:
    vectors = unit(count, seed=count)
    query, gallery = list(range(count // 4)), list(range(count // 4, count))
    expected = 1 - dense(vectors, options)[np.ix_(query, gallery)]
    assert score_all(vectors, query, gallery, options) == pytest.approx(expected, abs=2e-6)


@settings(deadline=None, max_examples=60)
@given(count=st.integers(2, 40), k1=st.integers(1, 30), k2=st.integers(1, 8), seed=st.integers(0))
def test_any_sizes_agree(count: int, k1: int, k2: int, seed: int) -> None:
    options, vectors = Reranking(k1=k1, k2=k2), unit(count, seed=seed)
    everything = list(range(count))
    expected = 1 - dense(vectors, options)
    assert score_all(vectors, everything, everything, options) == pytest.approx(expected, abs=2e-6)


def test_a_batch_of_queries_is_reranked_on_arrays() -> None:
    vectors = unit(60)
    expected = score_all(vectors, list(range(20)), list(range(20, 60)), Reranking())
    assert np.array_equal(rerank_scores(vectors[:20], vectors[20:]), expected)
    with pytest.raises(EmbeddingError, match="7 dimensions where 8"):
        rerank_scores(vectors[:20], unit(5, dim=7))
    with pytest.raises(EmbeddingError, match="aren't unit vectors"):
        rerank_scores(vectors[:20], vectors[20:] * np.nan)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, everything = unit(90), list(range(90))
    whole = score_all(vectors, everything, everything, Reranking())
    monkeypatch.setattr(reranking, "_BLOCK", 7)
    monkeypatch.setattr(reranking, "_PAIRS", 11)
    monkeypatch.setattr(neighbours, "_BLOCK_ROWS", 5)
    assert score_all(vectors, everything, everything, Reranking()) == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize(("count", "k"), [(3, 7), (100, 5), (1500, 9), (1500, 40)])
def test_neighbours_are_those_of_a_sort(count: int, k: int) -> None:
    generator = np.random.default_rng(count + k)
    vectors = generator.choice([-0.5, 0.5], size=(count, 4)).astype(np.float32)  # ties abound
    scores = vectors @ vectors.T
    nearest, lowest = find_neighbours(vectors, k)
    assert np.array_equal(nearest, np.argsort(-scores, axis=1, kind="stable")[:, :k])
    assert np.array_equal(lowest, scores.min(axis=1))


def test_a_shared_neighbourhood_lifts_a_hard_picture() -> None:
    # Degrees on a circle. Of the query at 0, the picture at 14 is the person's, in a chain of
    # pictures between them; the stranger at -13 is nearer, and has its own crowd behind it.
    degrees = np.array([0, 14, -13, 4, 7, 10, -15, -16, -17, 90])
    vectors = np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)
    rows = vectors.astype(np.float32)
    cosines = rows[0] @ rows[1:3].T
    reranked = score_all(rows, [0], [1, 2], Reranking(k1=4, k2=1))[0]
    assert cosines[0] < cosines[1]
    assert reranked[0] > reranked[1]


@pytest.mark.parametrize("wrong", [{"k1": 0}, {"k2": 0}, {"cosine_weight": 1.5}])
def test_parameters_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(QueryError, match="re-ranking needs"):
        Reranking(**wrong)  # type: ignore[arg-type]


@given(st.integers(0, 99), st.integers(1, 4))
def test_one_picture_over_and_over_is_alike(seed, count):
    rows = unit(1, dim=512, seed=seed).repeat(count + 1, axis=0)
    scores = rerank_scores(rows[:1], rows[1:])
    assert ((scores >= 0.69) & (scores <= 1)).all()

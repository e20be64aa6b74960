"""The identity ranking is exactly the brute-force one, whatever the index's own arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.gallery import pooling as pooling_module
from reid_gallery.gallery import ranking as ranking_module
from reid_gallery.gallery import reranked as reranked_module
from reid_gallery.gallery.errors import QueryError
from reid_gallery.gallery.evaluation.reranking import rerank_scores
from reid_gallery.gallery.pooling import BEST_FEW, rank_pooled
from reid_gallery.gallery.ranking import exact_scores, rank_identities
from reid_gallery.gallery.reranked import rank_reranked
from reid_gallery.index import new_index


def naive_ranking(query, ids, vectors, owners, k, pooling="max", scores=None):
    """Score every sighting, group by identity, sort: nothing clever."""
    scores = exact_scores(query, vectors) if scores is None else scores
    people = {}
    for sighting, vector, score in zip(ids.tolist(), vectors, scores.tolist(), strict=True):
        people.setdefault(owners[sighting], []).append((score, -sighting, vector))
    ranked = []
    for identity, rows in people.items():
        rows.sort(key=lambda row: row[:2], reverse=True)
        score = rows[0][0]
        if pooling == "mean":
            score = float(np.mean([row[0] for row in rows[:BEST_FEW]], dtype=np.float64))
        if pooling == "centroid":
            centroid = np.mean([row[2].astype(np.float64) for row in rows], axis=0)
            score = float(np.clip(centroid @ query / np.linalg.norm(centroid), -1, 1))
        ranked.append((score, -rows[0][1], identity))
    ranked.sort(key=lambda row: (-row[0], row[1]))
    return [(identity, sighting, score) for score, sighting, identity in ranked[:k]]


@st.composite
def galleries(draw):
    """Tight clusters, duplicates and near ties: what breaks an approximate top-k."""
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    dim = draw(st.sampled_from([2, 3, 16, 64]))
    people = draw(st.integers(1, 12))
    counts = [draw(st.sampled_from([1, 2, 5, 60, 200])) for _ in range(people)]
    spread = draw(st.sampled_from([0.0, 1e-7, 1e-3, 0.3]))
    centres = random.normal(size=(people, dim))
    if draw(st.booleans()):
        centres[:] = centres[0]  # everyone looks the same
    vectors = np.concatenate(
        [
            centre + spread * random.normal(size=(count, dim))
            for centre, count in zip(centres, counts, strict=True)
        ]
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    owners = np.repeat(np.arange(people), counts)
    order = random.permutation(len(vectors))
    ids = np.sort(random.choice(10_000, size=len(vectors), replace=False)).astype(np.int64) + 1
    queries = np.concatenate([random.normal(size=(2, dim)), vectors[:2]])
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return (
        queries.astype(np.float32),
        ids,
        vectors[order].astype(np.float32),
        dict(zip(ids.tolist(), owners[order].tolist(), strict=True)),
        draw(st.integers(1, 8)),
    )


@settings(max_examples=60, deadline=None)
@given(galleries(), st.sampled_from(["flat", "certified"]), st.sampled_from([None, 1, 3, 8]))
def test_equals_brute_force(gallery, kind, filtered):
    """With any index that is exact; a filter may let through a row of 3, or all but one of 3."""
    queries, ids, vectors, owners, k = gallery
    index = new_index(vectors.shape[1], kind)
    index.add(ids, vectors)
    keep = np.ones(len(ids), bool)
    if filtered:
        keep = (
            np.arange(len(ids)) % 3 != 0 if filtered == 1 else np.arange(len(ids)) % filtered == 0
        )
    ranked = rank_identities(
        queries,
        index,
        lambda some: {i: owners[i] for i in some},
        k=k,
        allowed=ids[keep] if filtered else None,
    )
    for query, ranking in zip(queries, ranked, strict=True):
        expected = naive_ranking(query, ids[keep], vectors[keep], owners, k)
        assert [(r.identity, r.sighting, r.score) for r in ranking] == expected


def test_many_queries_and_a_large_k_are_looked_at_in_parts(monkeypatch):
    random = np.random.default_rng(2)
    vectors = random.normal(size=(300, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    ids = np.arange(1, 301, dtype=np.int64)
    owners = {int(i): int(i) % 70 for i in ids}
    index = new_index(8)
    index.add(ids, vectors)
    monkeypatch.setattr(ranking_module, "_MOST_HITS", 500)
    monkeypatch.setattr(ranking_module, "_BLOCK", 7)
    asked: list[int] = []

    def owners_of(some):
        some = list(some)
        asked.append(len(some))
        return {i: owners[i] for i in some}

    for k in (1, 40, 10**30):
        ranked = rank_identities(vectors[:30], index, owners_of, k=k)
        for query, ranking in zip(vectors[:30], ranked, strict=True):
            expected = naive_ranking(query, ids, vectors, owners, k)
            assert [(r.identity, r.sighting, r.score) for r in ranking] == expected
    assert max(asked) <= 500


@settings(max_examples=30, deadline=None)
@given(galleries(), st.sampled_from(["max", "mean", "centroid"]))
def test_pooling_equals_brute_force(gallery, pooling):
    queries, ids, vectors, owners, k = gallery
    index = new_index(vectors.shape[1])
    index.add(ids, vectors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooling_module, "_SLACK", 0)  # sorted and cut on the way
        ranked = rank_pooled(queries, index, owners, k=k, pooling=pooling)
    for query, ranking in zip(queries, ranked, strict=True):
        expected = naive_ranking(query, ids, vectors, owners, k, pooling)
        found = [(r.identity, r.sighting, r.score) for r in ranking]
        assert [row[:2] for row in found] == [row[:2] for row in expected] or np.allclose(
            [row[2] for row in found], [row[2] for row in expected], atol=1e-12
        )
        assert [row[2] for row in found] == pytest.approx([row[2] for row in expected], abs=1e-12)


@pytest.mark.parametrize("pooling", ["max", "mean", "centroid"])
def test_a_score_is_a_cosine_though_rows_are_a_little_long(pooling):
    rows = np.eye(3, dtype=np.float32) * np.float32(1.0009)
    index = new_index(3)
    index.add(np.arange(1, 4), rows)
    ranked = rank_pooled(rows, index, {1: 1, 2: 2, 3: 3}, k=3, pooling=pooling)
    assert [ranking[0].score for ranking in ranked] == [1.0, 1.0, 1.0]


@settings(max_examples=30, deadline=None)
@given(galleries(), st.sampled_from([1, 3, 10**4]))
def test_reranking_equals_the_array_function(gallery, filtered):
    queries, ids, vectors, owners, k = gallery
    index = new_index(vectors.shape[1])
    index.add(ids, vectors)
    keep = np.arange(len(ids)) % filtered == 0
    allowed = None if filtered == 1 else ids[keep]
    ranked = rank_reranked(queries, index, owners, k=k, allowed=allowed)
    wanted = rerank_scores(queries, vectors[keep])
    for query, row, ranking in zip(queries, wanted, ranked, strict=True):
        expected = naive_ranking(query, ids[keep], vectors[keep], owners, k, scores=row)
        assert [(r.identity, r.sighting, r.score) for r in ranking] == expected


def test_reranking_has_nothing_to_rank_and_too_much(monkeypatch):
    index = new_index(2)
    rows = np.eye(2, dtype=np.float32)
    assert rank_reranked(rows, index, {}, k=1) == [[], []]
    index.add(np.array([4, 7]), rows)
    assert rank_reranked(rows[:0], index, {4: 1, 7: 1}, k=1) == []
    assert len(rank_reranked(rows[:1], index, {4: 1, 7: 1}, k=5)[0]) == 1
    monkeypatch.setattr(reranked_module, "MOST_COMPARED", 3)
    with pytest.raises(QueryError, match=r"all 2 queries and 2 sightings .* ask less"):
        rank_reranked(rows, index, {4: 1, 7: 1}, k=1)


def test_one_person_with_thousands_of_sightings_does_not_hide_the_others():
    random = np.random.default_rng(1)
    crowd = np.array([1.0, 0.0, 0.0]) + 1e-3 * random.normal(size=(5000, 3))
    others = np.array([[0.9, 0.4, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    vectors = np.concatenate([crowd, others]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.arange(1, len(vectors) + 1, dtype=np.int64)
    owners = {int(i): min(int(i), 5001) if i > 5000 else 0 for i in ids} | {5002: 2, 5003: 3}
    index = new_index(3)
    index.add(ids, vectors)
    query = np.array([[1, 0, 0]], dtype=np.float32)
    (ranking,) = rank_identities(query, index, lambda some: {i: owners[i] for i in some}, k=4)
    assert [person.identity for person in ranking] == [0, 5001, 2, 3]


def test_people_of_ten_sightings_each_are_found_in_one_look():
    random = np.random.default_rng(0)
    centres = random.normal(size=(200, 1, 64))
    vectors = (centres + 0.3 * random.normal(size=(200, 10, 64))).reshape(-1, 64)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    owners = dict(enumerate(np.repeat(np.arange(200), 10).tolist()))
    index = new_index(64)
    index.add(np.arange(len(vectors)), vectors)
    looks = []

    def owners_of(some):
        looks.append(some)
        return {number: owners[number] for number in some}

    rank_identities(vectors[::100], index, owners_of, k=5)
    assert len(looks) == 1
    rank_identities(vectors[::100], index, owners_of, k=5, allowed=np.arange(0, 2000, 2))
    assert len(looks) == 2
    assert len(looks[1]) < len(looks[0])  # no more hits than without the filter, half of them


def test_sightings_that_are_gone_meanwhile_are_left_out():
    vectors = np.eye(4, dtype=np.float32)
    index = new_index(4)
    index.add(np.arange(1, 5, dtype=np.int64), vectors)
    (ranking,) = rank_identities(
        vectors[:1], index, lambda some: {i: i for i in some if i != 1}, k=2
    )
    assert [person.identity for person in ranking] == [2, 3]


def test_who_is_not_there_is_not_looked_for():
    random = np.random.default_rng(0)
    centres = np.eye(8)[:3, np.newaxis]
    vectors = (centres + 0.05 * random.normal(size=(3, 2000, 8))).reshape(-1, 8)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    order = random.permutation(len(vectors))
    owners = dict(enumerate((order // 2000).tolist()))
    index = new_index(8)
    index.add(np.arange(len(vectors)), vectors[order])
    query = np.full((1, 8), 8**-0.5, np.float32)
    looks = []

    def owners_of(some):
        looks.append(len(some))
        return {number: owners[number] for number in some}

    (whole,) = rank_identities(query, index, owners_of, k=5)
    assert looks[-1] == len(vectors)
    looks.clear()
    (ranking,) = rank_identities(query, index, owners_of, k=5, people=lambda: 3)
    assert ranking == whole
    assert len(looks) == 1

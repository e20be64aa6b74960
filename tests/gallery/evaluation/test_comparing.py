import numpy as np
import numpy.typing as npt
import pytest
from reid_gallery.gallery.errors import EmbeddingError
from reid_gallery.gallery.evaluation.comparing import compare_results
from reid_gallery.gallery.evaluation.embedding import Embedded
from reid_gallery.gallery.evaluation.measuring import measure
from reid_gallery.gallery.evaluation.reranking import Reranking
from reid_gallery.gallery.evaluation.retrieval import RetrievalResult
from reid_gallery.gallery.evaluation.trial_results import evaluate_trial
from reid_gallery.gallery.evaluation.trials import Trial

Array = npt.NDArray[np.float32]


def result(precisions: list[float], pids: list[str]) -> RetrievalResult:
    values, rows = np.array(precisions), np.arange(len(pids))
    ones = np.ones(len(pids), dtype=np.int64)
    return RetrievalResult(values, values, ones, ones, rows, np.array(pids), 0, 9)


def test_golden_values() -> None:
    # A gains .2 on both queries, B loses .2: draws AA, AB, BA, BB have means .2, .0667, -.2...
    first = result([0.5, 0.7, 0.9], ["A", "A", "B"])
    second = result([0.7, 0.9, 0.7], ["A", "A", "B"])
    found = compare_results(first, second)["map"]
    assert found.value == pytest.approx(0.2 / 3)
    assert (found.low, found.high) == pytest.approx((-0.2, 0.2))
    assert not found.sure


def test_a_small_even_gain_is_sure_though_the_figures_overlap() -> None:
    generator = np.random.default_rng(0)
    base = generator.uniform(0, 0.9, 60).tolist()
    pids = [str(n) for n in range(60)]
    first, second = result(base, pids), result([value + 0.02 for value in base], pids)
    found = compare_results(first, second)["map"]
    assert (found.value, found.low, found.high) == pytest.approx((0.02, 0.02, 0.02))
    assert found.sure
    assert second.interval("map").low < first.interval("map").high


def test_other_queries_are_refused() -> None:
    with pytest.raises(EmbeddingError, match="not of the same people"):
        compare_results(result([0.5], ["A"]), result([0.5], ["B"]))


def unit(count: int, seed: int) -> Array:
    rows = np.random.default_rng(seed).normal(size=(count, 6))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def all_to_all(count: int, views: list[str] | None = None) -> Trial:
    rows = np.arange(count)
    pids = tuple(f"p{n // 4}" for n in range(count))
    named = tuple(views or [f"picture {n}" for n in range(count)])
    return Trial("all-to-all", "", pids, named, (None,) * count, ((rows, rows),))


def test_a_query_does_not_find_itself() -> None:
    trial, vectors = all_to_all(40), unit(40, 0)
    [split] = evaluate_trial(trial, vectors).splits
    for row in range(40):
        scores = vectors @ vectors[row]
        scores[row] = -np.inf
        order = np.argsort(-scores, kind="stable")
        hits = np.flatnonzero(np.array(trial.pids)[order] == trial.pids[row])
        assert split.first_rank[row] == hits[0] + 1


def test_models_are_compared_with_the_first() -> None:
    measured = measure(
        all_to_all(40),
        [Embedded("a", None, unit(40, 0)), Embedded("b", None, unit(40, 1))],
        pairs=True,
    )
    first, second = measured
    assert first.differences == {}
    expected = second.retrieval.figures()["map"] - first.retrieval.figures()["map"]
    assert second.differences["map"].value == pytest.approx(expected)
    assert [one.name for one in second.verification] == ["coin", "cross-view"]


def test_reranking_of_all_by_all_counts_every_picture_once() -> None:
    trial, vectors = all_to_all(40), unit(40, 0)
    plain = evaluate_trial(trial, vectors)
    reranked = evaluate_trial(trial, vectors, reranking=Reranking(k1=5, k2=2))
    same = evaluate_trial(trial, vectors, reranking=Reranking(k1=5, k2=2, cosine_weight=1.0))
    assert reranked.figures() != plain.figures()
    assert same.figures() == pytest.approx(plain.figures())
    assert "re-ranked by k-reciprocal" in str(reranked)


@pytest.mark.parametrize("rows", [np.full((40, 6), np.nan), unit(39, 0), unit(40, 0)[:, :0]])
def test_wrong_embeddings_are_one_line(rows: Array) -> None:
    with pytest.raises(EmbeddingError) as caught:
        evaluate_trial(all_to_all(40), rows)
    assert "\n" not in str(caught.value)

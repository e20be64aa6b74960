import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from reid_gallery.gallery.errors import EmbeddingError, NotFoundError
from reid_gallery.gallery.evaluation.retrieval import RetrievalResult, evaluate_retrieval

Array = npt.NDArray[np.float32]


def with_scores(*scores: float) -> Array:
    """Unit rows whose cosine with [1, 0] is the score."""
    return np.array([[s, np.sqrt(1 - s * s)] for s in scores], dtype=np.float32)


def asking(count: int) -> Array:
    return np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (count, 1))


# One gallery, three queries with the same embedding. Best first:   B  A  A  C  C  A  B
GALLERY = with_scores(0.3, 0.9, 0.8, 0.4, 0.7, 0.6, 0.5)
PIDS = ["B", "B", "A", "A", "A", "C", "C"]
CAMERAS = ["2", "3", "1", "3", "2", "2", "3"]


def evaluate_golden(**options: object) -> RetrievalResult:
    return evaluate_retrieval(
        asking(3),
        GALLERY,
        query_pids=["A", "Z", "C"],
        gallery_pids=PIDS,
        query_cameras=["1", "1", "1"],
        gallery_cameras=CAMERAS,
        **options,  # type: ignore[arg-type]
    )


def test_golden_values() -> None:
    # A, camera 1: the .8 of its own camera is junk; left are B A C C A B, relevant at 2 and 5.
    # C: nothing is junk: B A A C C A B, relevant at 4 and 5. Z is nobody's: skipped.
    result = evaluate_golden()
    assert result.first_rank.tolist() == [2, 4]
    assert result.identity_rank.tolist() == [2, 3]  # B A; B A C
    ap_a, ap_c = (1 / 2 + 2 / 5) / 2, (1 / 4 + 2 / 5) / 2
    assert result.average_precision.tolist() == pytest.approx([ap_a, ap_c])
    assert result.map == pytest.approx((0.45 + 0.325) / 2)
    assert result.inverse_penalty.tolist() == pytest.approx([2 / 5, 2 / 5])
    assert result.minp == pytest.approx(0.4)
    assert result.cmc == {1: 0.0, 5: 1.0, 10: 1.0}
    assert result.identity_cmc == {1: 0.0, 5: 1.0, 10: 1.0}
    assert (result.valid_queries, result.skipped_queries, result.gallery_size) == (2, 1, 7)
    assert result.query_rows.tolist() == [0, 2]
    assert result.pids.tolist() == ["A", "C"]


def test_golden_values_of_the_trapezoid() -> None:
    # A at 2 and 5: precisions 1/2, 2/5; one rank earlier 0/1, 1/4.
    # C at 4 and 5: precisions 1/4, 2/5; one rank earlier 0/3, 1/4.
    result = evaluate_golden(ap_convention="trapezoid")
    ap_a = ((0 + 1 / 2) / 2 + (1 / 4 + 2 / 5) / 2) / 2
    ap_c = ((0 + 1 / 4) / 2 + (1 / 4 + 2 / 5) / 2) / 2
    assert result.average_precision.tolist() == pytest.approx([ap_a, ap_c])
    assert result.ap_convention == "trapezoid"


def test_trapezoid_at_rank_one_is_whole() -> None:
    # Found at 1 and 2: (1 + 1)/2 and (1/1 + 2/2)/2, so exactly 1.
    result = evaluate_retrieval(
        asking(1),
        with_scores(0.9, 0.8, 0.1),
        query_pids=["A"],
        gallery_pids=["A", "A", "B"],
        ap_convention="trapezoid",
    )
    assert result.map == 1.0


def test_without_cameras_nothing_is_junk() -> None:
    # A: B A A C C A B, relevant at 2, 3 and 6.
    result = evaluate_retrieval(asking(1), GALLERY, query_pids=["A"], gallery_pids=PIDS)
    assert result.map == pytest.approx((1 / 2 + 2 / 3 + 3 / 6) / 3)
    assert result.minp == pytest.approx(3 / 6)


def test_an_unknown_camera_makes_nothing_junk() -> None:
    result = evaluate_retrieval(
        asking(2),
        with_scores(0.9, 0.8, 0.7),
        query_pids=["A", "A"],
        gallery_pids=["A", "B", "A"],
        query_cameras=[None, "1"],
        gallery_cameras=["1", "1", None],
    )
    assert result.first_rank.tolist() == [1, 2]  # the second query's first A is junk


def test_nan_is_an_unknown_camera() -> None:
    result = evaluate_retrieval(
        asking(1),
        with_scores(0.9, 0.8),
        query_pids=["A"],
        gallery_pids=["A", "B"],
        query_cameras=[np.nan],
        gallery_cameras=np.array([np.nan, np.nan]),
    )
    assert result.first_rank.tolist() == [1]


def test_whole_numbers_are_the_same_cameras_in_a_column_of_floats() -> None:
    rows = np.eye(3, dtype=np.float32)
    options = {"query_pids": [1, 2], "gallery_pids": [1, 1, 2], "gallery_cameras": [1, 2, 2]}
    for cameras in (np.array([1, 1.0]), np.array([1, 1], np.float32), ["1", 1]):
        result = evaluate_retrieval(rows[:2], rows, query_cameras=cameras, **options)
        wanted = evaluate_retrieval(rows[:2], rows, query_cameras=[1, 1], **options)
        np.testing.assert_array_equal(result.average_precision, wanted.average_precision)


def test_identity_rank_counts_people_not_pictures() -> None:
    result = evaluate_retrieval(
        asking(1),
        with_scores(0.9, 0.8, 0.7, 0.6, 0.5),
        query_pids=["A"],
        gallery_pids=["B", "B", "B", "C", "A"],
    )
    assert (result.first_rank[0], result.identity_rank[0]) == (5, 3)


def test_ties_stand_in_gallery_order() -> None:
    same = with_scores(0.5, 0.5, 0.5)
    ranks = [
        evaluate_retrieval(asking(1), same, query_pids=["A"], gallery_pids=pids).first_rank[0]
        for pids in (["A", "B", "C"], ["B", "A", "C"], ["B", "C", "A"])
    ]
    assert ranks == [1, 2, 3]


def test_figures_are_means_of_per_query_values() -> None:
    result = evaluate_golden()
    figures, per_query = result.figures(), result.per_query()
    assert figures["map"] == result.map
    assert figures["minp"] == result.minp
    assert [figures[f"cmc_{r}"] for r in (1, 5, 10)] == list(result.cmc.values())
    assert [figures[f"identity_cmc_{r}"] for r in (1, 5, 10)] == list(result.identity_cmc.values())
    assert all(values.shape == (2,) for values in per_query.values())


def test_interval_resamples_people() -> None:
    # Each draw of two people out of A (.45) and C (.325) has mean .45, .3875 or .325.
    low, high = evaluate_golden().interval("map")
    assert (low, high) == pytest.approx((0.325, 0.45))


def test_repr_states_figures_and_denominators() -> None:
    text = repr(evaluate_golden())
    assert "map 0.3875" in text
    assert "2 valid queries, 1 skipped, gallery of 7" in text


def test_integer_and_text_pids_are_the_same() -> None:
    result = evaluate_retrieval(
        asking(1), with_scores(0.9, 0.8), query_pids=np.array([7]), gallery_pids=["8", "7"]
    )
    assert result.first_rank.tolist() == [2]
    assert result.pids.tolist() == ["7"]


def test_arrays_of_the_caller_stay_as_they_are() -> None:
    query, gallery = asking(1), GALLERY.copy()
    query.setflags(write=False)
    gallery.setflags(write=False)
    evaluate_retrieval(query, gallery, query_pids=["A"], gallery_pids=PIDS)
    assert np.array_equal(gallery, GALLERY)


def test_memory_stays_far_below_the_score_matrix() -> None:
    count = 6000
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    pids = np.arange(count)
    tracemalloc.start()
    try:
        result = evaluate_retrieval(vectors, vectors, query_pids=pids, gallery_pids=pids)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.valid_queries == count
    assert peak < count * count * 4 / 4  # a quarter of q x g float32


ONE = with_scores(0.5)


@pytest.mark.parametrize(
    ("gallery", "options", "says"),
    [
        (ONE, {"gallery_pids": ["A", "B"]}, "gallery_pids: 2 labels for 1 embeddings"),
        (ONE, {"query_pids": []}, "query_pids: 0 labels for 1"),
        (ONE, {"gallery_pids": [np.nan]}, "gallery_pids: row 0 has none"),
        (ONE, {"query_cameras": ["1"]}, "one side only"),
        (
            ONE,
            {"query_cameras": ["1"], "gallery_cameras": []},
            "gallery_cameras: 0 labels for 1",
        ),
        (ONE * 2, {}, "1 of 1 rows aren't unit"),
        (ONE * np.nan, {}, "1 of 1 rows aren't unit"),
        (ONE[0], {}, "gallery_embeddings: float32"),
        (np.eye(3, dtype=np.float32)[:1], {}, "gallery_embeddings: 3 dimensions where 2 are"),
    ],
)
def test_wrong_input_is_one_clear_line(
    gallery: Array, options: dict[str, list[str]], says: str
) -> None:
    labels = {"query_pids": ["A"], "gallery_pids": ["A"]} | options
    with pytest.raises(EmbeddingError, match=says) as caught:
        evaluate_retrieval(asking(1), gallery, **labels)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_no_valid_query_is_an_error() -> None:
    with pytest.raises(NotFoundError, match="none of 2 queries"):
        evaluate_retrieval(asking(2), ONE, query_pids=["A", "B"], gallery_pids=["C"])


def test_an_empty_gallery_is_an_error() -> None:
    with pytest.raises(NotFoundError, match="among 0 gallery items"):
        evaluate_retrieval(asking(1), ONE[:0], query_pids=["A"], gallery_pids=[])


def test_an_unknown_convention_is_refused() -> None:
    with pytest.raises(ValueError, match="'mean' is none of sum, trapezoid"):
        evaluate_golden(ap_convention="mean")

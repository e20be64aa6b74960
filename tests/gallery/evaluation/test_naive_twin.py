"""The textbook way, a full score matrix and a sort a query, against the counting way."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.errors import NotFoundError
from reid_gallery.gallery.evaluation import scoring
from reid_gallery.gallery.evaluation.retrieval import RetrievalResult, evaluate_retrieval


@dataclass
class Case:
    query: npt.NDArray[np.float32]
    gallery: npt.NDArray[np.float32]
    query_pids: list[str]
    gallery_pids: list[str]
    query_cameras: list[str | None] | None
    gallery_cameras: list[str | None] | None


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Rows of halves: unit, with exact products, and so few of them that ties abound."""
    people = draw(st.integers(1, 4))
    halves = st.lists(st.sampled_from([-0.5, 0.5]), min_size=4, max_size=4)
    pid = st.integers(1, people).map(str)
    queries, items = draw(st.integers(1, 6)), draw(st.integers(1, 14))
    cameras = st.sampled_from(["1", "2", None])
    known = draw(st.booleans())

    def rows(count: int) -> npt.NDArray[np.float32]:
        return np.array(draw(st.lists(halves, min_size=count, max_size=count)), dtype=np.float32)

    def labels(count: int, label: st.SearchStrategy[str]) -> list[str]:
        return draw(st.lists(label, min_size=count, max_size=count))

    return Case(
        rows(queries),
        rows(items),
        labels(queries, pid),
        labels(items, pid),
        labels(queries, cameras) if known else None,  # type: ignore[arg-type]
        labels(items, cameras) if known else None,  # type: ignore[arg-type]
    )


def naive_list(case: Case, query: int) -> list[str]:
    """Pids of the gallery, best first, junk taken out."""
    order = np.argsort(-(case.gallery @ case.query[query]), kind="stable")
    if case.query_cameras is None or case.gallery_cameras is None:
        return [case.gallery_pids[item] for item in order]
    return [
        case.gallery_pids[item]
        for item in order
        if case.query_cameras[query] is None
        or case.gallery_pids[item] != case.query_pids[query]
        or case.gallery_cameras[item] != case.query_cameras[query]
    ]


def naive_ap(found: list[bool]) -> float:
    precisions = [sum(found[: n + 1]) / (n + 1) for n, hit in enumerate(found) if hit]
    return sum(precisions) / len(precisions)


def naive_trapezoid(found: list[bool]) -> float:
    """Area under the precision-recall curve, walked one rank at a time."""
    area, old_recall, old_precision = 0.0, 0.0, 1.0
    for n in range(len(found)):
        recall = sum(found[: n + 1]) / sum(found)
        precision = sum(found[: n + 1]) / (n + 1)
        area += (recall - old_recall) * (old_precision + precision) / 2
        old_recall, old_precision = recall, precision
    return area


def evaluate(case: Case, **options: str) -> RetrievalResult:
    return evaluate_retrieval(
        case.query,
        case.gallery,
        query_pids=case.query_pids,
        gallery_pids=case.gallery_pids,
        query_cameras=case.query_cameras,
        gallery_cameras=case.gallery_cameras,
        **options,  # type: ignore[arg-type]
    )


@given(case=cases())
def test_counting_equals_sorting(case: Case) -> None:
    lists = [naive_list(case, query) for query in range(len(case.query))]
    valid = [query for query, pids in enumerate(lists) if case.query_pids[query] in pids]
    if not valid:
        with pytest.raises(NotFoundError):
            evaluate(case)
        return
    result = evaluate(case)
    assert result.query_rows.tolist() == valid
    assert result.skipped_queries == len(lists) - len(valid)
    founds = [[pid == case.query_pids[query] for pid in lists[query]] for query in valid]
    people = [list(dict.fromkeys(lists[query])) for query in valid]
    assert result.first_rank.tolist() == [found.index(True) + 1 for found in founds]
    assert result.identity_rank.tolist() == [
        distinct.index(case.query_pids[query]) + 1
        for query, distinct in zip(valid, people, strict=True)
    ]
    assert result.average_precision.tolist() == pytest.approx([naive_ap(f) for f in founds])
    assert result.inverse_penalty.tolist() == pytest.approx(
        [sum(f) / (len(f) - f[::-1].index(True)) for f in founds]
    )
    trapezoid = evaluate(case, ap_convention="trapezoid").average_precision
    assert trapezoid.tolist() == pytest.approx([naive_trapezoid(f) for f in founds])


@pytest.mark.parametrize("block_bytes", [1, 4 * 50 * 7, 2**30])
def test_blocks_do_not_show(block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(5)
    query, gallery = (generator.choice([-0.5, 0.5], (count, 4)) for count in (23, 50))
    case = Case(
        query.astype(np.float32),
        gallery.astype(np.float32),
        [str(pid) for pid in generator.integers(9, size=23)],
        [str(pid) for pid in generator.integers(7, size=50)],
        None,
        None,
    )
    whole = evaluate(case)
    monkeypatch.setattr(scoring, "_BLOCK_BYTES", block_bytes)
    blocked = evaluate(case)
    assert whole.skipped_queries > 0
    assert blocked.figures() == whole.figures()
    assert blocked.first_rank.tolist() == whole.first_rank.tolist()

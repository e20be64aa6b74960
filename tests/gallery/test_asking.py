"""A question is checked before anything is read."""

from datetime import UTC, datetime

import numpy as np
import pytest
from reid_gallery.gallery import asking
from reid_gallery.gallery.asking import Question, compare
from reid_gallery.gallery.errors import QueryError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "at least 1"),
        ({"k": 2.5}, "whole number"),
        ({"k": "2"}, "whole number"),
        ({"fpir": "0.1"}, "between 0 and 1"),
        ({"min_score": "0.1"}, "from -1 to 1"),
        ({"cameras": [None]}, "cameras are names, not None"),
        ({"not_cameras": ["c1", None]}, "not_cameras are names, not None"),
        ({"min_score": 5.0}, "from -1 to 1"),
        ({"min_score": float("nan")}, "from -1 to 1"),
        ({"fpir": 0.0}, "between 0 and 1"),
        ({"pooling": "median"}, "max, mean or centroid"),
        ({"cameras": "c1"}, "list of names"),
        ({"rerank": True, "min_score": 0.5}, "no cosines"),
        ({"rerank": True, "pooling": "mean"}, "no cosines"),
        (
            {"since": datetime(2026, 5, 2), "until": datetime(2026, 5, 1, 23, tzinfo=UTC)},
            "later than until",
        ),
    ],
)
def test_what_can_not_be_meant_is_refused(options, message):
    with pytest.raises(QueryError, match=message):
        Question(**options)


@pytest.mark.parametrize("block", [2, 1024])
def test_a_picture_that_was_embedded_twice_is_one(monkeypatch, block):
    monkeypatch.setattr(asking, "_BLOCK", block)
    random = np.random.default_rng(0)
    rows = random.normal(size=(5, 64))
    again = rows[[0, 3, 1, 2, 3, 4, 0]] + 1e-7 * random.normal(size=(7, 64))
    asked = np.concatenate([rows[:4], again])
    asked = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)
    kept = asking._different(asked)
    np.testing.assert_array_equal(kept, asked[[0, 1, 2, 3, 9]])


def test_k_is_any_whole_number():
    assert Question(k=np.uint8(200)).k * 4 == 800


def test_a_comparison_is_checked_as_a_query_is():
    with pytest.raises(QueryError, match="between 0 and 1"):
        compare(None, "a.jpg", "b.jpg", fpir=2.0)  # before a model or a picture is needed


def test_a_moment_is_a_range():
    moment = datetime(2026, 5, 2)
    assert Question(since=moment, until=moment, min_score=-1.0).filter.restricts


def test_cameras_may_come_from_an_iterator():
    question = Question(cameras=(camera for camera in ["c1"]), not_cameras=map(str, [2]))
    for _ in range(2):
        assert (question.filter.cameras, question.filter.not_cameras) == (("c1",), ("2",))

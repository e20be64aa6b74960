import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.train.losses import (
    batch_hard_triplet,
    teacher_cosine,
    teacher_similarity,
)
from reid_gallery.train.precision import at_least_float32


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def triplet_by_hand(rows: np.ndarray, labels: list[int]) -> float:
    """Anchor by anchor, pair by pair."""
    losses = []
    for anchor, label in zip(rows, labels, strict=True):
        gaps = [math.dist(anchor, other) for other in rows]
        positives = [g for g, other in zip(gaps, labels, strict=True) if other == label]
        negatives = [g for g, other in zip(gaps, labels, strict=True) if other != label]
        difference = max(positives) - min(negatives, default=math.inf)
        losses.append(math.log1p(math.exp(difference)))
    return sum(losses) / len(losses)


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=9), seed=st.integers(0, 99))
def test_triplet_is_the_naive_one(labels, seed):
    rows = numbers(len(labels), 3, seed=seed)
    loss = batch_hard_triplet(rows, torch.tensor(labels))
    assert loss.item() == pytest.approx(triplet_by_hand(rows.numpy(), labels), abs=2e-6)


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], [0]])
def test_triplet_without_a_pair_has_a_finite_gradient(labels):
    rows = numbers(len(labels), 3).float().requires_grad_()
    batch_hard_triplet(rows, torch.tensor(labels)).backward()
    assert torch.isfinite(rows.grad).all()


def test_triplet_of_equal_pictures_has_a_finite_gradient():
    rows = torch.ones(4, 3, requires_grad=True)
    batch_hard_triplet(rows, torch.tensor([0, 0, 1, 1])).backward()
    assert torch.isfinite(rows.grad).all()


def test_triplet_gradient():
    labels = torch.tensor([0, 0, 1, 1, 2])
    rows = numbers(5, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: batch_hard_triplet(r, labels), [rows])


def test_teacher_cosine_by_its_formula():
    ours, theirs = numbers(4, 6), numbers(4, 6, seed=1)
    a, b = ours.numpy(), theirs.numpy()
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert teacher_cosine(ours, theirs).item() == pytest.approx(1 - cosines.mean())
    assert teacher_cosine(3 * theirs, theirs).item() == pytest.approx(0)
    assert torch.autograd.gradcheck(lambda x: teacher_cosine(x, theirs), [ours.requires_grad_()])


def test_teacher_similarity_by_its_formula():
    ours, theirs = numbers(4, 6), numbers(4, 9, seed=1)
    scores = []
    for rows in (ours.numpy(), theirs.numpy()):
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        scores.append(unit @ unit.T)
    gaps = [(scores[0][i, j] - scores[1][i, j]) ** 2 for i in range(4) for j in range(4) if i != j]
    assert teacher_similarity(ours, theirs).item() == pytest.approx(np.mean(gaps))
    assert teacher_similarity(ours[:1], theirs[:1]).item() == 0
    rotated = torch.linalg.qr(numbers(9, 9, seed=2)).Q
    assert teacher_similarity(theirs @ rotated, theirs).item() == pytest.approx(0)
    assert torch.autograd.gradcheck(
        lambda x: teacher_similarity(x, theirs), [ours.requires_grad_()]
    )


def test_precision_is_raised_and_never_lowered():
    for given_dtype, wanted in [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ]:
        assert at_least_float32(torch.ones(2, dtype=given_dtype)).dtype == wanted


def test_autocast_changes_nothing_of_a_loss():
    rows, other, labels = (
        numbers(5, 6).float(),
        numbers(5, 3).float(),
        torch.tensor([0, 0, 1, 1, 2]),
    )
    wanted = batch_hard_triplet(rows, labels), teacher_similarity(rows, other)
    with torch.autocast("cpu", torch.bfloat16):
        given = batch_hard_triplet(rows, labels), teacher_similarity(rows, other)
    assert wanted == given

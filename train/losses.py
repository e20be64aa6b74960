"""Losses beside the head: batch-hard triplet and learning from a teacher's embeddings.

All compute in at least float32, under autocast too.
"""

import torch
from torch import Tensor
from torch.nn import functional

from .precision import at_least_float32, full_precision


def batch_hard_triplet(embeddings: Tensor, labels: Tensor) -> Tensor:
    """Soft-margin batch-hard triplet loss (Hermans et al. 2017, eq. 5 with the softplus of 3.2).

    For each anchor its farthest positive and nearest negative count, by Euclidean length between
    the embeddings as they are (not normalised).

    Args:
        embeddings: float[n, d].
        labels: int64[n]; an anchor with no negative or no positive but itself is fine.

    Returns:
        The mean over anchors, a scalar.
    """
    with full_precision(embeddings):
        gaps = _pairwise(at_least_float32(embeddings))
    same = labels[:, None] == labels[None, :]
    farthest = gaps.masked_fill(~same, -torch.inf).amax(1)
    nearest = gaps.masked_fill(same, torch.inf).amin(1)
    return functional.softplus(farthest - nearest).mean()


def teacher_cosine(projected: Tensor, teacher: Tensor) -> Tensor:
    """One minus the mean cosine of float[n, t] projections with the teacher's embeddings."""
    projected, teacher = at_least_float32(projected), at_least_float32(teacher)
    return (1 - functional.cosine_similarity(projected, teacher, dim=1)).mean()


def teacher_similarity(embeddings: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference between the batch's two matrices of scores, the diagonal left out.

    Similarity-preserving distillation (Tung and Mori 2019) on cosines.
    """
    with full_precision(embeddings):
        ours = functional.normalize(at_least_float32(embeddings), dim=1)
        theirs = functional.normalize(at_least_float32(teacher), dim=1)
        gaps = ours @ ours.T - theirs @ theirs.T
    off_diagonal = ~torch.eye(len(gaps), dtype=torch.bool, device=gaps.device)
    squares = gaps[off_diagonal] ** 2
    return squares.sum() / max(1, len(squares))  # a lone picture has nothing to compare


def _pairwise(embeddings: Tensor) -> Tensor:
    """Euclidean lengths float[n, n]; the small constant keeps the gradient finite at zero."""
    square = (embeddings**2).sum(1)
    gram = embeddings @ embeddings.T
    return (square[:, None] + square[None, :] - 2 * gram).clamp(min=1e-12).sqrt()

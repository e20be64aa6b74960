"""Classification heads on the hypersphere: ArcFace and AdaCos.

Both take embeddings float[n, d] (any length) and labels int64[n], and return the mean loss. They
compute in at least float32 whatever the caller's precision is: near the poles the arc cosine of a
half-precision number is noise.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .losses import at_least_float32

_EDGE = 1e-7
"""Cosines are kept this far from 1, where the arc cosine's gradient is infinite."""


class CosineHead(nn.Module):
    """One unit prototype a class; the subclass turns cosines into a loss."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.empty(classes, dim))
        nn.init.xavier_uniform_(self.prototypes)

    def cosines(self, embeddings: Tensor) -> Tensor:
        """Return float32[n, classes], the cosine of each embedding with each prototype."""
        unit = functional.normalize(at_least_float32(embeddings), dim=1)
        return unit @ functional.normalize(at_least_float32(self.prototypes), dim=1).T


class ArcFaceHead(CosineHead):
    """Additive angular margin (Deng et al. 2019, ArcFace, eq. 3).

    The target's logit is s cos(theta + m), the others' s cos(theta). Past theta = pi - m, where
    cos(theta + m) would rise again, it goes on falling in a straight line (the authors' code):
    s (cos(theta) - m sin(m)).
    """

    def __init__(self, dim: int, classes: int, *, scale: float, margin_rad: float) -> None:
        super().__init__(dim, classes)
        self.scale = scale
        self.margin_rad = margin_rad

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross entropy, a scalar."""
        cosines = self.cosines(embeddings)
        target = cosines.gather(1, labels[:, None]).squeeze(1)
        logits = cosines.scatter(1, labels[:, None], self.with_margin(target)[:, None])
        return functional.cross_entropy(self.scale * logits, labels)

    def with_margin(self, cosine: Tensor) -> Tensor:
        """Return cos(theta + m) of float[n] cosines, monotonic over the whole half circle."""
        theta = torch.acos(cosine.clamp(-1 + _EDGE, 1 - _EDGE))
        beyond = cosine - self.margin_rad * math.sin(self.margin_rad)
        return torch.where(
            theta < math.pi - self.margin_rad, torch.cos(theta + self.margin_rad), beyond
        )


class AdaCosHead(CosineHead):
    """A scale that follows the angles (Zhang et al. 2019, AdaCos, eq. 8, 14 and 15).

    The scale starts at sqrt(2) log(C - 1) and, while training, becomes
    log(B_avg) / cos(min(pi/4, theta_med)): B_avg is the batch mean of the sum of
    exp(s cos theta_j) over the classes j that are not the target, theta_med the (lower) median
    angle to the target. It is a buffer: saved with the weights, never changed in evaluation.
    """

    scale: Tensor

    def __init__(self, dim: int, classes: int, *, dynamic: bool = True) -> None:
        if classes < 3:
            raise ValueError(f"AdaCos needs at least 3 classes (log(C - 1) > 0), not {classes}")
        super().__init__(dim, classes)
        self.dynamic = dynamic
        self.register_buffer("scale", torch.tensor(math.sqrt(2) * math.log(classes - 1)))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross entropy, a scalar; in training the scale is updated first."""
        cosines = self.cosines(embeddings)
        if self.training and self.dynamic:
            self._update_scale(cosines.detach(), labels)
        return functional.cross_entropy(self.scale * cosines, labels)

    @torch.no_grad()
    def _update_scale(self, cosines: Tensor, labels: Tensor) -> None:
        target = cosines.gather(1, labels[:, None]).squeeze(1)
        others = (self.scale * cosines).scatter(1, labels[:, None], -torch.inf)
        # log of the mean over the batch of the sums, without ever forming an exponential.
        log_b_avg = torch.logsumexp(others.flatten(), 0) - math.log(len(labels))
        theta_med = torch.acos(target.clamp(-1 + _EDGE, 1 - _EDGE)).median()
        self.scale.copy_(log_b_avg / torch.cos(theta_med.clamp(max=math.pi / 4)))


def build_head(kind: str, dim: int, classes: int, *, scale: float, margin_rad: float) -> CosineHead:
    """Build the head called ``kind``: ``arcface`` or ``adacos``."""
    if kind == "adacos":
        return AdaCosHead(dim, classes)
    return ArcFaceHead(dim, classes, scale=scale, margin_rad=margin_rad)


def head_loss(head: CosineHead, embeddings: Tensor, labels: Tensor) -> Tensor:
    """Call a head with its type kept."""
    return cast(Tensor, head(embeddings, labels))

"""Classification heads: softmax, ArcFace, and AdaCos with a fixed or a dynamic scale.

All take embeddings float[n, d] (any length) and labels int64[n], and return the mean loss. They
compute in at least float32 whatever the caller's precision is, autocast or not: near the poles the
arc cosine of a half-precision number is noise.

Label smoothing (Szegedy et al. 2016, Inception v3, sec. 7) mixes the target with the uniform
distribution over all classes.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import LossConfig
from .precision import at_least_float32, full_precision

_EDGE = 1e-7
"""Cosines are kept this far from 1, where the arc cosine's gradient is infinite."""


class Head(nn.Module):
    """Embeddings and labels to a mean cross entropy; the subclass makes logits float32[n, c]."""

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross entropy, a scalar."""
        with full_precision(embeddings):
            logits = self.logits(at_least_float32(embeddings), labels)
            return functional.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)

    def logits(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return float32[n, classes] for embeddings of at least single precision."""
        raise NotImplementedError


class SoftmaxHead(Head):
    """A linear classifier, lengths and biases free: no margin, and no sphere."""

    def __init__(self, dim: int, classes: int, *, label_smoothing: float = 0.0) -> None:
        super().__init__(label_smoothing=label_smoothing)
        self.classifier = nn.Linear(dim, classes)

    def logits(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return w_j x + b_j."""
        return cast(Tensor, self.classifier(embeddings))


class CosineHead(Head):
    """One unit prototype a class; the subclass turns cosines into logits."""

    def __init__(self, dim: int, classes: int, *, label_smoothing: float = 0.0) -> None:
        super().__init__(label_smoothing=label_smoothing)
        self.prototypes = nn.Parameter(torch.empty(classes, dim))
        nn.init.xavier_uniform_(self.prototypes)

    def cosines(self, embeddings: Tensor) -> Tensor:
        """Return float32[n, classes], the cosine of each embedding with each prototype."""
        with full_precision(embeddings):
            unit = functional.normalize(at_least_float32(embeddings), dim=1)
            return unit @ functional.normalize(at_least_float32(self.prototypes), dim=1).T

    @torch.no_grad()
    def start_from(self, embeddings: Tensor, labels: Tensor) -> None:
        """Let each class's prototype point to the mean of its embeddings.

        Prototypes stay as long as freshly drawn ones, for which learning rates are made.

        Args:
            embeddings: float32[n, d] unit rows.
            labels: int64[n]; a class that none is of keeps the prototype that was drawn for it.
        """
        sums = torch.zeros_like(self.prototypes).index_add_(0, labels, embeddings)
        known = sums.norm(dim=1) > 0
        length = self.prototypes.norm(dim=1).mean()
        self.prototypes[known] = length * functional.normalize(sums[known], dim=1)


class ArcFaceHead(CosineHead):
    """Additive angular margin (Deng et al. 2019, ArcFace, eq. 3).

    The target's logit is s cos(theta + m), the others' s cos(theta). Past theta = pi - m, where
    cos(theta + m) would rise again, it goes on falling in a straight line (the authors' code):
    s (cos(theta) - m sin(m)).
    """

    def __init__(
        self,
        dim: int,
        classes: int,
        *,
        scale: float,
        margin_rad: float,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(dim, classes, label_smoothing=label_smoothing)
        self.scale = scale
        self.margin_rad = margin_rad

    def logits(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return s cos(theta), the target's with the margin."""
        cosines = self.cosines(embeddings)
        target = cosines.gather(1, labels[:, None])
        return self.scale * cosines.scatter(1, labels[:, None], self.with_margin(target))

    def with_margin(self, cosine: Tensor) -> Tensor:
        """Return cos(theta + m) of cosines of any shape, monotonic over the whole half circle."""
        theta = torch.acos(cosine.clamp(-1 + _EDGE, 1 - _EDGE))
        beyond = cosine - self.margin_rad * math.sin(self.margin_rad)
        return torch.where(
            theta < math.pi - self.margin_rad, torch.cos(theta + self.margin_rad), beyond
        )


class AdaCosHead(CosineHead):
    """A scale that fits the number of classes, and follows the angles if it is dynamic.

    Zhang et al. 2019, AdaCos. The scale starts at, and stays if fixed, sqrt(2) log(C - 1) (eq. 8).
    A dynamic one becomes, while training, log(B_avg) / cos(min(pi/4, theta_med)) (eq. 14 and 15):
    B_avg is the batch mean of the sum of exp(s cos theta_j) over the classes j that are not the
    target, theta_med the (lower) median angle to the target. It is a buffer: saved with the
    weights, never changed in evaluation.
    """

    scale: Tensor

    def __init__(
        self, dim: int, classes: int, *, dynamic: bool = True, label_smoothing: float = 0.0
    ) -> None:
        if classes < 3:
            raise ValueError(f"AdaCos needs at least 3 classes (log(C - 1) > 0), not {classes}")
        super().__init__(dim, classes, label_smoothing=label_smoothing)
        self.dynamic = dynamic
        self.register_buffer("scale", torch.tensor(math.sqrt(2) * math.log(classes - 1)))

    def logits(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return s cos(theta); in training a dynamic scale is updated first."""
        cosines = self.cosines(embeddings)
        if self.training and self.dynamic:
            self._update_scale(cosines.detach(), labels)
        return self.scale * cosines

    @torch.no_grad()
    def _update_scale(self, cosines: Tensor, labels: Tensor) -> None:
        target = cosines.gather(1, labels[:, None]).squeeze(1)
        others = (self.scale * cosines).scatter(1, labels[:, None], -torch.inf)
        # log of the mean over the batch of the sums, without ever forming an exponential.
        log_b_avg = torch.logsumexp(others.flatten(), 0) - math.log(len(labels))
        theta_med = torch.acos(target.clamp(-1 + _EDGE, 1 - _EDGE)).median()
        self.scale.copy_(log_b_avg / torch.cos(theta_med.clamp(max=math.pi / 4)))


def build_head(config: LossConfig, *, dim: int, classes: int) -> Head:
    """Build the head that ``config.head`` names, for embeddings of length ``dim``."""
    smoothing = config.label_smoothing
    if config.head == "softmax":
        return SoftmaxHead(dim, classes, label_smoothing=smoothing)
    if config.head == "arcface":
        return ArcFaceHead(
            dim,
            classes,
            scale=config.scale,
            margin_rad=config.margin_rad,
            label_smoothing=smoothing,
        )
    dynamic = config.head == "adacos"
    return AdaCosHead(dim, classes, dynamic=dynamic, label_smoothing=smoothing)


def head_loss(head: Head, embeddings: Tensor, labels: Tensor) -> Tensor:
    """Call a head with its type kept."""
    return cast(Tensor, head(embeddings, labels))

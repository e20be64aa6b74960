"""The sum of losses that one step minimises, with the trained parts that are not exported."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..gallery.errors import ConfigError
from .config import LossConfig
from .heads import AdaCosHead, ArcFaceHead, CosineHead, build_head, head_loss
from .losses import batch_hard_triplet, teacher_cosine, teacher_similarity
from .precision import at_least_float32, full_precision

_RIDGE = 0.01
"""The penalty, as a share of the mean eigenvalue."""


class Objective(nn.Module):
    """Head, triplet and teacher losses, weighted as `LossConfig` says; 0 leaves a part out.

    Raises:
        ConfigError: nothing is left to minimise, or a teacher is given and has no weight.
    """

    def __init__(
        self, config: LossConfig, *, dim: int, classes: int, teacher_dim: int | None
    ) -> None:
        super().__init__()
        check_weights(config, teacher=teacher_dim is not None)
        self.config = config
        self.head = build_head(config, dim=dim, classes=classes) if config.head_weight else None
        self.projector = (
            nn.Linear(dim, teacher_dim, bias=False)
            if teacher_dim and config.teacher_cosine_weight
            else None
        )

    @property
    def scale(self) -> float | None:
        """What the head multiplies cosines by now; None for one that doesn't."""
        if isinstance(self.head, ArcFaceHead | AdaCosHead):
            return float(self.head.scale)
        return None

    @property
    def fitted_parts(self) -> list[str]:
        """What `start_from` fits here."""
        prototypes = ["prototypes"] if isinstance(self.head, CosineHead) else []
        return prototypes + (["projection"] if self.projector is not None else [])

    @torch.no_grad()
    def start_from(self, embeddings: Tensor, labels: Tensor, teacher: Tensor | None) -> None:
        """Fit head and projection to what a trained model gives already.

        Drawn at random, they would first pull it away from what it knows. Prototypes become the
        classes' means; the projection the least squares' (ridge regression) to the teacher's unit
        rows. A softmax head stays as it was drawn.

        Args:
            embeddings: float32[n, d] unit rows.
            labels: int64[n]; -1 where whom it shows is not known.
            teacher: float[n, t], or None without a teacher.
        """
        if isinstance(self.head, CosineHead):
            known = labels >= 0
            self.head.start_from(embeddings[known], labels[known])
        if self.projector is not None and teacher is not None:
            self.projector.weight.copy_(_ridge(embeddings, at_least_float32(teacher)))

    def set_margin(self, margin_rad: float) -> None:
        """Set ArcFace's margin for the coming step; other heads have none."""
        if isinstance(self.head, ArcFaceHead):
            self.head.margin_rad = margin_rad

    def forward(
        self, projected: Tensor, necked: Tensor, labels: Tensor, teacher: Tensor | None
    ) -> tuple[Tensor, Mapping[str, float]]:
        """Return the weighted sum, in at least float32, and each part's own value.

        Args:
            projected: float[n, d] before the neck.
            necked: float[n, d] after it.
            labels: int64[n]; -1 where whom it shows is not known: there only the teacher speaks.
            teacher: float[n, t], or None without a teacher.
        """
        with full_precision(necked):
            parts = self._parts(at_least_float32(projected), at_least_float32(necked), labels)
            if teacher is not None:
                parts |= self._teacher_parts(at_least_float32(necked), teacher)
            total = torch.stack([weight * value for weight, value in parts.values()]).sum()
        return total, {name: float(value.detach()) for name, (_, value) in parts.items()}

    def _parts(
        self, projected: Tensor, necked: Tensor, labels: Tensor
    ) -> dict[str, tuple[float, Tensor]]:
        config, parts = self.config, {}
        known = labels >= 0
        projected, necked, labels = projected[known], necked[known], labels[known]
        if self.head is not None:
            parts["head"] = (config.head_weight, head_loss(self.head, necked, labels))
        if config.triplet_weight:
            parts["triplet"] = (config.triplet_weight, batch_hard_triplet(projected, labels))
        return parts

    def _teacher_parts(self, necked: Tensor, teacher: Tensor) -> dict[str, tuple[float, Tensor]]:
        config, parts = self.config, {}
        if self.projector is not None:
            cosine = teacher_cosine(self.projector(necked), teacher)
            parts["teacher_cosine"] = (config.teacher_cosine_weight, cosine)
        if config.teacher_similarity_weight:
            similarity = teacher_similarity(necked, teacher)
            parts["teacher_similarity"] = (config.teacher_similarity_weight, similarity)
        return parts


def _ridge(rows: Tensor, teacher: Tensor) -> Tensor:
    """Return float32[t, d], which takes unit rows to the teacher's with the least squares.

    The penalty keeps directions in which rows hardly differ from being blown up. It is computed on
    the CPU, since not every accelerator has float64.
    """
    rows, teacher = rows.cpu().double(), functional.normalize(teacher.cpu().double(), dim=1)
    products = rows.T @ rows
    penalty = _RIDGE * products.diagonal().mean() * torch.eye(len(products), dtype=torch.float64)
    solved: Tensor = torch.linalg.solve(products + penalty, rows.T @ teacher)
    return solved.T.float()


def check_weights(config: LossConfig, *, teacher: bool) -> None:
    """Refuse a sum without parts, and a teacher whose parts have no weight.

    Raises:
        ConfigError: it is one of these.
    """
    if teacher and not config.teacher_weight:
        raise ConfigError(
            "loss: a teacher is given, but teacher_cosine_weight and teacher_similarity_weight are "
            "0; raise one, or leave --teacher out"
        )
    if not teacher and not config.head_weight + config.triplet_weight:
        raise ConfigError(
            "loss: without a teacher nothing is minimised, since head_weight and triplet_weight "
            "are 0; raise one, or give --teacher"
        )

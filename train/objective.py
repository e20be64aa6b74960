"""The sum of losses that one step minimises, with the trained parts that are not exported."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .config import LossConfig
from .heads import ArcFaceHead, build_head, head_loss
from .losses import batch_hard_triplet, teacher_cosine, teacher_similarity


class Objective(nn.Module):
    """Head, triplet and teacher losses, weighted as `LossConfig` says."""

    def __init__(
        self, config: LossConfig, *, dim: int, classes: int, teacher_dim: int | None
    ) -> None:
        super().__init__()
        self.config = config
        self.head = build_head(
            config.head, dim, classes, scale=config.scale, margin_rad=config.margin_rad
        )
        self.projector = nn.Linear(dim, teacher_dim, bias=False) if teacher_dim else None

    def set_margin(self, margin_rad: float) -> None:
        """Set ArcFace's margin for the coming step; other heads have none."""
        if isinstance(self.head, ArcFaceHead):
            self.head.margin_rad = margin_rad

    def forward(
        self, projected: Tensor, necked: Tensor, labels: Tensor, teacher: Tensor | None
    ) -> tuple[Tensor, Mapping[str, float]]:
        """Return the weighted sum and each part's own value.

        Args:
            projected: float[n, d] before the neck.
            necked: float[n, d] after it.
            labels: int64[n].
            teacher: float[n, t], or None without a teacher.
        """
        config = self.config
        parts = {"head": (config.head_weight, head_loss(self.head, necked, labels))}
        if config.triplet_weight:
            parts["triplet"] = (config.triplet_weight, batch_hard_triplet(projected, labels))
        if teacher is not None and self.projector is not None:
            cosine = teacher_cosine(self.projector(necked), teacher)
            parts["teacher_cosine"] = (config.teacher_cosine_weight, cosine)
            similarity = teacher_similarity(necked, teacher)
            parts["teacher_similarity"] = (config.teacher_similarity_weight, similarity)
        total = torch.stack([weight * value for weight, value in parts.values()]).sum()
        return total, {name: float(value.detach()) for name, (_, value) in parts.items()}

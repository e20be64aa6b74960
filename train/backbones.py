"""Any timm model with features as a backbone: pictures in, maps float[n, c, h, w] out."""

import inspect
import math
from difflib import get_close_matches
from typing import Any

import timm
import torch
from timm.models import EfficientNet, group_parameters
from torch import Tensor, nn

from ..gallery.errors import ConfigError
from ..gallery.pictures.fit import HEIGHT, WIDTH

_ANY_SIZE: dict[str, Any] = {
    "img_size": (HEIGHT, WIDTH),
    "dynamic_img_size": True,
    "dynamic_img_pad": True,
    "strict_img_size": False,
    "always_partition": True,
}
"""What a transformer that is made for one size takes, under these names, to take every size: its
position embedding is resampled, and its windows stay as large as they are at every size."""

PROBE = (64, 64)
"""Of a picture that shows what a backbone gives, quickly."""


def create_backbone(name: str, *, pretrained: bool = False) -> Any:
    """Make timm's model ``name`` without classifier, able to take every size if it can be.

    Args:
        name: as timm has it.
        pretrained: with timm's weights, which it asks the network for.

    Raises:
        ConfigError: timm has no such model.
    """
    if not timm.is_model(name.split(".", maxsplit=1)[0]):
        near = ", ".join(get_close_matches(name, timm.list_models(), 5))
        hint = f"; it has {near}" if near else ""
        raise ConfigError(f"model.backbone {name!r}: timm has no such model{hint}")
    network = timm.create_model(name, num_classes=0)
    made_for_a_size = hasattr(network, "patch_embed")
    if not made_for_a_size and not pretrained:
        return network
    options = _ANY_SIZE.keys() & _accepted(network) if made_for_a_size else ()
    return timm.create_model(
        name, pretrained=pretrained, num_classes=0, **{key: _ANY_SIZE[key] for key in options}
    )


def compute_maps(backbone: Any, pixels: Tensor) -> Tensor:
    """Take normalised float32[n, 3, h, w]; return maps float[n, c, h', w'].

    timm's models give maps, maps with the channels last, or tokens; of these the ones that stand
    for no place (class, registers) are left out, and the others laid out as they stood.

    Raises:
        ConfigError: the model gives something else, or doesn't take pictures of this size.
    """
    size = pixels.shape[2:]
    try:
        features: Tensor = backbone.forward_features(pixels)
    except AssertionError as error:  # timm's way to refuse a size
        raise ConfigError(
            f"model.backbone: a {type(backbone).__name__} doesn't take pictures of "
            f"{size[0]}x{size[1]} ({error})"
        ) from error
    if features.ndim == 4:
        channels_last = getattr(backbone, "output_fmt", "NCHW") == "NHWC"
        return features.permute(0, 3, 1, 2) if channels_last else features
    if features.ndim == 3:
        patch = backbone.feature_info[-1]["reduction"]
        rows, columns = (math.ceil(side / patch) for side in size)
        placed = features[:, getattr(backbone, "num_prefix_tokens", 0) :]
        if placed.shape[1] == rows * columns:
            return torch.unflatten(placed.transpose(1, 2), 2, (rows, columns))
    raise ConfigError(
        f"model.backbone: the features of a {type(backbone).__name__} are no maps; take another"
    )


def fit_out(backbone: Any) -> int:
    """Run one small picture: return the maps' channels, and remove modules that took no part.

    What only served the classifier has no gradient, which is an error where several processes
    train, and would count as part of the model's size.
    """
    fixed = hasattr(backbone, "patch_embed") and not _takes_any_size(backbone)
    backbone.eval()
    maps = compute_maps(backbone, torch.zeros(1, 3, *((HEIGHT, WIDTH) if fixed else PROBE)))
    parameters = dict(backbone.named_parameters())
    gradients = torch.autograd.grad(maps.sum(), list(parameters.values()), allow_unused=True)
    used = {key for key, g in zip(parameters, gradients, strict=True) if g is not None}
    for name, module in list(backbone.named_modules()):
        own = {f"{name}.{key}" for key, _ in module.named_parameters(recurse=False)}
        if name and own and not own & used:
            backbone.set_submodule(name, nn.Identity())
    backbone.train()
    return maps.shape[1]


def freeze_stages(backbone: Any, stages: int) -> list[nn.Module]:
    """Let the stem and the first ``stages`` stages train no more, and everything else train.

    What a stage is, timm says for each family: the blocks between two changes of resolution in
    most, every block in a ViT.

    Returns:
        The modules that are frozen whole, to be kept in evaluation.

    Raises:
        ConfigError: there are fewer stages, or timm doesn't know this model's.
    """
    frozen = _parameters_of(backbone, stages) if stages else set()
    for key, parameter in backbone.named_parameters():
        parameter.requires_grad_(key not in frozen)
    return _topmost_frozen(backbone)


def keep_last_resolution(backbone: nn.Module) -> None:
    """Take the stride out of the last block that has one, its shortcut included.

    Raises:
        ConfigError: no convolution of the backbone has stride 2, but the one that makes patches.
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
            if module.kernel_size == (2, 2):  # a ConvNeXt's joins blocks of four, with no margin
                module.padding = "same"
        else:  # a ResNet-D's shortcut pools, then convolves
            backbone.set_submodule(name, nn.Identity())


def narrow_head(backbone: Any, channels: int) -> None:
    """Keep only the first ``channels`` of the convolution that widens the last maps.

    Raises:
        ConfigError: the backbone has no such convolution before the pooling, as EfficientNets have,
            or it gives fewer channels.
    """
    head: Any = getattr(backbone, "conv_head", None)
    norm: Any = getattr(backbone, "bn2", None)
    widens = isinstance(backbone, EfficientNet) and isinstance(head, nn.Conv2d)
    if not widens or not isinstance(norm, nn.BatchNorm2d):
        kind = type(backbone).__name__
        raise ConfigError(f"head_channels: this {kind} can't be narrowed; set it to 0")
    if head.out_channels < channels:
        raise ConfigError(f"head_channels: this backbone has {head.out_channels}, not {channels}")
    head.out_channels = norm.num_features = channels
    for tensor in [*head.parameters(), *norm.parameters(), *norm.buffers()]:
        if tensor.ndim:  # the number of batches has none
            tensor.data = tensor.data[:channels].clone()


def added_blocks(backbone: nn.Module, shallower: nn.Module) -> dict[str, str]:
    """Name the blocks at the ends of a deeper backbone's stages that the shallower one hasn't.

    Returns:
        Each with the last block of its stage that both have; nothing where the blocks that both
        have differ, or where one that is new has no shortcut around it.
    """
    stages, fewer = _stages(backbone), _stages(shallower)
    if type(backbone) is not type(shallower) or len(stages) != len(fewer):
        return {}
    added: dict[str, str] = {}
    for (name, blocks), common in zip(stages.items(), fewer.values(), strict=True):
        shared = zip(common, blocks, strict=False)
        new = blocks[len(common) :]
        alike = all(_shapes(block) == _shapes(other) for other, block in shared)
        if len(common) > len(blocks) or not alike or not all(_has_shortcut(block) for block in new):
            return {}
        numbers = range(len(common), len(blocks))
        added |= {f"{name}.{number}": f"{name}.{len(common) - 1}" for number in numbers}
    return added


def _stages(backbone: nn.Module) -> dict[str, list[nn.Module]]:
    """The numbered blocks of each stage, by the stage's name; of a ViT, which has none, nothing."""
    stages = getattr(backbone, "blocks", None)
    if not isinstance(stages, nn.Sequential):
        return {}
    return {
        f"blocks.{name}": [block for number, block in stage.named_children() if number.isdecimal()]
        for name, stage in stages.named_children()
    }


def _shapes(module: nn.Module) -> dict[str, torch.Size]:
    return {key: tensor.shape for key, tensor in module.state_dict().items()}


def _has_shortcut(block: nn.Module) -> bool:
    return bool(getattr(block, "has_skip", False))


def _accepted(backbone: nn.Module) -> set[str]:
    return set(inspect.signature(type(backbone).__init__).parameters)


def _takes_any_size(backbone: nn.Module) -> bool:
    return not _accepted(backbone).isdisjoint({"dynamic_img_size", "strict_img_size"})


def _parameters_of(backbone: Any, stages: int) -> set[str]:
    """Names of the parameters of the stem and the first stages."""
    kind = type(backbone).__name__
    if not hasattr(backbone, "group_matcher"):
        raise ConfigError(f"frozen_stages: timm doesn't know the stages of a {kind}; set it to 0")
    groups: dict[int, list[str]] = group_parameters(
        backbone, backbone.group_matcher(coarse=True), reverse=False
    )
    if stages >= len(groups):
        raise ConfigError(f"frozen_stages: this {kind} has {len(groups) - 1}, not {stages}")
    return {key for number in range(stages + 1) for key in groups[number]}


def _topmost_frozen(module: nn.Module) -> list[nn.Module]:
    """The largest modules within ``module`` that have parameters and train none of them."""
    parameters = list(module.parameters())
    if parameters and not any(p.requires_grad for p in parameters):
        return [module]
    return [found for child in module.children() for found in _topmost_frozen(child)]


def _halves(module: nn.Module) -> bool:
    if isinstance(module, nn.AvgPool2d):
        return module.stride in {2, (2, 2)}
    return isinstance(module, nn.Conv2d) and module.stride == (2, 2)

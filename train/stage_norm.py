"""Maps normalised picture by picture in part: what a camera's light and colours do is taken out.

Instance normalisation (Ulyanov et al. 2016) in early stages makes maps that cameras share, and
takes away what tells clothes apart by their colours; so it is mixed with what it comes from, half
and half. (IBN-Net, Pan et al. 2018, and OSNet-AIN, Zhou et al. 2021, mix over channels and blocks.)
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..gallery.errors import ConfigError
from .backbones import PROBE, compute_maps
from .precision import at_least_float32, full_precision

_EPSILON = 1e-5  # what is added to a variance
_NAME = "stage_norm"


class StageNorm(nn.Module):
    """Half of the maps as they are, half with mean and deviation of each picture made the same.

    Weight and shift are half of what `start_stage_norms` measures: the deviations and means that
    pictures have on average. So a network that was trained without it is disturbed as little as can
    be. They have the halves in them since every operation counts where a map is small.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    @property
    def started(self) -> bool:
        """Whether it was measured or loaded."""
        return bool(self.weight.any())

    def forward(self, maps: Tensor) -> Tensor:
        """Return float[n, c, h, w] as they come, x / 2 + w (x - mean) / deviation + b."""
        with full_precision(maps):
            wide = at_least_float32(maps)
            # One operation of the exported graph, where the formula by hand would be eleven. (What
            # `nn.functional` has is this, but refuses maps of one place, which become the shift.)
            normalised = torch.instance_norm(
                wide,
                self.weight,
                self.bias,
                running_mean=None,
                running_var=None,
                use_input_stats=True,
                momentum=0.0,
                eps=_EPSILON,
                cudnn_enabled=True,
            )
            return (wide * 0.5 + normalised).to(maps.dtype)


def _moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each map, float[n, c]."""
    variance, mean = torch.var_mean(maps, (2, 3), correction=0)
    return mean, (variance + _EPSILON).sqrt()


def add_stage_norms(backbone: Any, stages: int) -> None:
    """Put one behind each of the first ``stages`` stages.

    Raises:
        ConfigError: the backbone isn't made of stages of convolutional blocks, as EfficientNets and
            MobileNets are, or has fewer.
    """
    blocks: Any = getattr(backbone, "blocks", None)
    staged = isinstance(blocks, nn.Sequential) and all(
        isinstance(stage, nn.Sequential) for stage in blocks
    )
    if not staged:
        kind = type(backbone).__name__
        raise ConfigError(f"normalised_stages: a {kind} has no such stages; set it to 0")
    if stages > len(blocks):
        raise ConfigError(f"normalised_stages: this backbone has {len(blocks)}, not {stages}")
    chosen = blocks[:stages]
    for stage, channels in zip(chosen, _channels(backbone, chosen), strict=True):
        stage.add_module(_NAME, StageNorm(channels))


def start_stage_norms(model: nn.Module, batches: Sequence[Tensor]) -> int:
    """Measure those that were neither measured nor loaded; return how many.

    Args:
        model: in which they are, one behind the other.
        batches: uint8[n, h, w, 3] each, of pictures as training sees them; without any, maps are
            taken to have mean 0 and deviation 1.
    """
    new = [norm for norm in _norms(model) if not norm.started]
    training, device = model.training, next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        for norm in new:  # each takes what the one before it gives
            found = [_moments_before(norm, model, pictures.to(device)) for pictures in batches]
            if found:
                means, deviations = (torch.cat(moments) for moments in zip(*found, strict=True))
                norm.bias.copy_(means.mean(0) / 2)
                norm.weight.copy_(deviations.mean(0) / 2)
            else:
                norm.weight.fill_(0.5)
    model.train(training)
    return len(new)


class _Seen(Exception):  # noqa: N818 (no error: what lies behind the norm isn't needed)
    """Carries what a norm would have taken."""

    def __init__(self, maps: Tensor) -> None:
        super().__init__()
        self.maps = maps


def _moments_before(norm: StageNorm, model: nn.Module, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each map that a norm takes, float[n, c]."""

    def stop(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        raise _Seen(inputs[0])

    handle = norm.register_forward_pre_hook(stop)
    try:
        model(pictures)
    except _Seen as seen:
        return _moments(at_least_float32(seen.maps))
    finally:
        handle.remove()
    raise ValueError("the norm is not in the model")


def has_new_stage_norms(model: nn.Module) -> bool:
    """Whether there is anything to start."""
    return any(not norm.started for norm in _norms(model))


def is_of_stage_norm(name: str) -> bool:
    """Whether a tensor of this name, of a state dict or an exported file, belongs to one."""
    return f".{_NAME}." in name


def _norms(model: nn.Module) -> Iterator[StageNorm]:
    return (module for module in model.modules() if isinstance(module, StageNorm))


def _channels(backbone: Any, stages: nn.Sequential) -> list[int]:
    """What each stage gives, as one small picture shows."""
    found: list[int] = []
    handles = [
        stage.register_forward_hook(lambda _, __, maps: found.append(maps.shape[1]))
        for stage in stages
    ]
    training = backbone.training
    with torch.no_grad():
        compute_maps(backbone.eval(), torch.zeros(1, 3, *PROBE))
    backbone.train(training)
    for handle in handles:
        handle.remove()
    return found

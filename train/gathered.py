"""What sees the whole batch although it is split among processes: rows and batch norms.

Every process computes the same loss from the same gathered rows. A gradient that is averaged over
the processes afterwards is then the one that a single process with the whole batch would have.
"""

from typing import Any, cast

import torch
from timm.layers import norm_act
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm


class _Gather(torch.autograd.Function):
    """Rows of all processes; as every process has the same loss, no gradients need to be sent."""

    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        pieces = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(pieces, rows.contiguous())
        return torch.cat(pieces)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        own = gradients[0].chunk(distributed.get_world_size())[distributed.get_rank()]
        return own * distributed.get_world_size()


class _Sum(torch.autograd.Function):
    """The sum over processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


def gather_rows(rows: Tensor) -> Tensor:
    """Every process's rows [n, ...], as many in each, in the order of ranks, with gradient."""
    gathered: Tensor = _Gather.apply(rows)
    return gathered


class GatheredBatchNorm(nn.Module):
    """A batch norm whose statistics are of all processes' batches, on any device.

    It takes over weights, buffers and names of the one it replaces, and the activation that timm
    puts into its batch norms. Each process must hold as many rows as the others.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.eps, self.momentum = norm.eps, norm.momentum or 0.0
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        self.drop = getattr(norm, "drop", nn.Identity())
        self.act = getattr(norm, "act", nn.Identity())
        self.train(norm.training)

    def forward(self, values: Tensor) -> Tensor:
        """Take float[n, c, ...]; return the same shape and type."""
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = self._whole_batch(values.float())
        scale = self.weight * (var + self.eps).rsqrt()
        spread = (1, -1) + (1,) * (values.ndim - 2)
        shifted = (values.float() - mean.view(spread)) * scale.view(spread)
        result = (shifted + self.bias.view(spread)).to(values.dtype)
        return cast(Tensor, self.act(self.drop(result)))

    def _whole_batch(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel over all processes, noted in the running ones."""
        axes = [0, *range(2, values.ndim)]
        count = values.numel() // values.shape[1] * distributed.get_world_size()
        mean = _Sum.apply(values.sum(axes)) / count
        gaps = values - mean.view((1, -1) + (1,) * (values.ndim - 2))
        var = _Sum.apply((gaps**2).sum(axes)) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * (count / (count - 1)), self.momentum)
            self.num_batches_tracked += 1
        return mean, var


def gather_batch_statistics(model: nn.Module, device: torch.device) -> nn.Module:
    """Replace every batch norm by one that sees all processes' batches.

    PyTorch's own is fused, but has no kernel for CPUs.
    """
    if device.type == "cuda":
        return cast(nn.Module, cast(Any, norm_act).convert_sync_batchnorm(model))
    for name, child in model.named_children():
        if isinstance(child, _BatchNorm):
            setattr(model, name, GatheredBatchNorm(child))
        else:
            gather_batch_statistics(child, device)
    return model

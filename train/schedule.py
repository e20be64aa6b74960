"""What changes from step to step: learning rate, margin, and the average of the weights."""

import copy
import math

import torch
from torch import nn


def learning_rate_at(epochs: float, *, of: float, warmup: float, peak: float) -> float:
    """Linear warm-up to ``peak``, then a cosine that ends at a hundredth of it.

    Args:
        epochs: done, in [0, of].
        of: epochs in all.
        warmup: epochs of warm-up; it starts at a hundredth of ``peak``, too.
        peak: the highest rate.
    """
    if epochs < warmup:
        return peak * (0.01 + 0.99 * epochs / warmup)
    progress = (epochs - warmup) / (of - warmup) if of > warmup else 1.0
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def margin_at(epochs_done: float, *, warmup_epochs: float, margin_rad: float) -> float:
    """ArcFace's margin grows in a straight line: from the start the full one may diverge."""
    if warmup_epochs <= 0:
        return margin_rad
    return margin_rad * min(1.0, epochs_done / warmup_epochs)


class WeightAverage:
    """Exponential moving average of a module's parameters and buffers."""

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        self.module = copy.deepcopy(module).requires_grad_(False).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards ``module``; at first with long strides, away from the random start."""
        keep = min(self.decay, (1 + step) / (10 + step))
        pairs = list(
            zip(self.module.state_dict().values(), module.state_dict().values(), strict=True)
        )
        moving = [(average, now) for average, now in pairs if average.is_floating_point()]
        averages, current = ([pair[n] for pair in moving] for n in (0, 1))
        torch._foreach_lerp_(averages, current, 1 - keep)  # one call, not one a tensor
        for average, now in pairs:
            if not average.is_floating_point():
                average.copy_(now)

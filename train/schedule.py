"""What changes from step to step: learning rate, margin, and the average of the weights."""

import copy
import math

import torch
from torch import nn


def learning_rate_at(step: int, *, steps: int, warmup: int, peak: float) -> float:
    """Linear warm-up to ``peak``, then a cosine that ends at a hundredth of it."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
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
        for average, current in zip(
            self.module.state_dict().values(), module.state_dict().values(), strict=True
        ):
            if average.is_floating_point():
                average.lerp_(current, 1 - keep)
            else:
                average.copy_(current)

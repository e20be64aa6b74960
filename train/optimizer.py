"""The optimizer: AdamW or SGD, with weight decay where it belongs."""

from collections.abc import Sequence

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from .config import OptimConfig


def build_optimizer(modules: Sequence[nn.Module], config: OptimConfig) -> Optimizer:
    """Decay matrices and kernels only: biases, norms and scalars must be free to grow."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if config.optimizer == "sgd":
        return SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=True)
    return AdamW(groups, lr=config.learning_rate)

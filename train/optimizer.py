"""The optimizer: AdamW or SGD, with weight decay where it belongs."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from .config import OptimConfig


def build_optimizer(modules: Sequence[nn.Module], config: OptimConfig) -> Optimizer:
    """Decay matrices and kernels only: biases, norms and scalars must be free to grow."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    groups = [
        {
            "params": [p for p in parameters if _is_matrix(p)],
            "weight_decay": config.weight_decay,
        },
        {"params": [p for p in parameters if not _is_matrix(p)], "weight_decay": 0.0},
    ]
    if config.optimizer == "sgd":
        return SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=True)
    return AdamW(groups, lr=config.learning_rate)


def _is_matrix(parameter: Tensor) -> bool:
    """Whether it has more than a value a channel."""
    return parameter.ndim > 1 and parameter.numel() > len(parameter)

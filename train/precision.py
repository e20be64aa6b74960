"""What stays in full precision where the rest is computed in half."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Raise half precision to float32, and leave float64 as it is."""
    return values if values.dtype == torch.float64 else values.float()


def full_precision(values: Tensor) -> AbstractContextManager[object]:
    """Suspend autocast on the device of ``values``: it would round even float32 factors.

    Where autocast is off nothing is entered, so that an exported graph has no trace of it.
    """
    device = values.device.type
    if not torch.is_autocast_enabled(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)

"""Depthwise convolutions in 16 bits, for gradients of which oneDNN has no quick code on CPUs.

- The weights' gradient of kernels of 5x5 and more takes four times as long as in 32 bits and a
  hundred times as long as that of 3x3 kernels: most of a whole step. So it is put together from
  the gradients of 3x3 windows. With

      dw[i, j] = sum over n, y, x of  gradient[n, y, x] * maps[n, s y + i, s x + j]

  the nine weights from (a, b) on are those of a 3x3 kernel whose maps begin ``a`` rows and ``b``
  columns later. Where windows overlap, they agree.
- The maps' gradient where the stride is 2 takes twelve to forty times as long as in 32 bits. So it
  is taken in 32.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

_WINDOW = 3
_BACKWARD = torch.ops.aten.convolution_backward.default


class QuickDepthwise(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context: a backward pass in it takes these gradients in quicker ways, to the same end."""

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Do what PyTorch would, except for these gradients."""
        if func is _BACKWARD and _is_slow(*args):
            return _convolution_backward(*args)
        return func(*args, **(kwargs or {}))


def _is_slow(gradient: Tensor, maps: Tensor, weight: Tensor, *how: Any) -> bool:
    _, stride, padding, dilation, transposed, _, groups, _ = how
    return bool(
        maps.dtype == torch.bfloat16
        and maps.device.type == "cpu"
        and weight.ndim == 4
        and groups == maps.shape[1] == weight.shape[0]
        and weight.shape[2] == weight.shape[3]
        and (weight.shape[2] > _WINDOW or stride[0] > 1)
        and not transposed
        and all(len(set(pair)) == 1 for pair in (stride, padding))
        and set(dilation) == {1}
    )


def _convolution_backward(
    gradient: Tensor, maps: Tensor, weight: Tensor, *how: Any
) -> tuple[Tensor | None, ...]:
    """As PyTorch's operator of this name."""
    *before, wanted = how
    stride, padding = how[1][0], how[2][0]
    in_32, by_windows = wanted[0] and stride > 1, wanted[1] and weight.shape[2] > _WINDOW
    rest = [wanted[0] and not in_32, wanted[1] and not by_windows, wanted[2]]
    of_maps, of_weight, of_bias = _BACKWARD(gradient, maps, weight, *before, rest)
    if in_32:
        of_maps = _maps_gradient_in_32(gradient, maps, weight, *before)
    if by_windows:
        of_weight = weight_gradient(gradient, maps, weight, stride=stride, padding=padding)
    return of_maps, of_weight, of_bias


def _maps_gradient_in_32(gradient: Tensor, maps: Tensor, weight: Tensor, *how: Any) -> Tensor:
    like = torch.empty_like(maps, dtype=torch.float32)  # its values don't matter
    wanted = [True, False, False]
    of_maps, _, _ = _BACKWARD(gradient.float(), like, weight.float(), *how, wanted)
    return cast(Tensor, of_maps).to(maps.dtype)


def weight_gradient(
    gradient: Tensor, maps: Tensor, weight: Tensor, *, stride: int, padding: int
) -> Tensor:
    """Gradient of a depthwise kernel's weights.

    Args:
        gradient: float[n, c, y, x], of what the convolution gave.
        maps: float[n, c, h, w], what it took.
        weight: float[c, 1, k, k], k at least 3.
        stride: in both directions.
        padding: zeros on every side.

    Returns:
        float[c, 1, k, k].
    """
    channels, _, kernel, _ = weight.shape
    rows, columns = ((side - 1) * stride + _WINDOW for side in gradient.shape[2:])
    padded = functional.pad(maps, (padding,) * 4)
    whole = torch.empty_like(weight)
    like = weight[:, :, :_WINDOW, :_WINDOW]
    how = (None, [stride] * 2, [0, 0], [1, 1], False, [0, 0], channels, [False, True, False])
    starts = [*range(0, kernel - _WINDOW, _WINDOW), kernel - _WINDOW]
    for top in starts:
        for left in starts:
            window = padded[:, :, top : top + rows, left : left + columns]
            _, of_window, _ = _BACKWARD(gradient, window, like, *how)
            whole[:, :, top : top + _WINDOW, left : left + _WINDOW] = of_window
    return whole

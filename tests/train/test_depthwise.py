"""Gradients taken by windows, or in 32 bits, are PyTorch's own."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.train import depthwise
from reid_gallery.train.depthwise import QuickDepthwise, weight_gradient
from torch import nn
from torch.nn import functional


@given(
    kernel=st.integers(3, 9),
    stride=st.integers(1, 3),
    padding=st.integers(0, 4),
    more=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    seed=st.integers(0, 99),
)
def test_windows_give_the_gradient_of_the_whole_kernel(kernel, stride, padding, more, seed):
    torch.manual_seed(seed)
    maps = torch.randn(2, 4, *(max(1, kernel - 2 * padding) + extra for extra in more))
    weight = torch.randn(4, 1, kernel, kernel, requires_grad=True)
    given_back = functional.conv2d(maps, weight, stride=stride, padding=padding, groups=4)
    gradient = torch.randn_like(given_back)
    (own,) = torch.autograd.grad(given_back, weight, gradient)
    ours = weight_gradient(gradient, maps, weight.detach(), stride=stride, padding=padding)
    torch.testing.assert_close(ours, own, rtol=1e-4, atol=1e-4)


CONVOLUTIONS = {
    "quick": nn.Conv2d(8, 8, 5, padding=2, groups=8),
    "quick, by twos": nn.Conv2d(8, 8, 5, stride=2, padding=2, groups=8, bias=False),
    "small": nn.Conv2d(8, 8, 3, padding=1, groups=8),
    "small, by twos": nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8),
    "whole": nn.Conv2d(8, 8, 5, padding=2),
    "wide": nn.Conv2d(8, 8, (1, 5), padding=(0, 2), groups=8),
    "dilated": nn.Conv2d(8, 8, 5, padding=4, dilation=2, groups=8),
    "transposed": nn.ConvTranspose2d(8, 8, 5, groups=8),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_backward_pass_in_it_gives_what_one_outside_does(name, dtype, monkeypatch):
    taken = []

    def notes(name: str) -> None:
        whole = getattr(depthwise, name)
        monkeypatch.setattr(
            depthwise, name, lambda *args, **how: taken.append(name) or whole(*args, **how)
        )

    notes("weight_gradient")
    notes("_maps_gradient_in_32")
    torch.manual_seed(0)
    layer = CONVOLUTIONS[name].to(dtype)
    maps = torch.randn(3, 8, 9, 7, dtype=dtype, requires_grad=True)
    given_back = layer(maps).float().square().sum()
    leaves = [maps, *layer.parameters()]
    own = torch.autograd.grad(given_back, leaves, retain_graph=True)
    with QuickDepthwise():
        ours = torch.autograd.grad(given_back, leaves)
    halves = dtype == torch.bfloat16
    assert ("weight_gradient" in taken) == (halves and name.startswith("quick"))
    assert ("_maps_gradient_in_32" in taken) == (halves and name.endswith("by twos"))
    for one, other in zip(ours, own, strict=True):
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02 * float(other.abs().max()))

import math

import numpy as np
import pytest
import torch
from reid_gallery.train.schedule import WeightAverage, learning_rate_at, margin_at
from torch import nn


def test_the_learning_rate_warms_up_and_falls_along_a_cosine():
    rates = [learning_rate_at(n / 10, of=10.0, warmup=1.0, peak=0.5) for n in range(101)]
    np.testing.assert_allclose(rates[:10], 0.5 * (0.01 + 0.099 * np.arange(10)))
    for step in (10, 40, 100):
        cosine = (1 + math.cos(math.pi * (step - 10) / 90)) / 2
        assert rates[step] == pytest.approx(0.5 * (0.01 + 0.99 * cosine))
    assert (np.diff(rates[:11]) > 0).all()
    assert (np.diff(rates[10:]) <= 0).all()
    assert rates[-1] == pytest.approx(0.005)


def test_the_learning_rate_without_warm_up_and_past_the_end():
    assert learning_rate_at(0, of=10, warmup=0, peak=1.0) == pytest.approx(1.0)
    assert learning_rate_at(50, of=10, warmup=0, peak=1.0) == pytest.approx(0.01)
    assert learning_rate_at(0.5, of=1, warmup=1, peak=1.0) == pytest.approx(0.505)
    assert learning_rate_at(1, of=1, warmup=1, peak=1.0) > 0


def test_the_margin_grows_in_a_straight_line():
    margins = [margin_at(e, warmup_epochs=4, margin_rad=0.4) for e in (0, 1, 2, 4, 9)]
    assert margins == pytest.approx([0, 0.1, 0.2, 0.4, 0.4])
    assert margin_at(0, warmup_epochs=0, margin_rad=0.4) == 0.4


def test_the_average_by_its_recurrence():
    module = nn.BatchNorm1d(2)
    average = WeightAverage(module, decay=0.5)
    wanted, mean = np.ones(2), np.zeros(2)
    for step in range(12):
        with torch.no_grad():
            module.weight += 1.5
        module(torch.randn(8, 2) + step)
        average.update(module, step)
        keep = min(0.5, (1 + step) / (10 + step))
        wanted = keep * wanted + (1 - keep) * module.weight.detach().numpy()
        mean = keep * mean + (1 - keep) * module.running_mean.numpy()
    np.testing.assert_allclose(average.module.weight, wanted, rtol=1e-5)
    np.testing.assert_allclose(average.module.running_mean, mean, rtol=1e-4)
    assert average.module.num_batches_tracked == 12


def test_the_average_is_apart_from_the_module_and_never_trains():
    module = nn.BatchNorm1d(2)
    average = WeightAverage(module, decay=0.9)
    with torch.no_grad():
        module.weight += 1
    assert torch.equal(average.module.weight, torch.ones(2))
    assert not average.module.training
    assert not any(p.requires_grad for p in average.module.parameters())

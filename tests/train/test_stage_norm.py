from dataclasses import replace

import numpy as np
import pytest
import torch
from reid_gallery.gallery.errors import ConfigError
from reid_gallery.train.backbones import create_backbone
from reid_gallery.train.config import ModelConfig, OptimConfig
from reid_gallery.train.export import noise_pictures
from reid_gallery.train.model import EmbeddingModel
from reid_gallery.train.opening import start_run
from reid_gallery.train.optimizer import build_optimizer
from reid_gallery.train.run_folder import RunData
from reid_gallery.train.stage_norm import (
    StageNorm,
    add_stage_norms,
    has_new_stage_norms,
    start_stage_norms,
)

PICTURES = torch.from_numpy(np.stack(noise_pictures(4)))


def build(stages: int) -> EmbeddingModel:
    torch.manual_seed(3)
    settings = {"backbone": "test_efficientnet", "embedding_size": 8, "init": "none"}
    return EmbeddingModel(ModelConfig(**settings, normalised_stages=stages))


def embed(model: EmbeddingModel) -> np.ndarray:
    with torch.inference_mode():
        return model.eval().embed(PICTURES).numpy()


def test_by_its_formula():
    maps = torch.randn(3, 2, 5, 4, generator=torch.Generator().manual_seed(0)) * 4 + 7
    norm = StageNorm(2)
    norm.weight.data = torch.tensor([2.0, 0.5]).view(2, 1, 1)
    norm.bias.data = torch.tensor([-1.0, 3.0]).view(2, 1, 1)
    given = norm(maps).detach().numpy()
    for n, c in np.ndindex(3, 2):
        one = maps[n, c].numpy()
        normalised = (one - one.mean()) / np.sqrt(one.var())
        wanted = one / 2 + norm.weight[c].item() * normalised + norm.bias[c].item()
        np.testing.assert_allclose(given[n, c], wanted, rtol=1e-4, atol=1e-4)


def test_light_and_tint_of_a_picture_count_half():
    norm = StageNorm(2)
    norm.weight.data.fill_(1.0)
    maps = torch.rand(1, 2, 6, 6, generator=torch.Generator().manual_seed(1))
    shift = torch.tensor([0.5, -2.0]).view(1, 2, 1, 1)
    moved = norm(maps + shift) - norm(maps)
    torch.testing.assert_close(moved, (shift / 2).expand_as(moved), atol=1e-4, rtol=0)


def test_a_network_is_disturbed_little_and_started_once():
    plain, normalised = build(0), build(2)
    normalised.load_state_dict(plain.state_dict(), strict=False)
    assert has_new_stage_norms(normalised)
    assert start_stage_norms(normalised, [PICTURES]) == 2
    assert not has_new_stage_norms(normalised)
    alike = (embed(plain) * embed(normalised)).sum(1)
    assert 0.9 < alike.min() < 0.9999
    before = [p.clone() for p in normalised.parameters()]
    assert start_stage_norms(normalised, [PICTURES / 2]) == 0
    assert all(torch.equal(*pair) for pair in zip(before, normalised.parameters(), strict=True))


def test_a_run_measures_them_before_it_begins(tmp_path, people, tiny_config):
    config = tiny_config(model=replace(tiny_config().model, init="none", normalised_stages=2))
    with start_run(tmp_path, config, RunData(((people, "folders"),))) as run:
        assert not has_new_stage_norms(run.learner.model)
        assert not has_new_stage_norms(run.learner.average.module)


def test_their_weights_do_not_decay():
    model = build(2)
    decayed, free = build_optimizer([model], OptimConfig()).param_groups
    norms = {id(p) for m in model.modules() if isinstance(m, StageNorm) for p in m.parameters()}
    assert norms <= {id(p) for p in free["params"]}
    assert id(model.projection.weight) in {id(p) for p in decayed["params"]}


@pytest.mark.parametrize(
    ("backbone", "stages", "message"),
    [
        ("test_efficientnet", 9, "has [0-9], not 9"),
        ("test_resnet", 1, "a ResNet has no such stages"),
        ("test_vit", 1, "has no such stages"),
    ],
)
def test_backbones_that_have_no_such_stages(backbone, stages, message):
    with pytest.raises(ConfigError, match=f"normalised_stages: .*{message}"):
        add_stage_norms(create_backbone(backbone), stages)

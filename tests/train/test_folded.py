from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from reid_gallery.gallery.errors import ConfigError
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.extractor.levelling import Cameras, level
from reid_gallery.gallery.extractor.mirroring import mirror
from reid_gallery.gallery.extractor.spec import METADATA_KEY, ModelSpec
from reid_gallery.train.config import ModelConfig, Phase
from reid_gallery.train.export import ServedModel, build_graph, noise_pictures
from reid_gallery.train.folded import _pairs, load_extractor_weights, measure_statistics
from reid_gallery.train.initial import load_initial_weights, settle_start
from reid_gallery.train.int8 import quantize
from reid_gallery.train.model import EmbeddingModel, is_batch_norm
from reid_gallery.train.stage_norm import StageNorm, has_new_stage_norms, start_stage_norms
from torch import nn

FITTED = np.stack(noise_pictures(4))


def build(**changes) -> EmbeddingModel:
    settings = {"backbone": "test_efficientnet", "embedding_size": 8, "frozen_statistics": True}
    return EmbeddingModel(ModelConfig(**{**settings, "init": "none", **changes}))


def export(model: EmbeddingModel, path: Path) -> None:
    graph = build_graph(ServedModel(model, Phase(epochs=1)).eval())
    spec = ModelSpec(
        name="x",
        backbone=model.config.backbone,
        dim=8,
        training={"config": {"model": asdict(model.config)}},
        licence="tests",
    )
    onnx.helper.set_model_props(graph, {METADATA_KEY: spec.to_json()})
    onnx.save(graph, path)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model whose norms all do something, its file, and its embeddings."""
    torch.manual_seed(3)
    model = build()
    random = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 2, generator=random)
            module.running_mean.normal_(generator=random)
            if module is not model.neck:
                module.bias.data.normal_(generator=random)
    path = tmp_path_factory.mktemp("folded") / "model.onnx"
    export(model, path)
    with torch.inference_mode():
        return path, model.eval().embed(torch.from_numpy(FITTED)).numpy()


def test_a_model_starts_as_the_extractor_ended(exported):
    path, wanted = exported
    torch.manual_seed(9)
    model = build()
    assert load_extractor_weights(model, path) > 50
    model.train()  # its statistics are frozen, so that it embeds as in evaluation
    with torch.inference_mode():
        given = model.embed(torch.from_numpy(FITTED)).numpy()
    assert (given * wanted).sum(1).min() > 0.9999


def test_a_model_starts_from_what_an_8_bit_file_stands_for(exported, tmp_path):
    path, wanted = exported
    quantize(path, tmp_path / "q.onnx", FITTED)
    torch.manual_seed(9)
    model = build()
    load_initial_weights(model, str(tmp_path / "q.onnx"))
    with torch.inference_mode():
        given = model.eval().embed(torch.from_numpy(FITTED)).numpy()
    assert 0.99 < (given * wanted).sum(1).min() < 0.99999


def test_a_model_starts_from_one_that_looks_twice(exported, tmp_path):
    path, wanted = exported
    mirror(Extractor.load(path), tmp_path / "m.onnx")
    model = build()
    line = load_initial_weights(model, str(tmp_path / "m.onnx"))
    assert line.endswith("tensors), from what that gives of one look, not two")
    with torch.inference_mode():
        given = model.eval().embed(torch.from_numpy(FITTED)).numpy()
    assert (given * wanted).sum(1).min() > 0.9999


def test_a_model_starts_from_a_levelled_one(exported, tmp_path):
    path, _ = exported
    extractor = Extractor.load(path)
    directions = np.eye(extractor.dim, dtype=np.float32)[1:3]
    level(extractor, Cameras(directions, 3, 75), tmp_path / "l.onnx")
    wanted = Extractor.load(tmp_path / "l.onnx").embed_fitted(FITTED)
    assert (extractor.embed_fitted(FITTED) * wanted).sum(1).min() < 0.9999  # else nothing is shown
    model = build()
    load_initial_weights(model, str(tmp_path / "l.onnx"))
    with torch.inference_mode():
        given = model.eval().embed(torch.from_numpy(FITTED)).numpy()
    assert (given * wanted).sum(1).min() > 0.9999


def test_the_shipped_extractor_serves_as_a_start():
    shipped = Extractor.load(resolve_model())
    model = EmbeddingModel(
        settle_start(ModelConfig(init="shipped", frozen_statistics=True))
    ).train()
    load_extractor_weights(model, resolve_model())
    served = ServedModel(model, Phase(**shipped.spec.training["config"]["phases"][-1]))
    with torch.inference_mode():
        given = served(torch.from_numpy(FITTED)).numpy()
    wanted = shipped.embed_fitted(FITTED)
    assert (given * wanted).sum(1).min() > 0.9999


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embedding_size": 9}, "embedding_size = 8$"),
        ({"backbone": "test_resnet"}, "backbone = 'test_efficientnet'$"),
        ({"pooling": "average", "bnneck": False}, "pooling = 'gem', bnneck = True$"),
        ({"last_stride_1": False}, "last_stride_1 = True$"),
        ({"head_channels": 24}, "head_channels = 0$"),
    ],
)
def test_another_architecture_is_refused(exported, changes, message):
    path, _ = exported
    with pytest.raises(ConfigError, match=message) as caught:
        load_extractor_weights(build(**changes), path)
    assert "\n" not in str(caught.value)


def test_a_narrower_head_starts_from_a_wider_one(exported):
    path, wanted = exported
    model = build(head_channels=252)  # of 256: little is lost
    assert "narrowed to 252" in load_initial_weights(model, str(path))
    with torch.inference_mode():
        given = model.eval().embed(torch.from_numpy(FITTED)).numpy()
    assert 0.98 < (given * wanted).sum(1).min() < 0.99999
    assert "channels" not in load_initial_weights(build(head_channels=256), str(path))


def test_from_a_narrow_head_start_those_as_narrow_and_narrower_ones(tmp_path):
    torch.manual_seed(3)
    before = build(head_channels=24)
    path = str(tmp_path / "narrow.onnx")
    export(before, tmp_path / "narrow.onnx")
    torch.manual_seed(9)
    model = build(head_channels=24)
    assert "narrowed" not in load_initial_weights(model, path)
    with torch.inference_mode():
        given, wanted = (m.eval().embed(torch.from_numpy(FITTED)) for m in (model, before))
    assert (given * wanted).sum(1).min() > 0.9999
    assert "narrowed to 20" in load_initial_weights(build(head_channels=20), path)
    with pytest.raises(ConfigError, match=r"head_channels = 24$"):
        load_initial_weights(build(head_channels=0), path)
    assert settle_start(ModelConfig(init=path)).head_channels == 24
    assert settle_start(ModelConfig(init=path, head_channels=20)).head_channels == 20
    assert settle_start(ModelConfig()).head_channels == 0


def test_a_wider_head_embeds_as_the_narrower_one_until_it_learns(tmp_path):
    torch.manual_seed(3)
    before, path = build(head_channels=24), tmp_path / "narrow.onnx"
    export(before.eval(), path)
    wanted = Extractor.load(path).embed_fitted(FITTED)
    torch.manual_seed(9)
    model = build(head_channels=40, frozen_statistics=False)
    assert "widened to 40" in load_initial_weights(model, str(path))
    measure_statistics(model, [torch.from_numpy(FITTED)])
    with torch.inference_mode():
        given = model.eval().embed(torch.from_numpy(FITTED)).numpy()
    assert (given * wanted).sum(1).min() > 0.9999
    model.train().embed(torch.from_numpy(FITTED)).sum().backward()
    assert (model.projection.weight.grad[:, 24:].abs().max(0).values > 0).float().mean() > 0.5


def test_a_deeper_backbone_embeds_as_the_shallower_one_until_it_learns(tmp_path):
    torch.manual_seed(3)
    shallow = {"backbone": "tf_efficientnet_lite0", "head_channels": 24, "normalised_stages": 2}
    before, path = build(**shallow), tmp_path / "model.onnx"
    start_stage_norms(before, [torch.from_numpy(FITTED)])
    export(before.eval(), path)
    wanted = Extractor.load(path).embed_fitted(FITTED)
    torch.manual_seed(9)
    deeper = {**shallow, "backbone": "tf_efficientnet_lite1", "frozen_statistics": False}
    model = build(**deeper)
    line = load_initial_weights(model, str(path))
    assert "5 blocks of tf_efficientnet_lite1 are new" in line
    measure_statistics(model, [torch.from_numpy(FITTED)])
    with torch.inference_mode():
        given = model.eval().embed(torch.from_numpy(FITTED)).numpy()
    assert (given * wanted).sum(1).min() > 0.9999
    model.train().embed(torch.from_numpy(FITTED)).sum().backward()
    last_norm = model.backbone.blocks[1][2].bn3
    assert last_norm.weight.grad.abs().max() > 0  # so that what adds nothing begins to


def test_a_backbone_of_other_widths_is_no_deeper_one(exported):
    path, _ = exported
    with pytest.raises(ConfigError, match=r"backbone = 'test_efficientnet'$"):
        load_initial_weights(build(backbone="tf_efficientnet_lite2"), str(path))


def test_narrower_deeper_and_more_normalised_at_once(tmp_path):
    shallow = {"backbone": "tf_efficientnet_lite0", "head_channels": 24}
    export(build(**shallow).eval(), tmp_path / "model.onnx")
    model = build(backbone="tf_efficientnet_lite1", head_channels=20, normalised_stages=1)
    line = load_initial_weights(model, str(tmp_path / "model.onnx"))
    assert all(word in line for word in ("narrowed to 20", "5 blocks", "1 stages are normalised"))
    assert has_new_stage_norms(model)


def test_normalised_stages_start_the_next_model_and_more_may_follow(tmp_path):
    model, path = build(normalised_stages=1), tmp_path / "model.onnx"
    start_stage_norms(model, [torch.from_numpy(FITTED)])
    export(model.eval(), path)
    wanted = Extractor.load(path).embed_fitted(FITTED)
    again = build(normalised_stages=1)
    assert "stages are normalised" not in load_initial_weights(again, str(path))
    assert not has_new_stage_norms(again)
    with torch.inference_mode():
        for one in (model, again):
            given = one.eval().embed(torch.from_numpy(FITTED)).numpy()
            assert (given * wanted).sum(1).min() > 0.9999
    more = build(normalised_stages=2)
    assert "2 stages are normalised, of 1 there" in load_initial_weights(more, str(path))
    assert [m.started for m in more.modules() if isinstance(m, StageNorm)] == [True, False]
    assert settle_start(ModelConfig(init=str(path))).normalised_stages == 1
    with pytest.raises(ConfigError, match="normalised_stages = 1"):
        load_initial_weights(build(), str(path))


def test_files_that_do_not_say_enough(exported, tmp_path):
    file = onnx.load(exported[0])
    for tensor in file.graph.initializer:
        if "conv_stem" in tensor.name:
            tensor.name = "val_1"
    onnx.save(file, tmp_path / "nameless.onnx")
    with pytest.raises(ConfigError, match="under no name"):
        load_extractor_weights(build(), tmp_path / "nameless.onnx")
    del file.metadata_props[:]
    onnx.save(file, tmp_path / "silent.onnx")
    with pytest.raises(ConfigError, match="doesn't say how it was trained"):
        load_extractor_weights(build(), tmp_path / "silent.onnx")


def test_measured_statistics_change_nothing_but_training(exported):
    """What it embeds stays; in training its norms now scale by about what they scaled by before."""
    path, wanted = exported
    model = build(frozen_statistics=False)
    load_extractor_weights(model, path)
    batches = [torch.from_numpy(np.stack(noise_pictures(32)))]
    norms = [m for m in model.modules() if is_batch_norm(m)]
    assert measure_statistics(model, batches) == len(norms)
    with torch.inference_mode():
        given = model.eval().embed(torch.from_numpy(FITTED)).numpy()
        assert (given * wanted).sum(1).min() > 0.9999
        served = model.embed(batches[0])
        trained = model.train().embed(batches[0])
    assert (served * trained).sum(1).min() > 0.999


class Small(nn.Module):
    """A convolution and its norm; the model itself asks for precisions that "meta" lacks."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2)

    def project(self, pictures):
        return self.norm(self.conv(pictures))


def test_what_is_where_is_found_on_any_device():
    assert _pairs(Small().to("meta")) == _pairs(Small()) == [("conv", "norm")]


def test_a_channel_that_never_moves_stays_finite(exported):
    path, _ = exported
    model = build(frozen_statistics=False)
    load_extractor_weights(model, path)
    still = torch.full((4, 256, 128, 3), 127, dtype=torch.uint8)
    with torch.inference_mode():
        wanted = model.eval().embed(still)
        measure_statistics(model, [still])
        torch.testing.assert_close(model.embed(still), wanted, atol=1e-3, rtol=1e-3)
    assert all(torch.isfinite(t).all() for t in model.state_dict().values())


@pytest.mark.parametrize("init", ["shipped", "mine.onnx"])
def test_a_whole_model_is_told_from_a_backbone(init):
    assert ModelConfig(init=init).starts_from_extractor
    assert not ModelConfig(init="none").starts_from_extractor

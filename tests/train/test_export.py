import json

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.errors import ConfigError, ModelError, TrainingError
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.extractor.agreement import noise_pictures
from reid_gallery.gallery.extractor.spec import METADATA_KEY
from reid_gallery.gallery.pictures.fit import fit
from reid_gallery.train.checkpoint import save_checkpoint
from reid_gallery.train.config import Phase
from reid_gallery.train.export import (
    ServedModel,
    area_means,
    export_model,
    load_served_model,
    verify,
)
from reid_gallery.train.model import EmbeddingModel


def write_checkpoint(path, config, *, seed=0, trained_phase=0, weight=None):
    """Write a checkpoint as a run would, of random weights."""
    torch.manual_seed(seed)
    model = EmbeddingModel(config.model)
    model(torch.randint(0, 256, (8, 64, 32, 3), dtype=torch.uint8))  # statistics of some pictures
    if weight is not None:
        model.projection.weight.data.fill_(weight)
    tree = json.loads(json.dumps(config, default=vars))
    save_checkpoint(
        path,
        modules={"average": model},
        optimizer=torch.optim.AdamW(model.parameters()),
        state={"epoch": 2, "trained_phase": trained_phase, "step": 9, "config": tree},
    )
    return model.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory, tiny_config):
    """A checkpoint of a model trained at 64x32, its file, and the model."""
    folder = tmp_path_factory.mktemp("export")
    model = write_checkpoint(folder / "c.safetensors", tiny_config())
    spec = export_model(
        folder / "c.safetensors",
        folder / "model.onnx",
        name="small",
        licence="tests",
        training={"data": ["noise"]},
        metrics={"map": 0.5},
    )
    return folder, model, spec


def random_crops(count):
    random = np.random.default_rng(3)
    return [random.integers(0, 256, (90 + n, 40, 3), dtype=np.uint8) for n in range(count)]


def test_the_file_gives_what_the_model_gives(exported):
    folder, model, _ = exported
    crops = random_crops(5)
    blocks = np.stack([fit(crop) for crop in crops]).reshape(5, 64, 4, 32, 4, 3)
    pixels = torch.from_numpy(blocks.astype(np.float32).mean((2, 4))).permute(0, 3, 1, 2)
    with torch.inference_mode():
        wanted = torch.nn.functional.normalize(model.project(pixels)[1]).numpy()
    extractor = Extractor.load(folder / "model.onnx")
    for batch_size in (1, 2, 5):
        given = extractor.embed(crops, batch_size=batch_size)
        np.testing.assert_allclose(given, wanted, atol=2e-4)
        assert (given * wanted).sum(1).min() > 0.9999


def test_the_specification_is_in_the_file(exported):
    folder, _, spec = exported
    assert Extractor.load(folder / "model.onnx").spec == spec
    assert (spec.name, spec.dim, spec.input_size) == ("small", 16, (256, 128))
    assert spec.training["data"] == ["noise"]
    assert (spec.training["epochs"], spec.training["steps"]) == (2, 9)
    assert spec.training["config"]["seed"] == 5
    assert spec.metrics == {"map": 0.5}


def test_the_graph_is_small_and_says_nothing_of_this_machine(exported):
    folder, _, _ = exported
    model = onnx.load(folder / "model.onnx")
    assert [entry.key for entry in model.metadata_props] == [METADATA_KEY]
    kinds = {node.op_type for node in model.graph.node}
    assert "BatchNormalization" not in kinds  # folded into the convolutions
    assert not kinds & {"Pad", "If", "Loop", "Ceil"}  # padding is fixed, as the input size is
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    content = (folder / "model.onnx").read_bytes()
    for trace in (b"site-packages", b".py", str(folder).encode()):
        assert trace not in content


def test_no_file_is_left_when_the_check_fails(tmp_path, tiny_config):
    out = tmp_path / "model.onnx"
    out.write_bytes(b"the previous one")
    write_checkpoint(tmp_path / "c.safetensors", tiny_config(), weight=1e38)
    with pytest.raises(ModelError, match=r"embedding 0 has length .*, not 1"):
        export_model(tmp_path / "c.safetensors", out, name="x", licence="y")
    assert out.read_bytes() == b"the previous one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.safetensors", "model.onnx"]


def test_a_file_of_another_model_fails_the_check(exported, tmp_path, tiny_config):
    folder, _, _ = exported
    write_checkpoint(tmp_path / "other.safetensors", tiny_config(), seed=1)
    other, _ = load_served_model(tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"a cosine of .* of what it was made from"):
        verify(folder / "model.onnx", other, noise_pictures(2))
    same, _ = load_served_model(folder / "c.safetensors")
    verify(folder / "model.onnx", same, noise_pictures(2))


@pytest.mark.parametrize(("trained_phase", "size"), [(0, (64, 32)), (1, (128, 64))])
def test_a_model_serves_at_the_size_it_was_last_trained_at(
    tmp_path, tiny_config, trained_phase, size
):
    phases = (Phase(epochs=1, height=64, width=32), Phase(epochs=1, height=128, width=64))
    config = tiny_config(phases=phases)
    write_checkpoint(tmp_path / "c.safetensors", config, trained_phase=trained_phase)
    served, _ = load_served_model(tmp_path / "c.safetensors")
    with torch.inference_mode():
        assert served.reduced(torch.zeros(1, 3, 256, 128)).shape[2:] == size


@given(st.integers(1, 12), st.data())
def test_areas_are_averaged(few, data):
    """By repeating pixels until both sizes fit evenly."""
    many = data.draw(st.integers(few, 20))
    pixels = np.random.default_rng(few).uniform(0, 255, many).astype(np.float32)
    wanted = np.repeat(pixels, few).reshape(few, many).mean(axis=1)
    np.testing.assert_allclose(area_means(many, few).numpy() @ pixels, wanted, rtol=1e-4)


@given(st.integers(32, 256), st.integers(32, 128))
@settings(max_examples=20)
def test_pictures_are_reduced_by_blocks_as_by_whole_matrices(height, width):
    nothing = torch.nn.Identity()
    served = ServedModel(nothing, Phase(epochs=1, height=height, width=width))
    pixels = torch.from_numpy(np.stack(noise_pictures(1))).permute(0, 3, 1, 2).float()
    wanted = area_means(256, height) @ pixels @ area_means(128, width).T
    torch.testing.assert_close(served.reduced(pixels), wanted)


def test_a_size_that_cannot_serve_is_refused(tiny_config):
    model = EmbeddingModel(tiny_config().model)
    with pytest.raises(ConfigError, match="from which 288x128 can't be made"):
        ServedModel(model, Phase(epochs=1, height=288))


def test_what_cannot_be_read_or_written(tmp_path, exported):
    with pytest.raises(TrainingError, match="not a checkpoint"):
        export_model(tmp_path / "none", tmp_path / "m.onnx", name="x", licence="y")
    folder, _, _ = exported
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="can't be written"):
        export_model(folder / "c.safetensors", tmp_path / "file" / "m.onnx", name="x", licence="y")

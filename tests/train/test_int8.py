"""An extractor in 8 bits: sound, close to the float one, and refused where it costs too much."""

import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.errors import ModelError, TrainingError
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.train import int8
from reid_gallery.train.api import train
from reid_gallery.train.export import REDUCTION
from reid_gallery.train.int8 import Int8Cost, export_int8, quantize, sample_pictures
from reid_gallery.train.material import split_of_run


@pytest.fixture(scope="module")
def run(tmp_path_factory, people, tiny_config):
    """A trained run, whose people are easily told apart."""
    torch.manual_seed(0)
    out = tmp_path_factory.mktemp("runs") / "run"
    train(sources=[(people, "folders")], out=out, recipe=tiny_config())
    return out


def test_the_twin_is_sound_small_and_close(run, tmp_path):
    pictures = sample_pictures(split_of_run(run).training)
    quantize(run / "model.onnx", tmp_path / "q.onnx", pictures)
    before, after = Extractor.load(run / "model.onnx"), Extractor.load(tmp_path / "q.onnx")
    assert after.spec == before.spec
    wanted, given = before.embed_fitted(pictures), after.embed_fitted(pictures)
    assert (wanted * given).sum(1).min() > 0.9
    np.testing.assert_allclose(given, after.embed_fitted(pictures, batch_size=1), atol=1e-5)


def test_weights_are_quantised_by_channel(run, tmp_path):
    quantize(run / "model.onnx", tmp_path / "q.onnx", sample_pictures(split_of_run(run).training))
    graph = onnx.load(tmp_path / "q.onnx").graph
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    convolutions = {n.input[1] for n in graph.node if n.op_type == "Conv"}
    scales = [n.input for n in graph.node if n.output[0] in convolutions]
    assert scales
    for weights, scale, _ in scales:
        assert tensors[weights].dtype == np.int8
        assert tensors[scale].shape == tensors[weights].shape[:1]


def worst_sum(rows, pairs):
    """The largest that 16 bits must hold: two products of 255 with weights of one sign."""
    return max(255 * abs(int(row[a]) + int(row[b])) for row in rows for a, b in pairs)


def test_no_processor_overflows(run, tmp_path):
    quantize(run / "model.onnx", tmp_path / "q.onnx", sample_pictures(split_of_run(run).training))
    graph = onnx.load(tmp_path / "q.onnx").graph
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    weights = [
        tensors[node.input[0]]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in tensors
    ]
    checked = 0
    for tensor in weights:
        rows = tensor.reshape(len(tensor), -1) if tensor.dtype == np.int8 else np.empty((0, 0))
        count = rows.shape[1]
        if not len(rows) or (tensor.ndim == 4 and tensor.shape[1] == 1):
            continue
        known = tensor.ndim == 2 or tensor.shape[2:] == (1, 1)
        pairs = zip(range(0, count - 1, 2), range(1, count, 2), strict=False)
        assert worst_sum(rows, list(pairs if known else combinations(range(count), 2))) <= 32767
        checked += 1
    assert checked > 5


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 9), st.booleans(), st.integers(0, 2**32 - 1))
def test_a_reach_is_as_small_as_is_safe(inputs, neighbours, seed):
    weights = np.random.default_rng(seed).normal(
        size=(3, inputs, *((1, 1) if neighbours else (2, 1)))
    )
    reach = int8._safe_reach(weights.astype(np.float32))
    for row, found in zip(weights.reshape(3, -1), reach, strict=True):
        count = len(row)
        pairs = combinations(range(count), 2)
        if neighbours:
            pairs = [(n, n + 1) for n in range(0, count - 1, 2)]
        same = [abs(row[a] + row[b]) for a, b in pairs if row[a] * row[b] > 0]
        assert found == pytest.approx(max([*np.abs(row), *same]), rel=1e-6)
    steps = np.abs(np.round(weights.reshape(3, -1) / reach[:, None] * 127))
    assert steps.max() <= 127


def test_pictures_are_reduced_in_floats(run, tmp_path):
    quantize(run / "model.onnx", tmp_path / "q.onnx", sample_pictures(split_of_run(run).training))
    graph = onnx.load(tmp_path / "q.onnx").graph
    assert {name for node in graph.node for name in node.input} >= set(REDUCTION)
    constants = {tensor.name: tensor.data_type for tensor in graph.initializer}
    assert {constants[name] for name in REDUCTION} == {onnx.TensorProto.FLOAT}


def test_stages_norms_stay_in_floats(people, tiny_config, tmp_path):
    config = tiny_config(model=replace(tiny_config().model, normalised_stages=2))
    out = tmp_path / "run"
    train(sources=[(people, "folders")], out=out, recipe=config)
    pictures = sample_pictures(split_of_run(out).training)
    quantize(out / "model.onnx", tmp_path / "q.onnx", pictures)
    graph = onnx.load(tmp_path / "q.onnx").graph
    makers = {name: node for node in graph.node for name in node.output}
    takers = [node for node in graph.node if any(".stage_norm." in name for name in node.input)]
    assert {node.op_type for node in takers} == {"InstanceNormalization"}
    sums = [node for node in graph.node if any(makers.get(n) in takers for n in node.input)]
    assert {node.op_type for node in sums} == {"Add"}
    assert {makers[n].op_type for node in sums for n in node.input} == {
        "InstanceNormalization",
        "Mul",
    }
    before, after = Extractor.load(out / "model.onnx"), Extractor.load(tmp_path / "q.onnx")
    alike = (before.embed_fitted(pictures) * after.embed_fitted(pictures)).sum(1)
    assert alike.min() > 0.9


def test_its_specification_has_its_own_figures(run):
    file = export_int8(run)
    before, after = Extractor.load(run / "model.onnx"), Extractor.load(file)
    assert after.spec.name == before.spec.name + "-int8"
    assert after.spec.training["quantised_from"] == before.sha256
    cost = after.spec.training["cost"]
    assert cost["int8"] == after.spec.metrics["held_out_people"]["map"]
    assert cost["float32"] - cost["int8"] <= int8.TOLERANCE_MAP
    assert sorted(path.suffix for path in run.glob("*part*")) == []


def test_a_costly_one_is_refused(run, monkeypatch):
    monkeypatch.setattr(int8, "TOLERANCE_MAP", -1.0)
    (run / "model-int8.onnx").unlink(missing_ok=True)
    with pytest.raises(ModelError, match=r"8 bits cost .* of the held-out mAP .* use the float"):
        export_int8(run)
    assert not list(run.glob("*int8*"))


@pytest.mark.parametrize("worse", [float("nan"), 0.5])
def test_what_is_no_number_is_costly(tmp_path, worse):
    with pytest.raises(ModelError, match="8 bits cost"):
        int8._refuse_costly(Int8Cost(float32=0.7, int8=worse), tmp_path)


def test_what_cannot_be_quantised_says_why(run, tmp_path):
    with pytest.raises(TrainingError, match=r"has no model\.onnx yet"):
        export_int8(tmp_path)
    description = json.loads((run / "run.json").read_text())
    for name in ("run.json", "config.toml", "model.onnx"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    (tmp_path / "run.json").write_text(json.dumps({**description, "fingerprint": "0"}))
    with pytest.raises(TrainingError, match="its pictures changed"):
        export_int8(tmp_path)

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from reid_gallery.gallery.errors import ModelError
from reid_gallery.gallery.extractor import checking
from reid_gallery.gallery.extractor.checking import check_model
from reid_gallery.gallery.extractor.contract import INPUT, OUTPUT
from reid_gallery.gallery.extractor.spec import METADATA_KEY, ModelSpec


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(checking, "_SECONDS", 0.01)


def problems(check):
    return {finding.what: finding.problem for finding in check.findings if finding.problem}


def write_by_nodes(path, nodes, calibration=None):
    """A model of the contract whose 2-dimensional embedding the nodes make of "mean", [n, 3]."""
    spec = ModelSpec(name="x", backbone="x", dim=2, licence="x", calibration=calibration)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", [INPUT], ["float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
            *nodes,
            helper.make_node("LpNormalization", ["raw"], [OUTPUT], axis=1, p=2),
        ],
        "x",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", 256, 128, 3])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", 2])],
        [
            numpy_helper.from_array(np.array([[1, 0], [0, 1], [1, -3]], np.float32), "weights"),
            numpy_helper.from_array(np.array([[0, 0], [0, 0], [0, 0]], np.float32), "zeros"),
            numpy_helper.from_array(np.ones(2, np.float32), "ones"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    onnx.save(model, path)
    return path


def test_a_sound_model(write_model):
    path = write_model()
    check = check_model(path)
    assert check.sound
    assert not problems(check)
    assert (check.name, check.dim, check.calibrated) == ("mean colour", 5, False)
    assert check.megabytes == path.stat().st_size / 1e6
    assert sorted(check.pictures_per_s) == [1, 16]
    assert min(check.pictures_per_s.values()) > 0


def test_a_model_that_looks_at_its_batch(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["mean", "weights"], ["one"]),
        helper.make_node("ReduceMean", ["one"], ["all"], axes=[0], keepdims=1),
        helper.make_node("Add", ["one", "all"], ["raw"]),
    ]
    check = check_model(write_by_nodes(tmp_path / "m.onnx", nodes))
    assert not check.sound
    assert list(problems(check)) == ["the same embedding in a batch and alone"]


def test_a_model_that_sees_nothing(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["mean", "zeros"], ["none"]),
        helper.make_node("Add", ["none", "ones"], ["raw"]),
    ]
    check = check_model(write_by_nodes(tmp_path / "m.onnx", nodes))
    assert list(problems(check)) == ["different embeddings of different pictures"]


def test_a_model_that_throws_dice(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["mean", "weights"], ["one"]),
        helper.make_node("RandomNormalLike", ["one"], ["raw"]),
    ]
    check = check_model(write_by_nodes(tmp_path / "m.onnx", nodes))
    assert "the same embedding every time" in problems(check)


def test_rows_that_are_not_unit(write_model):
    check = check_model(write_model(last="raw"))
    assert "has length" in problems(check)["unit rows"]


def test_a_calibration_of_another_version(tmp_path):
    nodes = [helper.make_node("MatMul", ["mean", "weights"], ["raw"])]
    check = check_model(write_by_nodes(tmp_path / "m.onnx", nodes, {"form": 0}))
    assert "of another version" in problems(check)["a calibration that can be read"]


def test_a_file_that_is_no_model(tmp_path):
    with pytest.raises(ModelError, match="no such model file"):
        check_model(tmp_path / "none.onnx")

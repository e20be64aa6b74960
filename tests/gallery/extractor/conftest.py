"""A model small enough to be computed again by hand, and ways to break it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from reid_gallery.gallery.extractor.contract import INPUT, OUTPUT
from reid_gallery.gallery.extractor.spec import METADATA_KEY, ModelSpec

PROJECTION = np.random.default_rng(7).normal(size=(3, 5)).astype(np.float32)
SPEC = ModelSpec(name="mean colour", backbone="none", dim=5, licence="tests")

WriteModel = Callable[..., Path]


def graph_nodes(last: str, output: str) -> list[onnx.NodeProto]:
    """Mean colour times PROJECTION; then to unit length, unless ``last`` says otherwise."""
    nodes = [
        helper.make_node("Cast", ["in"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["mean", "projection"], ["raw"]),
    ]
    endings = {
        "unit": helper.make_node("LpNormalization", ["raw"], [output], axis=1, p=2),
        "raw": helper.make_node("Identity", ["raw"], [output]),
        "nan": helper.make_node("Sqrt", ["raw"], [output]),
        "double": helper.make_node("Cast", ["raw"], [output], to=TensorProto.DOUBLE),
        "twice": helper.make_node("Concat", ["raw", "raw"], [output], axis=0),
    }
    return [*nodes, endings[last]]


@pytest.fixture
def write_model(tmp_path: Path) -> WriteModel:
    """Return a function that writes the small model, as it should be or broken in one respect."""

    def write(
        *,
        input_name: str = INPUT,
        output_name: str = OUTPUT,
        input_type: int = TensorProto.UINT8,
        input_shape: tuple[int | str, ...] = ("n", 256, 128, 3),
        output_shape: tuple[int | str, ...] = ("n", 5),
        last: str = "unit",
        spec: str | None = SPEC.to_json(),
    ) -> Path:
        nodes = graph_nodes(last, output_name)
        nodes[0].input[0] = input_name
        output_type = TensorProto.DOUBLE if last == "double" else TensorProto.FLOAT
        graph = helper.make_graph(
            nodes,
            "mean colour",
            [helper.make_tensor_value_info(input_name, input_type, input_shape)],
            [helper.make_tensor_value_info(output_name, output_type, output_shape)],
            [numpy_helper.from_array(PROJECTION, "projection")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        if spec is not None:
            helper.set_model_props(model, {METADATA_KEY: spec})
        path = tmp_path / "model.onnx"
        onnx.save(model, path)
        return path

    return write


def embed_by_hand(pictures: np.ndarray) -> np.ndarray:
    """What the small model gives for uint8[n, 256, 128, 3], in double precision."""
    raw = pictures.astype(np.float64).mean((1, 2)) @ PROJECTION.astype(np.float64)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


@pytest.fixture
def by_hand() -> Callable[[np.ndarray], np.ndarray]:
    """The naive twin of the small model."""
    return embed_by_hand

"""Small real models and pictures, for tests of the gallery."""

import colorsys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from reid_gallery.gallery.extractor.contract import INPUT, OUTPUT
from reid_gallery.gallery.extractor.spec import METADATA_KEY, ModelSpec


def write_tiny_model(path: Path, *, dim: int = 24, seed: int = 0, calibration=None) -> Path:
    """Write a model of the whole contract that sees colours: pooled pixels, randomly projected."""
    random = np.random.default_rng(seed)
    weights = {
        "mean": np.full(1, 110, np.float32),
        "projection": random.normal(size=(3 * 8 * 4, dim)).astype(np.float32),
        "shape": np.array([-1, 3 * 8 * 4], np.int64),
    }
    nodes = [
        helper.make_node("Cast", [INPUT], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["float", "mean"], ["centred"]),
        helper.make_node("Transpose", ["centred"], ["chw"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["chw"], ["pooled"], kernel_shape=[32, 32], strides=[32, 32]
        ),
        helper.make_node("Reshape", ["pooled", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "projection"], ["raw"]),
        helper.make_node("LpNormalization", ["raw"], [OUTPUT], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", 256, 128, 3])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", dim])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    spec = ModelSpec(
        name=f"tiny-{seed}", backbone="none", dim=dim, licence="tests", calibration=calibration
    )
    helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    onnx.save(model, path)
    return path


def draw_person(path: Path, number: int, variant: int) -> Path:
    """Write a picture of two coloured halves; a person's variants differ by a little noise."""
    random = np.random.default_rng((number, variant))
    hue = number * 0.381966 % 1
    top = np.array(colorsys.hsv_to_rgb(hue, 0.9, 0.9)) * 255
    bottom = np.array(colorsys.hsv_to_rgb((hue * 7) % 1, 0.8, 0.6)) * 255
    pixels = np.empty((96, 48, 3))
    pixels[:48], pixels[48:] = top, bottom
    noisy = np.clip(pixels + random.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noisy).save(path)
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """One small model file."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.onnx")


@pytest.fixture(scope="session")
def tiny_calibrated(tmp_path_factory) -> Path:
    """The small model with a calibration: strangers seldom score above 0.97."""
    place = {
        "tail": [[0.5, 0.5], [0.1, 0.9], [0.01, 0.97], [0.001, 0.98]],
        "sighting_shift": 0.001,
        "picture_agreement": 0.99,
        "people": 20,
    }
    calibration = {
        "form": 2,
        "places": [place],
        "odds": {"constant": -9.0, "score": 10.0, "matches": -1.0, "knee": 0.9},
    }
    path = tmp_path_factory.mktemp("models") / "calibrated.onnx"
    return write_tiny_model(path, calibration=calibration)


@pytest.fixture(scope="session")
def other_model(tmp_path_factory) -> Path:
    """Another one, of another dimension."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "other.onnx", dim=40, seed=1)


@pytest.fixture
def crops(tmp_path) -> Path:
    """A folder ``PID/*.png`` of 6 people with 4 pictures each."""
    folder = tmp_path / "crops"
    for number in range(6):
        for variant in range(4):
            draw_person(folder / f"p{number}" / f"{variant}.png", number, variant)
    return folder

"""The commands about model files, as a user calls them."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from reid_gallery.cli import run


@pytest.fixture
def third_party(tmp_path: Path) -> Path:
    """A small extractor that takes BGR pictures of 128x64 in 0..255."""
    kernel = np.random.default_rng(2).normal(size=(4, 3, 16, 16)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "kernel"], ["maps"], strides=[16, 16]),
            helper.make_node("Relu", ["maps"], ["positive"]),
            helper.make_node("GlobalAveragePool", ["positive"], ["y"]),
        ],
        "third party",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 128, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 1, 1])],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    onnx.save(model, tmp_path / "theirs.onnx")
    return tmp_path / "theirs.onnx"


BGR_255 = ["--size", "128x64", "--channels", "bgr", "--scale", "255",
           "--mean", "0", "0", "0", "--std", "1", "1", "1"]  # fmt: skip


def test_adopt_then_show(third_party, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["model", "adopt", str(third_party), *BGR_255, "--licence", "MIT"]) == 0
    assert capsys.readouterr().out.startswith("theirs-adopted.onnx: theirs, 4 dimensions")
    assert run(["model", "show", "theirs-adopted.onnx"]) == 0
    spec = json.loads(capsys.readouterr().out)
    assert (spec["name"], spec["dim"], spec["licence"]) == ("theirs", 4, "MIT")
    assert spec["training"]["adopted"]["preprocessing"]["scale"] == 255


def test_mirror_what_was_adopted(third_party, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["model", "adopt", str(third_party), *BGR_255]) == 0
    assert run(["model", "mirror", "theirs-adopted.onnx"]) == 0
    assert "reid-gallery calibrate theirs-mirrored.onnx PEOPLE" in capsys.readouterr().out
    assert run(["model", "check", "theirs-mirrored.onnx"]) == 0
    assert run(["model", "mirror", "theirs-mirrored.onnx", "--out", "more.onnx"]) == 1
    assert "theirs-mirrored looks at mirror images already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--size", "256"], 2, "256x128"),
        (["--scale", "255"], 2, "--scale needs --mean and --std"),
        (["--channels", "gray"], 2, "channels"),
        ([], 1, "takes pictures of 128x64"),
        (["--size", "128x64", "--std", "1", "0", "1"], 2, "std must be three numbers above 0"),
    ],
)
def test_what_adopt_refuses(third_party, tmp_path, monkeypatch, capsys, more, code, words):
    monkeypatch.chdir(tmp_path)
    assert run(["model", "adopt", str(third_party), *more]) == code
    assert words in capsys.readouterr().err.replace("\n", " ")
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.onnx"]


def test_check_use_and_list(third_party, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert run(["model", "adopt", str(third_party), *BGR_255, "--out", "mine.onnx"]) == 0
    capsys.readouterr()
    assert run(["model", "check", "mine.onnx"]) == 0
    said = capsys.readouterr().out
    assert "right    unit rows" in said
    assert "can't tell the unknown" in said
    assert run(["model", "check", "mine.onnx", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sound"]
    assert run(["model", "use", "mine.onnx"]) == 0
    assert capsys.readouterr().out.startswith("mine: new stores are made with it")
    assert run(["model", "list", "--json"]) == 0
    known = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [model["name"] for model in known if model["chosen"]] == ["mine"]
    assert run(["model", "list"]) == 0
    assert "*" in capsys.readouterr().out
    assert run(["model", "use", "nobody"]) == 1
    assert "neither a model file nor a name" in capsys.readouterr().err

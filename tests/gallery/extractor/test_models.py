from pathlib import Path

import pytest
from reid_gallery.gallery import models
from reid_gallery.gallery.errors import ModelError
from reid_gallery.gallery.extractor import resolve_model

SHIPPED = Path(models.__file__).with_name("default.onnx")


def test_a_named_file(tmp_path, monkeypatch):
    path = tmp_path / "mine.onnx"
    path.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_model(path) == path
    assert resolve_model(str(path)) == path
    assert resolve_model("~/mine.onnx") == path


def test_a_named_file_that_is_missing(tmp_path):
    with pytest.raises(ModelError, match=r"none\.onnx: no such model file"):
        resolve_model(tmp_path / "none.onnx")


def test_the_shipped_model_or_advice():
    if SHIPPED.is_file():
        assert resolve_model().samefile(SHIPPED)
    else:
        with pytest.raises(ModelError, match=r"--model FILE\.onnx, or train"):
            resolve_model()

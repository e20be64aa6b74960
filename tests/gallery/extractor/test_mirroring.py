"""A model that looks at mirror images as well: what it gives, says of itself, and refuses."""

import numpy as np
import onnx
import pytest
from reid_gallery.gallery.errors import ModelError
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.extractor.agreement import noise_pictures
from reid_gallery.gallery.extractor.mirroring import mirror

PICTURES = noise_pictures(5)


def test_an_embedding_is_the_mean_of_both(tmp_path):
    extractor = Extractor.load(resolve_model())
    spec = mirror(extractor, tmp_path / "m.onnx")
    mirrored = Extractor.load(tmp_path / "m.onnx")
    other = np.ascontiguousarray(PICTURES[:, :, ::-1])
    own, turned = extractor.embed_fitted(PICTURES), extractor.embed_fitted(other)
    assert (own * turned).sum(1).max() < 0.999  # else nothing is shown
    wanted = (own + turned) / np.linalg.norm(own + turned, axis=1, keepdims=True)
    for size in (1, 2, 5):
        given = mirrored.embed_fitted(PICTURES, batch_size=size)
        np.testing.assert_allclose(given, wanted, rtol=0, atol=2e-5)
    np.testing.assert_allclose(mirrored.embed_fitted(other), wanted, rtol=0, atol=2e-5)
    assert mirrored.embed_fitted(PICTURES[:0]).shape == (0, extractor.dim)
    onnx.checker.check_model(onnx.load(tmp_path / "m.onnx"), full_check=True)
    assert spec == mirrored.spec
    assert spec.name == f"{extractor.spec.name}-mirrored"
    assert spec.calibration is None
    assert not spec.metrics
    assert spec.training["mirrored"] == {"of": extractor.spec.name, "sha256": extractor.sha256}
    assert spec.training["config"] == extractor.spec.training["config"]


def test_twice_is_refused(write_model, tmp_path):
    mirror(Extractor.load(write_model()), tmp_path / "m.onnx", name="looks twice")
    with pytest.raises(ModelError, match="looks twice looks at mirror images already"):
        mirror(Extractor.load(tmp_path / "m.onnx"), tmp_path / "again.onnx")
    assert not (tmp_path / "again.onnx").exists()


def test_a_file_that_is_there_stays(write_model, tmp_path):
    (tmp_path / "m.onnx").write_text("mine")
    with pytest.raises(ModelError, match="exists already"):
        mirror(Extractor.load(write_model()), tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_text() == "mine"


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(ModelError, match=r"text\.onnx"):
        mirror(Extractor.load(tmp_path / "text.onnx"), tmp_path / "m.onnx")

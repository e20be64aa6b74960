import hashlib
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto
from reid_gallery.gallery.errors import ModelError, PictureError
from reid_gallery.gallery.extractor import Extractor, ModelSpec
from reid_gallery.gallery.extractor.contract import output_dim
from reid_gallery.gallery.pictures.fit import fit

SPEC = ModelSpec(name="mean colour", backbone="none", dim=5, licence="tests")


def crops(count: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    sizes = random.integers(8, 200, (count, 2))
    return [random.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in sizes]


@pytest.fixture
def extractor(write_model) -> Extractor:
    return Extractor.load(write_model())


def test_what_it_knows_of_itself(write_model):
    path = write_model()
    extractor = Extractor.load(str(path))
    assert extractor.spec == SPEC
    assert extractor.dim == 5
    assert extractor.path == path
    assert extractor.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "mean colour" in repr(extractor)


def test_embeddings_are_those_computed_by_hand(extractor, by_hand):
    pictures = np.stack([fit(crop) for crop in crops(7)])
    embeddings = extractor.embed_fitted(pictures)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, by_hand(pictures), atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(count=st.integers(0, 9), batch_size=st.integers(1, 10), seed=st.integers(0, 1000))
def test_batches_change_nothing(tiny_model, count, batch_size, seed):
    extractor = _load_once(tiny_model)
    given_crops = crops(count, seed)
    before = [crop.copy() for crop in given_crops]
    rows = extractor.embed((crop for crop in given_crops), batch_size=batch_size)
    assert rows.shape == (count, extractor.dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    for crop, row in zip(given_crops, rows, strict=True):
        np.testing.assert_allclose(extractor.embed_fitted([fit(crop)])[0], row, atol=1e-6)
    for crop, copy in zip(given_crops, before, strict=True):
        np.testing.assert_array_equal(crop, copy)


@lru_cache
def _load_once(path):
    return Extractor.load(path, threads=1)


def test_crops_are_read_as_they_are_needed(extractor):
    alive = []

    def stream():
        for number, crop in enumerate(crops(6)):
            alive.append(number)
            if number == 4:
                raise StopAsyncIteration
            yield crop

    with pytest.raises(StopAsyncIteration):
        extractor.embed(stream(), batch_size=2)
    assert alive == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "crop",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        "crop.jpg",
    ],
)
def test_what_is_no_crop_is_named(extractor, crop):
    with pytest.raises(PictureError, match=r"crop 1 must be uint8\[h, w, 3\]"):
        extractor.embed([np.zeros((9, 9, 3), np.uint8), crop])


@pytest.mark.parametrize(
    "pictures",
    [
        np.zeros((2, 128, 256, 3), np.uint8),
        np.zeros((256, 128, 3), np.uint8),
        np.zeros((2, 256, 128, 3), np.float32),
        np.zeros((2, 3, 256, 128), np.uint8),
    ],
)
def test_what_is_not_fitted_is_refused(extractor, pictures):
    with pytest.raises(PictureError, match=r"must be uint8\[n, 256, 128, 3\]"):
        extractor.embed_fitted(pictures)


def test_a_batch_of_nothing_is_refused(extractor):
    with pytest.raises(ValueError, match="batch_size"):
        extractor.embed(crops(1), batch_size=0)


@pytest.mark.skipif(
    "OpenVINOExecutionProvider" in onnxruntime.get_available_providers(), reason="it is there"
)
def test_a_provider_that_is_not_there_is_named(write_model):
    with pytest.raises(ModelError, match=r"no OpenVINOExecutionProvider, only .*CPUExecution"):
        Extractor.load(write_model(), providers=["OpenVINOExecutionProvider"])


def test_a_missing_file(tmp_path):
    with pytest.raises(ModelError, match="no such model file"):
        Extractor.load(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="no such model file"):
        Extractor.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07" * 400])
def test_what_is_not_onnx(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx: not a model") as caught:
        Extractor.load(path)
    assert "\n" not in str(caught.value)


def test_a_torn_file(write_model):
    path = write_model()
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ModelError):
        Extractor.load(path)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"input_name": "x"}, "the input must be pictures"),
        ({"output_name": "y"}, "the output must be embeddings"),
        ({"input_type": TensorProto.FLOAT}, "the input must be"),
        ({"input_shape": (1, 256, 128, 3)}, "the input must be"),
        ({"input_shape": ("n", 224, 224, 3)}, "the input must be"),
        ({"input_shape": ("n", "h", "w", 3)}, "the input must be"),
        ({"last": "double"}, "the output must be"),
        ({"output_shape": ("n",)}, "the output must be|can load"),
        ({"spec": None}, "metadata"),
        ({"spec": "{}"}, "schema version"),
        ({"spec": replace(SPEC, dim=6).to_json()}, "says 6 dimensions and gives 5"),
    ],
)
def test_a_model_of_another_contract_is_refused(write_model, broken, message):
    path = write_model(**broken)
    with pytest.raises(ModelError, match=message) as caught:
        Extractor.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_without_a_fixed_length_is_refused():
    class Port(NamedTuple):
        name: str
        type: str
        shape: list

    inputs = [Port("pictures", "tensor(uint8)", ["n", 256, 128, 3])]
    assert output_dim(inputs, [Port("embeddings", "tensor(float)", [None, 7])], where="x") == 7
    with pytest.raises(ModelError, match="x: the output must have a fixed length"):
        output_dim(inputs, [Port("embeddings", "tensor(float)", ["n", "d"])], where="x")


@pytest.mark.parametrize("last", ["raw", "nan"])
def test_rows_that_are_not_unit_vectors_are_refused(write_model, last):
    extractor = Extractor.load(write_model(last=last))
    with pytest.raises(ModelError, match="length"):
        extractor.embed(crops(2))


def test_another_number_of_rows_is_refused(write_model):
    extractor = Extractor.load(write_model(last="twice"))
    with pytest.raises(ModelError, match=r"gave \[4, 5\] for 2 pictures"):
        extractor.embed(crops(2))


def test_importing_it_imports_no_onnxruntime():
    code = (
        "import sys, reid_gallery.gallery.extractor; "
        "sys.exit('onnxruntime' in sys.modules or 'onnx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

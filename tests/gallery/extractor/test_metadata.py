"""A model file with another specification: only that changes."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.errors import ModelError
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.extractor.metadata import with_spec, write_with_spec


@pytest.fixture(scope="module")
def spec(tiny_model):
    return replace(Extractor.load(tiny_model).spec, calibration={"form": 2, "note": "ä" * 300})


def test_the_specification_is_replaced_and_nothing_else(tiny_model, tmp_path, spec):
    model = onnx.load(tiny_model)
    extra = model.metadata_props.add()
    extra.key, extra.value = "another", "stays"
    before = tmp_path / "before.onnx"
    onnx.save(model, before)
    out = tmp_path / "after.onnx"
    write_with_spec(before, out, spec)
    changed = onnx.load(out)
    onnx.checker.check_model(changed)
    assert changed.graph == model.graph
    assert {p.key: p.value for p in changed.metadata_props}["another"] == "stays"
    assert len(changed.metadata_props) == 2
    pictures = np.random.default_rng(0).integers(0, 256, (3, 256, 128, 3), dtype=np.uint8)
    one, other = Extractor.load(before), Extractor.load(out)
    assert other.spec == spec
    assert other.sha256 != one.sha256
    assert (one.embed_fitted(pictures) == other.embed_fitted(pictures)).all()


def test_written_again_it_is_the_same(tiny_model, spec):
    once = with_spec(tiny_model.read_bytes(), spec)
    assert with_spec(once, spec) == once


@given(cut=st.integers(1, 50))
def test_a_file_that_is_cut_off_is_refused(tiny_model, spec, cut):
    content = tiny_model.read_bytes()
    with pytest.raises(ModelError, match="not an ONNX file"):
        with_spec(content[:-cut], spec)


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_or_copied_but_never_crash(spec, content):
    with suppress(ModelError):
        assert with_spec(content, spec).endswith(b"}")


def test_what_is_no_model_leaves_what_was_there(tmp_path, spec):
    model, out = tmp_path / "no.onnx", tmp_path / "out.onnx"
    model.write_bytes(b"\x08\x01")
    out.write_bytes(b"before")
    with pytest.raises(ModelError):
        write_with_spec(model, out, spec)
    assert out.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["no.onnx", "out.onnx"]

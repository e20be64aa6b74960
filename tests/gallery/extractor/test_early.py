"""The model that is loaded early is the one that is asked for; a wrong guess costs only time."""

import pytest
from reid_gallery.gallery.errors import ModelError
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.extractor.early import EarlyExtractor
from reid_gallery.gallery.facade import Gallery


def database(tmp_path):
    return tmp_path / "store" / "gallery.sqlite3"


def test_the_model_of_the_store_is_guessed(tmp_path, tiny_model, other_model, crops):
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        gallery.enroll([crops / "p0"])
    early = EarlyExtractor(database(tmp_path), None)
    assert early(tiny_model) is early(tiny_model)  # it was loaded once
    assert early(tiny_model).sha256 == Extractor.load(tiny_model).sha256
    assert early(other_model).sha256 == Extractor.load(other_model).sha256
    with Gallery.open(tmp_path / "store", load=early) as gallery:
        assert gallery.query([crops / "p0" / "0.png"])[0].pid == "p0"
        assert gallery.extractor is early(tiny_model)


def test_the_model_that_the_user_named_is_guessed(tmp_path, tiny_model):
    early = EarlyExtractor(database(tmp_path), tiny_model)
    assert early(tiny_model) is early(tiny_model)


def test_a_guess_that_fails_fails_only_when_asked_for(tmp_path, tiny_model):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    early = EarlyExtractor(database(tmp_path), broken)
    assert early(tiny_model).dim == 24
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        early(broken)
    missing = EarlyExtractor(database(tmp_path), tmp_path / "missing.onnx")
    with pytest.raises(ModelError, match="no such model"):
        missing(tmp_path / "missing.onnx")


@pytest.mark.parametrize(
    "content", [b"", b"no database at all", b"SQLite format 3\x00" + bytes(84)]
)
def test_a_damaged_database_is_no_concern_of_the_guess(tmp_path, tiny_model, content):
    database(tmp_path).parent.mkdir()
    database(tmp_path).write_bytes(content)
    assert EarlyExtractor(database(tmp_path), None)(tiny_model).dim == 24

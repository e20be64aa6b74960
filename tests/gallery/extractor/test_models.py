from pathlib import Path

import pytest
from reid_gallery.gallery import models
from reid_gallery.gallery.errors import ModelError
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.extractor.models import known_models, models_folder, use_model

SHIPPED = Path(models.__file__).with_name("default.onnx")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """A user who keeps no models yet."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "data"))


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
        assert resolve_model("default").samefile(SHIPPED)
    else:
        with pytest.raises(ModelError, match=r"--model FILE\.onnx, or train"):
            resolve_model()


def test_a_file_that_is_used_is_kept(write_model):
    path = write_model()
    digest = Extractor.load(path).sha256
    chosen = use_model(path)
    path.unlink()
    assert (chosen.name, chosen.shipped, chosen.chosen) == ("model", False, True)
    for asked in (None, "model"):
        assert Extractor.load(resolve_model(asked)).sha256 == digest
    names = {known.name: known.chosen for known in known_models()}
    assert names["model"]
    assert sum(names.values()) == 1


@pytest.mark.skipif(not SHIPPED.is_file(), reason="ships no model")
def test_the_shipped_one_can_be_chosen_again(write_model):
    use_model(write_model())
    assert use_model("default").shipped
    assert resolve_model().samefile(SHIPPED)
    assert [known.name for known in known_models()] == ["default", "model"]


def test_two_models_cannot_have_one_name(write_model):
    use_model(write_model())
    assert use_model(write_model()).name == "model"  # the same again
    with pytest.raises(ModelError, match="another model is called 'model'; rename"):
        use_model(write_model(last="unit", output_shape=("m", 5)))


def test_what_cannot_be_used(tmp_path):
    with pytest.raises(ModelError, match="neither a model file nor a name of model list"):
        use_model("none")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelError, match="not a model that ONNX Runtime can load"):
        use_model(tmp_path / "text.onnx")
    assert not models_folder().exists()


def test_a_chosen_model_that_is_gone_is_told(write_model):
    use_model(write_model())
    (models_folder() / "model.onnx").unlink()
    with pytest.raises(ModelError, match="the chosen model 'model' is gone; choose with model use"):
        resolve_model()


def test_a_file_of_another_ending_is_kept_under_its_name(write_model, tmp_path):
    path = write_model().rename(tmp_path / "mine.ONNX")
    assert use_model(path).name == "mine"
    assert resolve_model() == models_folder() / "mine.onnx"


def test_a_hidden_file_is_refused_and_nothing_chosen(write_model, tmp_path):
    path = write_model().rename(tmp_path / ".mine.onnx")
    with pytest.raises(ModelError, match="is hidden"):
        use_model(path)
    assert not models_folder().exists()


def test_what_a_broken_copy_left_is_no_model(write_model):
    use_model(write_model())
    (models_folder() / ".model.0000.part.onnx").touch()
    assert [known.name for known in known_models() if not known.shipped] == ["model"]

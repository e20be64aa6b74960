"""A store stays with the model that it was made with, whatever is shipped or chosen later."""

import shutil

import pytest
from reid_gallery.gallery.errors import ModelError, ModelMismatchError, StoreError
from reid_gallery.gallery.extractor import models
from reid_gallery.gallery.facade import Gallery


@pytest.fixture
def shipped(tmp_path, monkeypatch, tiny_model):
    """A folder of shipped models, with a default that can be replaced as an upgrade does."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "data"))
    folder = tmp_path / "shipped"
    folder.mkdir()
    shutil.copy(tiny_model, folder / "default.onnx")
    monkeypatch.setattr(models, "_SHIPPED", folder)
    return folder


def test_an_older_shipped_model_is_told_and_never_mixed(shipped, tmp_path, crops, other_model):
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll([crops])
        before = gallery.stats()
    shutil.copy(other_model, shipped / "default.onnx")  # the upgrade
    picture = next(crops.rglob("*.png"))
    with Gallery.open(tmp_path / "store", create=False) as gallery:
        for ask in (lambda: gallery.query([picture]), lambda: gallery.enroll([crops])):
            with pytest.raises(ModelError, match="rebuild --model default for the shipped one"):
                ask()
        unchanged = gallery.stats()
        assert (unchanged.model, unchanged.sightings) == (before.model, before.sightings)
        gallery.rebuild(model="default")
        after = gallery.stats()
        assert (after.sightings, after.dim) == (before.sightings, 40)
        assert gallery.query([picture])[0].matches[0].pid == picture.parent.name


def test_a_model_chosen_later_changes_no_store(shipped, tmp_path, crops, other_model):
    with Gallery.open(tmp_path / "old") as gallery:
        gallery.enroll([crops])
    models.use_model(other_model)
    picture = next(crops.rglob("*.png"))
    with Gallery.open(tmp_path / "old", create=False) as gallery:
        assert gallery.query([picture])[0].matches
        assert gallery.stats().dim == 24
    with Gallery.open(tmp_path / "new") as gallery:
        gallery.enroll([crops])
        assert gallery.stats().dim == 40


def test_a_model_that_the_user_keeps_is_found_after_its_file_is_gone(
    shipped, tmp_path, crops, other_model
):
    own = shutil.copy(other_model, tmp_path / "own.onnx")
    with Gallery.open(tmp_path / "store", model=own) as gallery:
        gallery.enroll([crops])
    models.use_model(own)
    (tmp_path / "own.onnx").unlink()
    with Gallery.open(tmp_path / "store", create=False) as gallery:
        assert gallery.query([next(crops.rglob("*.png"))])[0].matches


def test_a_model_file_that_was_moved_is_found_where_it_was_last_seen(
    tmp_path, crops, tiny_model, other_model
):
    store, (first, second) = tmp_path / "store", sorted(crops.rglob("*.png"))[:2]
    own = shutil.copy(tiny_model, tmp_path / "own.onnx")
    with Gallery.open(store, model=own) as gallery:
        gallery.enroll([first])
    moved = shutil.move(own, tmp_path / "moved.onnx")
    with Gallery.open(store, model=moved) as gallery:
        gallery.enroll([second])
    with Gallery.open(store) as gallery:
        assert gallery.query([first])[0].matches
    new = shutil.copy(other_model, tmp_path / "new.onnx")
    second.rename(tmp_path / "away.png")
    with Gallery.open(store) as gallery:
        with pytest.raises(StoreError):
            gallery.rebuild(model=new)
        (tmp_path / "away.png").rename(second)
        gallery.rebuild(model=shutil.move(new, tmp_path / "moved too.onnx"))
    with Gallery.open(store) as gallery:
        assert gallery.query([first])[0].matches


def test_an_audit_does_not_mix_the_models_before_and_after_a_move(
    tmp_path, crops, tiny_model, other_model
):
    with Gallery.open(tmp_path / "store", model=tiny_model) as gallery:
        gallery.enroll([crops])
        with Gallery.open(tmp_path / "store") as other:
            other.rebuild(model=other_model)
        with pytest.raises(ModelMismatchError):
            gallery.audit()

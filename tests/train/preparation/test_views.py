"""Views are of the people to train on alone, the same again, and can be gone on with."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reid_gallery.gallery.errors import LayoutError
from reid_gallery.gallery.pictures.folders import walk_pictures
from reid_gallery.gallery.pictures.labelled import LabelledPicture
from reid_gallery.gallery.pictures.manifest import read_manifest, write_manifest
from reid_gallery.train.preparation.view_changes import OF_ONE, OF_TWO
from reid_gallery.train.preparation.views import are_views_of, make_view, make_views


def noise(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def manifest(tmp_path):
    """Three people to train on, each one colour, and one who is held out, pure red."""
    colours = {"a": (0, 200, 0), "b": (0, 0, 200), "c": (0, 120, 120), "held": (255, 0, 0)}
    pictures = []
    for pid, colour in colours.items():
        path = tmp_path / f"{pid}.png"
        Image.new("RGB", (20, 40), colour).save(path)
        part = "validation" if pid == "held" else "training"
        pictures.append(LabelledPicture(path=path, pid=pid, source="set/1", split=part))
    file = tmp_path / "people.csv"
    write_manifest(file, pictures)
    return file


def test_views_are_made_of_people_to_train_on(manifest, tmp_path):
    out = tmp_path / "views"
    counted = []
    assert make_views(manifest, out, each=2, progress=counted.append) == 6
    names = [path.relative_to(out).as_posix() for path in sorted(out.rglob("*.jpg"))]
    assert names == [f"set_1/{n:06d}-{view}.jpg" for n in range(3) for view in range(2)]
    assert sum(counted) == 3
    sizes = [Image.open(out / name).size for name in names]
    assert {height for _, height in sizes} == {192}
    assert len({width for width, _ in sizes}) > 1


def test_they_are_the_same_again_and_what_is_there_is_kept(manifest, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for out in (first, second):
        make_views(manifest, out, each=2)
    files = sorted(first.rglob("*.jpg"))
    assert all(f.read_bytes() == (second / f.relative_to(first)).read_bytes() for f in files)
    content = files[0].read_bytes()
    files[0].unlink()
    files[1].write_bytes(b"kept")
    make_views(manifest, first, each=2)
    assert files[0].read_bytes() == content
    assert files[1].read_bytes() == b"kept"


def test_nobody_held_out_is_in_a_view(manifest, tmp_path, monkeypatch):
    """With nothing changed but whose clothes they are, no view has the held-out person's red."""
    views = "reid_gallery.train.preparation.views"
    monkeypatch.setattr(f"{views}.OF_ONE", ())
    monkeypatch.setattr(f"{views}.OF_TWO", tuple((1.0, change) for _, change in OF_TWO))
    out = tmp_path / "views"
    make_views(manifest, out, each=20)
    for path in out.rglob("*.jpg"):
        assert np.asarray(Image.open(path))[..., 0].max() < 60


def test_views_of_another_manifest_are_not_mixed_in(manifest, tmp_path):
    out = tmp_path / "views"
    make_views(manifest, out, each=1)
    assert are_views_of(out, [manifest])
    assert not are_views_of(tmp_path, [])  # they lie below it
    manifest.write_text(manifest.read_text() + "a.png,d,set/1,training\n")
    assert not are_views_of(out, [manifest])
    with pytest.raises(LayoutError, match="views of another manifest"):
        make_views(manifest, out, each=1)


def test_fewer_views_than_there_are_are_refused_and_more_are_added(manifest, tmp_path):
    out = tmp_path / "views"
    assert make_views(manifest, out, each=1) == 3
    assert make_views(manifest, out, each=3) == len(list(out.rglob("*.jpg"))) == 9
    with pytest.raises(LayoutError, match="up to 3 views of a picture; give --each 3"):
        make_views(manifest, out, each=2)


def test_other_pictures_are_not_taken_for_views(manifest, tmp_path):
    """A folder of raw pictures may show people who are held out."""
    before = sorted(tmp_path.iterdir())
    with pytest.raises(LayoutError, match="holds other things, which would be taken for views"):
        make_views(manifest, tmp_path, each=1)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "source", ["..", ".", "../x", "/etc", ".hidden", "a/b", "", "Kö ln\n", "名"]
)
def test_views_lie_below_their_folder_and_are_found(manifest, tmp_path, source):
    pictures = [replace(p, source=source) for p in read_manifest(manifest).pictures]
    write_manifest(manifest, pictures)
    out = tmp_path / "deep" / "views"
    make_views(manifest, out, each=1)
    found, failed = walk_pictures(out)
    assert len(found) == len(list(tmp_path.rglob("*.jpg"))) == 3
    assert failed == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": None}, "does not say of every picture whether it is held out"),
        ({"split": "validation"}, "has 0 pictures to train on"),
    ],
)
def test_a_manifest_that_does_not_do_is_told(tmp_path, change, words):
    path = tmp_path / "a.png"
    Image.new("RGB", (20, 40)).save(path)
    picture = LabelledPicture(path=path, pid="a", split="training")
    file = tmp_path / "people.csv"
    write_manifest(file, [replace(picture, **change)])
    with pytest.raises(LayoutError, match=words):
        make_views(file, tmp_path / "views", each=1)
    assert not (tmp_path / "views").exists()


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 80), width=st.integers(1, 60), seed=st.integers(0, 10_000))
def test_a_view_has_one_height_and_leaves_its_picture_alone(height, width, seed):
    crop, other = noise(height, width, seed), noise(50, 20, seed + 1)
    before = crop.copy()
    view = make_view(crop, [other], np.random.default_rng(seed))
    again = make_view(crop, [other], np.random.default_rng(seed))
    assert (view.shape[0], view.shape[2], view.dtype) == (192, 3, np.uint8)
    assert view.shape[1] == 96 or 61 <= view.shape[1] <= 115
    np.testing.assert_array_equal(view, again)
    np.testing.assert_array_equal(crop, before)


@pytest.mark.parametrize("change", [change for _, change in OF_ONE + OF_TWO])
def test_every_change_changes_something_and_stays_a_picture(change):
    smooth = np.linspace(0.2, 0.8, 192 * 96 * 3, dtype=np.float32).reshape(192, 96, 3)
    smooth[60:120, 30:60] = (0.7, 0.2, 0.1)
    other = np.full_like(smooth, 0.5)
    pictures = (smooth, other) if change in [c for _, c in OF_TWO] else (smooth,)
    changed = change(*pictures, np.random.default_rng(3))
    assert changed.shape == smooth.shape
    assert np.isfinite(changed).all()
    assert -0.5 < changed.min() < changed.max() < 2
    assert np.abs(changed - smooth).mean() > 1e-3

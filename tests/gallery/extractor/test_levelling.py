"""A model whose embeddings have nothing along what sets cameras apart."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.errors import ModelError
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.extractor.agreement import noise_pictures
from reid_gallery.gallery.extractor.levelling import (
    LEAST_PICTURES,
    MOST_DIRECTIONS,
    find_directions,
    level,
    without,
)

PICTURES = noise_pictures(5)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def seen_by(cameras, *, each=40, dim=16, seed=0, apart=0.5):
    """Unit rows of people who are the same everywhere, moved by their camera."""
    random = np.random.default_rng(seed)
    names = [name for name in cameras for _ in range(each)]
    people = np.tile(random.normal(size=(each, dim)), (len(cameras), 1))
    return unit(people + apart * random.normal(size=(len(cameras), dim)).repeat(each, 0)), names


@given(cameras=st.integers(2, 6), seed=st.integers(0, 99))
def test_nothing_is_left_along_what_set_them_apart(cameras, seed):
    rows, names = seen_by([f"c{n}" for n in range(cameras)], seed=seed)
    found = find_directions(rows, names)
    assert (found.count, found.pictures) == (cameras, len(rows))
    assert len(found.directions) == cameras - 1
    np.testing.assert_allclose(
        found.directions @ found.directions.T, np.eye(cameras - 1), rtol=0, atol=1e-5
    )
    rest = without(rows, found.directions)
    np.testing.assert_allclose(np.linalg.norm(rest, axis=1), 1, rtol=0, atol=1e-5)
    assert np.abs(rest @ found.directions.T).max() < 1e-5
    # Before each is made unit again, all cameras' means are one.
    parts = rows - (rows @ found.directions.T) @ found.directions
    means = parts.reshape(cameras, -1, parts.shape[1]).mean(1)
    np.testing.assert_allclose(means, means[:1].repeat(cameras, 0), rtol=0, atol=1e-5)


def test_a_person_is_nearer_to_what_other_cameras_saw():
    rows, names = seen_by("abcd", apart=1.5)
    rest = without(rows, find_directions(rows, names).directions)
    own = np.arange(len(rows)).reshape(4, -1)
    for embeddings, least, most in ((rows, 0.0, 0.7), (rest, 0.9, 1.0)):
        scores = embeddings[own[0]] @ embeddings[own[1]].T
        right = (scores.argmax(1) == np.arange(len(scores))).mean()
        assert least <= right <= most


def test_pictures_of_no_camera_and_of_seldom_ones_do_not_count():
    rows, names = seen_by("ab")
    strange, _ = seen_by("c", seed=5)
    few = LEAST_PICTURES - 1
    wanted = find_directions(rows, names)
    found = find_directions(
        np.concatenate([rows, strange]), [*names, *["c"] * few, *[None] * (len(strange) - few)]
    )
    np.testing.assert_array_equal(found.directions, wanted.directions)
    assert (found.count, found.pictures, found.too_few) == (2, len(rows), ("c",))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([None] * 60, "pictures by camera: none"),
        (["hall"] * 60, "'hall' 60"),
        (["hall"] * 40 + ["yard"] * 20, "'hall' 40, 'yard' 20"),
    ],
)
def test_fewer_than_two_cameras_are_refused(names, told):
    with pytest.raises(ModelError, match=told):
        find_directions(seen_by("a", each=60)[0], names)


def test_cameras_that_see_alike_are_refused():
    rows, _ = seen_by("a", each=60)
    with pytest.raises(ModelError, match="nothing sets these cameras apart"):
        find_directions(np.concatenate([rows, rows]), ["a"] * 60 + ["b"] * 60)


@pytest.mark.parametrize(("dim", "most"), [(64, MOST_DIRECTIONS), (8, 4)])
def test_of_many_cameras_the_strongest_directions_are_taken(dim, most):
    names = [f"c{n}" for n in range(30)]
    rows, of = seen_by(names, dim=dim)
    found = find_directions(rows, of)
    assert (found.count, len(found.directions)) == (30, most)
    means = rows.reshape(30, -1, dim).mean(1)
    along = np.linalg.norm((means - means.mean(0)) @ found.directions.T, axis=0)
    assert (np.diff(along) < 1e-5).all()


def test_the_file_embeds_so_and_says_where_it_comes_from(tmp_path):
    extractor = Extractor.load(resolve_model())
    rows, names = seen_by("abc", dim=extractor.dim)
    cameras = find_directions(rows, names)
    spec = level(extractor, cameras, tmp_path / "l.onnx")
    levelled = Extractor.load(tmp_path / "l.onnx")
    wanted = without(extractor.embed_fitted(PICTURES), cameras.directions)
    for size in (1, 2, 5):
        given = levelled.embed_fitted(PICTURES, batch_size=size)
        np.testing.assert_allclose(given, wanted, rtol=0, atol=2e-5)
    assert levelled.embed_fitted(PICTURES[:0]).shape == (0, extractor.dim)
    onnx.checker.check_model(onnx.load(tmp_path / "l.onnx"), full_check=True)
    assert spec == levelled.spec
    assert spec.name == f"{extractor.spec.name}-levelled"
    assert spec.calibration is None
    assert not spec.metrics
    note = {"of": extractor.spec.name, "sha256": extractor.sha256, "cameras": 3, "pictures": 120}
    assert spec.training["levelled"][-1] == note
    assert spec.training["config"] == extractor.spec.training["config"]


def test_a_levelled_one_can_be_levelled_for_other_cameras(tmp_path):
    extractor = Extractor.load(resolve_model())
    wanted = extractor.embed_fitted(PICTURES)
    for number, cameras in enumerate(("abc", "xy"), start=1):
        rows, names = seen_by(cameras, dim=extractor.dim, seed=number)
        found = find_directions(rows, names)
        level(extractor, found, tmp_path / f"{number}.onnx", name=f"level {number}")
        extractor = Extractor.load(tmp_path / f"{number}.onnx")
        wanted = without(wanted, found.directions)
    np.testing.assert_allclose(extractor.embed_fitted(PICTURES), wanted, rtol=0, atol=2e-5)
    assert [note["cameras"] for note in extractor.spec.training["levelled"][-2:]] == [3, 2]


def test_a_file_that_is_there_stays(write_model, tmp_path):
    (tmp_path / "l.onnx").write_text("mine")
    cameras = find_directions(*seen_by("ab", dim=5))
    with pytest.raises(ModelError, match="exists already"):
        level(Extractor.load(write_model()), cameras, tmp_path / "l.onnx")
    assert (tmp_path / "l.onnx").read_text() == "mine"

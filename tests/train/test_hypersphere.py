import numpy as np
import pytest
from PIL import Image
from reid_gallery.gallery.errors import ReportError
from reid_gallery.train.hypersphere import CLASSES, HEADS, load_digits, measure, train_sphere
from reid_gallery.train.hypersphere_report import angles_table, write_hypersphere


@pytest.fixture(scope="module")
def digits():
    return load_digits(0)


@pytest.fixture(scope="module")
def spheres(digits):
    return {name: train_sphere(name, digits, seed=0, epochs=20) for name in HEADS}


def test_no_digit_is_both_learnt_and_shown(digits):
    assert digits.learnt.shape[1:] == (1, 8, 8)
    assert (len(digits.learnt), len(digits.shown)) == (898, 899)
    assert 0 <= digits.learnt.min() < digits.learnt.max() <= 1
    learnt = {picture.numpy().tobytes() for picture in digits.learnt}
    assert not learnt & {picture.numpy().tobytes() for picture in digits.shown}
    assert set(digits.shown_labels.tolist()) == set(range(CLASSES))


def test_angles_by_hand():
    """Classes on a meridian, 20 degrees apart; each has a point 3 degrees on either side."""
    degrees = np.array([20.0 * n + side for n in range(CLASSES) for side in (-3, 3)])
    turn = np.radians(degrees)
    points = np.stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)], 1).astype(np.float32)
    sphere = measure("x", points, np.repeat(np.arange(CLASSES), 2))
    np.testing.assert_allclose(sphere.within_deg, 3, atol=0.05)
    np.testing.assert_allclose(sphere.between_deg[1:-1], 17, atol=0.05)
    np.testing.assert_allclose(sphere.between_deg[[0, -1]], 23, atol=0.05)
    assert sphere.right_share == 1


def test_a_margin_draws_classes_together_and_apart(spheres):
    without, with_margin = spheres["ArcFace, margin 0"], spheres["ArcFace, margin 0.8"]
    assert np.median(with_margin.within_deg) < np.median(without.within_deg)
    assert np.median(with_margin.between_deg) > np.median(without.between_deg)


def test_every_head_learns_the_digits(spheres):
    for name, sphere in spheres.items():
        np.testing.assert_allclose(np.linalg.norm(sphere.points, axis=1), 1, atol=1e-5)
        assert sphere.right_share > 0.75, name


def test_the_same_seed_gives_the_same_sphere(digits):
    one, other = (train_sphere("AdaCos", digits, seed=3, epochs=2) for _ in range(2))
    np.testing.assert_array_equal(one.points, other.points)


def test_the_picture_and_the_table(tmp_path, spheres):
    table = write_hypersphere(tmp_path / "out", epochs=1)
    assert (tmp_path / "out" / "angles.md").read_text() == f"{table}\n"
    with Image.open(tmp_path / "out" / "hypersphere.png") as picture:
        picture.load()
        assert picture.width > 1000
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 100
    lines = angles_table(list(spheres.values())).splitlines()
    assert len(lines) == 2 + len(HEADS)
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    median = np.median(spheres["softmax"].within_deg)
    assert lines[2].startswith(f"| softmax | {median:.1f}° |")


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="can't be written"):
        write_hypersphere(tmp_path / "file" / "out", epochs=1)

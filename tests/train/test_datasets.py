from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from reid_gallery.gallery.errors import TrainingError
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.train.augment import Augmentation
from reid_gallery.train.datasets import (
    CropCache,
    PictureDataset,
    load_teacher,
)


def paint(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 32), (200, 10, 10)).save(path)
    return path


@pytest.mark.parametrize("limit_mib", [0, 1])
def test_crops_are_the_same_from_memory_and_from_the_file(people, limit_mib):
    paths = sorted(people.rglob("*.jpg"))[:3]
    crops = CropCache(paths, limit_mib=limit_mib)
    for number, path in enumerate(paths):
        np.testing.assert_array_equal(crops[number], read_crop(path))
    for path in paths:
        assert path.exists()
    assert crops.failed == []


def test_bad_pictures_are_found_at_the_start(tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"nothing")
    crops = CropCache([paint(tmp_path / "good.jpg"), bad], limit_mib=1)
    assert len(crops.failed) == 1
    assert "bad.jpg" in crops.failed[0]


def test_an_item_is_an_augmented_picture_and_its_position(people):
    crops = CropCache(sorted(people.rglob("*.jpg"))[:3], limit_mib=1)
    augmentation = Augmentation(height=64, width=32)
    picture, position = PictureDataset(crops, augmentation)[1, 77]
    assert position == 1
    np.testing.assert_array_equal(picture.numpy(), augmentation(crops[1], 77))


# -- the teacher's file ----------------------------------------------------------------------------


def test_a_teachers_rows_come_in_the_order_of_the_paths(people, teacher):
    paths = sorted(people.rglob("*.jpg"))
    rows = load_teacher(teacher, paths)
    assert rows.dtype == torch.float32
    assert rows.shape == (60, 6)
    order = [7, 3, 41]
    assert torch.equal(load_teacher(teacher, [paths[n] for n in order]), rows[order])


def test_a_teacher_that_lacks_pictures(people, teacher, tmp_path):
    paths = [*sorted(people.rglob("*.jpg")), paint(tmp_path / "new.jpg")]
    with pytest.raises(TrainingError, match=r"lacks 1 of 61 pictures \(.*new\.jpg"):
        load_teacher(teacher, paths)


@pytest.mark.parametrize("content", [None, b"", b"text", b"PK\x03\x04 torn zip"])
def test_a_teachers_file_that_cannot_be_read(tmp_path, content):
    file = tmp_path / "teacher.npz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TrainingError, match=r"teacher\.npz: not a teacher's"):
        load_teacher(file, [])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"paths": ["a"]}, "not a teacher's"),
        ({"paths": ["a"], "embeddings": [["x"]]}, "not a teacher's"),
        ({"paths": ["a"], "embeddings": np.array([[None]])}, "not a teacher's"),
        ({"paths": ["a"], "embeddings": np.ones((2, 3))}, "one row a path"),
        ({"paths": ["a"], "embeddings": np.ones(1)}, "one row a path"),
        ({"paths": ["/a"], "embeddings": np.array([[1.0, np.nan]])}, "not numbers"),
    ],
)
def test_a_teachers_file_of_another_form(tmp_path, arrays, message):
    file = tmp_path / "teacher.npz"
    np.savez(file, **arrays)
    with pytest.raises(TrainingError, match=message):
        load_teacher(file, [Path("/a")] if message == "not numbers" else [])
    single = tmp_path / "teacher.npy"
    np.save(single, np.ones(3))
    with pytest.raises(TrainingError, match="not a teacher's"):
        load_teacher(single, [])

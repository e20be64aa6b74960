from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.train.augment import Augmentation
from reid_gallery.train.datasets import (
    CropCache,
    PictureDataset,
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
    picture, position = PictureDataset(crops, augmentation, labelled=3)[1, 77]
    assert position == 1
    np.testing.assert_array_equal(picture.numpy(), augmentation(crops[1], 77))

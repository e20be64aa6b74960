from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from reid_gallery.gallery.errors import LayoutError, TrainingError
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.train.augment import Augmentation
from reid_gallery.train.datasets import (
    CropCache,
    PictureDataset,
    load_teacher,
    read_source,
    split_people,
)


def paint(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 32), (200, 10, 10)).save(path)
    return path


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.7), seed=st.integers(0, 99))
def test_no_person_is_in_both_parts(people, share, seed):
    split = split_people([(people, "folders")], validation_share=share, seed=seed)
    training = {p.person for p in split.training}
    validation = {p.person for p in split.validation}
    assert not training & validation
    assert len(training | validation) == 10
    assert len(validation) == round(share * 10)
    assert len(split.training) + len(split.validation) == 60
    assert split == split_people([(people, "folders")], validation_share=share, seed=seed)


def test_another_seed_holds_out_others(people):
    held_out = {
        frozenset(
            p.person
            for p in split_people([(people, "folders")], validation_share=0.3, seed=seed).validation
        )
        for seed in range(5)
    }
    assert len(held_out) > 1


def test_ids_of_two_sources_never_meet(people):
    split = split_people([(people, "folders"), (people, "folders")], validation_share=0.2, seed=0)
    assert len({p.person for p in split.training + split.validation}) == 20
    for number in "01":
        assert sum(p.person.startswith(f"{number}:") for p in split.validation) == 12


def test_a_picture_of_an_unknown_camera_has_one_of_its_own(people):
    split = split_people([(people, "folders")], validation_share=0.2, seed=0)
    cameras = [p.camera for p in split.training + split.validation]
    assert len(set(cameras)) == len(cameras)


@pytest.mark.parametrize(
    ("layout", "names", "cameras"),
    [
        ("market1501", ["0000_c1s1_000001_01.jpg", "0002_c3s1_000451_03.jpg"], {"0:c3"}),
        ("grid", ["0000_2_1_1_1_1_1.jpg", "0002_3_1_1_1_1_1.jpg"], {"0:3"}),
    ],
)
def test_distractors_are_nobody(tmp_path, layout, names, cameras):
    for name in names:
        paint(tmp_path / name)
    assert [p.pid for p in read_source(tmp_path, layout).pictures] == ["0002"]
    for number in (3, 4):
        paint(tmp_path / names[1].replace("0002", f"000{number}"))
    split = split_people([(tmp_path, layout)], validation_share=0, seed=0)
    assert {p.person for p in split.training} == {"0:0002", "0:0003", "0:0004"}
    assert {p.camera for p in split.training} == cameras


def test_a_folder_named_0000_is_a_person(tmp_path):
    paint(tmp_path / "0000" / "a.jpg")
    assert [p.pid for p in read_source(tmp_path, "folders").pictures] == ["0000"]


def test_a_manifest_and_what_it_left_out(tmp_path):
    manifest = tmp_path / "people.csv"
    rows = [f"{n}.jpg,p{n},c1,2026-01-01" for n in range(3)] + ["3.jpg,p3,c1,yesterday"]
    manifest.write_text("\n".join(["path,pid,camera,time", *rows]))
    split = split_people([(manifest, "folders")], validation_share=0, seed=0)
    assert [p.person for p in split.training] == ["0:p0", "0:p1", "0:p2"]
    assert len(split.left_out) == 1
    assert "line 5" in split.left_out[0]


def test_three_people_are_needed(tmp_path):
    for pid in "ab":
        paint(tmp_path / pid / "1.jpg")
    with pytest.raises(LayoutError, match="at least 3 people"):
        split_people([(tmp_path, "folders")], validation_share=0, seed=0)
    with pytest.raises(LayoutError, match="at least 3 people"):
        split_people([], validation_share=0, seed=0)


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

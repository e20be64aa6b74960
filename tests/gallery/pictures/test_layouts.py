"""Layouts of data sets: good names, bad names, whole folders."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.errors import LayoutError
from reid_gallery.gallery.pictures.layouts import LAYOUTS, read_layout

GOOD = [
    ("folders", "anna/x.jpg", {"pid": "anna"}),
    ("folders", "day1/anna/x.jpg", {"pid": "anna"}),
    ("folders", "张三/x.jpg", {"pid": "张三"}),
    (
        "lpw",
        "scen1/view2/66/10213.jpg",
        {"pid": "s1-66", "camera": "s1-view2", "tracklet": "s1-66-view2", "frame": 10213},
    ),
    (
        "lpw",
        "pep_256x128/data_slim/scen3/view4/0/7.jpg",
        {"pid": "s3-0", "camera": "s3-view4", "tracklet": "s3-0-view4", "frame": 7},
    ),
    (
        "market1501",
        "0002_c1s1_000451_03.jpg",
        {"pid": "0002", "camera": "c1", "tracklet": "0002-c1s1", "frame": 451},
    ),
    (
        "market1501",
        "q/1501_c6s4_002202_01.jpg",
        {"pid": "1501", "camera": "c6", "tracklet": "1501-c6s4", "frame": 2202},
    ),
    ("market1501", "0000_c2s3_012345_00.jpg.jpg", {"pid": "0000", "camera": "c2", "frame": 12345}),
    ("dukemtmc", "0001_c2_f0046182.jpg", {"pid": "0001", "camera": "c2", "frame": 46182}),
    ("dukemtmc", "query/7140_c8_f0000001.jpg.jpg", {"pid": "7140", "camera": "c8", "frame": 1}),
    (
        "msmt17",
        "MSMT17_V1/train/0003/0003_019_05_0303morning_0040_0.jpg",
        {"pid": "0003", "camera": "c05", "tracklet": "0003-c05-0303morning", "frame": 40},
    ),
    (
        "msmt17",
        "mask_test_v2/0114/0114_019_10_0303noon_0284_2_ex.jpg",
        {"pid": "test-0114", "camera": "c10", "tracklet": "test-0114-c10-0303noon", "frame": 284},
    ),
    ("cuhk03", "1_012_2_07.png", {"pid": "1-012", "camera": "1b"}),
    ("cuhk03", "0012_04.jpg", {"pid": "0012", "camera": "a"}),
    ("cuhk03", "0012_05.jpg", {"pid": "0012", "camera": "b"}),
    ("cuhk01", "0012002.png", {"pid": "0012", "camera": "a"}),
    ("cuhk01", "0012003.png", {"pid": "0012", "camera": "b"}),
    ("viper", "cam_a/012_45.png", {"pid": "012", "camera": "cam_a"}),
    ("viper", "VIPeR/cam_b/873_180.png", {"pid": "873", "camera": "cam_b"}),
    ("grid", "0012_2_25004_107_32_106_221.jpeg", {"pid": "0012", "camera": "2", "frame": 25004}),
    ("grid", "0000_8_1_1_2_3_4.jpeg", {"pid": "0000", "camera": "8", "frame": 1}),
    (
        "prid2011",
        "multi_shot/cam_a/person_0200/0003.png",
        {"pid": "0200", "camera": "cam_a", "tracklet": "0200-cam_a", "frame": 3},
    ),
    (
        "prid2011",
        "cam_b/person_0201/0003.png",
        {"pid": "b-0201", "camera": "cam_b", "tracklet": "b-0201-cam_b", "frame": 3},
    ),
    ("prid2011", "single_shot/cam_a/person_0385.png", {"pid": "a-0385", "camera": "cam_a"}),
]

BAD = [
    ("folders", "x.jpg"),
    ("lpw", "view2/66/10213.jpg"),
    ("lpw", "scene1/view2/66/10213.jpg"),
    ("lpw", "scen1/view2/anna/10213.jpg"),
    ("lpw", "scen1/view2/66/x.jpg"),
    ("market1501", "x.jpg"),
    ("market1501", "0002_c1_000451_03.jpg"),
    ("market1501", "0002_c1s1_000451_03_copy.jpg"),
    ("market1501", "a0002_c1s1_000451_03.jpg"),
    ("dukemtmc", "0001_c2_46182.jpg"),
    ("dukemtmc", "0001_c2s1_f0046182.jpg"),
    ("msmt17", "0000_000_01_0303evening_0015_0.jpg"),
    ("msmt17", "0000_000_01_0303morning_0015_0_copy.jpg"),
    ("cuhk03", "1_012_3_07.png"),
    ("cuhk03", "012_07.jpg"),
    ("cuhk03", "0012_007.jpg"),
    ("cuhk01", "001200.jpg"),
    ("cuhk01", "00120031.jpg"),
    ("viper", "012_45.png"),
    ("viper", "cam_a/12_45.png"),
    ("viper", "cam_a/012.png"),
    ("grid", "0012_2_25004.jpeg"),
    ("grid", "0012_2_25004_107_32_106_221_9.jpeg"),
    ("prid2011", "person_0012/0003.png"),
    ("prid2011", "cam_c/person_0012/0003.png"),
    ("prid2011", "cam_a/0012/0003.png"),
]


@pytest.mark.parametrize(("layout", "name", "labels"), GOOD)
def test_good_names(layout, name, labels):
    assert LAYOUTS[layout](Path(name)) == labels


@pytest.mark.parametrize(("layout", "name"), BAD)
def test_bad_names(layout, name):
    with pytest.raises(ValueError, match=r"the name is not like|lies in no"):
        LAYOUTS[layout](Path(name))


def test_every_layout_has_good_and_bad_names_here():
    assert {case[0] for case in GOOD} == {case[0] for case in BAD} == set(LAYOUTS)


@given(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=40))
def test_no_name_does_more_than_raise_value_error(name):
    for reader in LAYOUTS.values():
        for path in (Path(name), Path("folder", name)):
            try:
                labels = reader(path)
            except ValueError:
                continue
            assert isinstance(labels, str) or labels["pid"]


# -- whole folders -----------------------------------------------------------------------------


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_folder_a_person(tmp_path):
    touch(tmp_path, "b/2.JPG", "b/1.png", "a/x/3.webp", "a/notes.txt", "stray.jpg")
    touch(tmp_path, ".git/a/1.jpg", "b/.1.jpg", "b/._1.png", "b/Thumbs.db")
    reading = read_layout("folders", tmp_path)
    found = [
        (picture.path.relative_to(tmp_path).as_posix(), picture.pid) for picture in reading.pictures
    ]
    assert found == [("a/x/3.webp", "x"), ("b/1.png", "b"), ("b/2.JPG", "b")]
    assert [path.name for path, _ in reading.failed] == ["stray.jpg"]
    assert str(tmp_path / "stray.jpg") in reading.failed[0][1]
    assert reading.ignored == []


def test_market_with_junk_and_strangers(tmp_path):
    touch(tmp_path, "0002_c1s1_000451_03.jpg", "0000_c1s1_000001_00.jpg", "0002_c3s2_000001_01.jpg")
    touch(tmp_path, "-1_c1s1_000001_00.jpg", "other.jpg")
    reading = read_layout("market1501", tmp_path)
    found = [(p.pid, p.camera, p.frame, p.time, p.tracklet) for p in reading.pictures]
    assert found == [
        ("0000", "c1", 1, None, None),
        ("0002", "c1", 451, None, "0002-c1s1"),
        ("0002", "c3", 1, None, "0002-c3s2"),
    ]
    junk = tmp_path / "-1_c1s1_000001_00.jpg"
    assert reading.ignored == [(junk, f"{junk}: junk (person -1)")]
    assert [path.name for path, _ in reading.failed] == ["other.jpg"]


def test_a_folder_named_with_blanks_is_no_person(tmp_path):
    touch(tmp_path, " /1.jpg", "a/1.jpg")
    reading = read_layout("folders", tmp_path)
    assert [picture.pid for picture in reading.pictures] == ["a"]
    assert "the pid is empty" in reading.failed[0][1]


def test_unknown_layout_names_the_known_ones(tmp_path):
    with pytest.raises(
        LayoutError, match="'market' is unknown; choose one of folders, lpw, market"
    ):
        read_layout("market", tmp_path)


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(LayoutError, match="gone: no such folder"):
        read_layout("folders", tmp_path / "gone")
    touch(tmp_path, "a/notes.txt")
    with pytest.raises(LayoutError, match="no picture at all"):
        read_layout("folders", tmp_path)


def test_a_folder_of_another_layout_says_what_is_wrong_with_the_first(tmp_path):
    touch(tmp_path, "0002_c1s1_000451_03.jpg")
    with pytest.raises(LayoutError, match=r"000451_03\.jpg: the name is not like 0012_07\.jpg"):
        read_layout("cuhk03", tmp_path)
    touch(tmp_path / "junk", "-1_c1s1_000451_03.jpg")
    with pytest.raises(LayoutError, match="junk"):
        read_layout("market1501", tmp_path / "junk")

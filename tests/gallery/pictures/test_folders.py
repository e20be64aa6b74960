"""Walking folders: hidden, linked, nested and unreadable ones."""

import os
import shutil
from pathlib import Path

import pytest
from reid_gallery.gallery.errors import LayoutError
from reid_gallery.gallery.pictures.folders import PICTURE_SUFFIXES, walk_pictures


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(folder: Path) -> list[str]:
    pictures, failed = walk_pictures(folder)
    assert failed == []
    return [path.relative_to(folder).as_posix() for path in pictures]


def test_sorted_by_folder_then_name(tmp_path):
    touch(tmp_path, "b/1.jpg", "a-1/1.jpg", "a/2.jpg", "a/1.jpg", "0.jpg")
    assert names(tmp_path) == ["0.jpg", "a/1.jpg", "a/2.jpg", "a-1/1.jpg", "b/1.jpg"]


def test_endings_in_any_case_and_nothing_hidden(tmp_path):
    endings = sorted(PICTURE_SUFFIXES)
    touch(tmp_path, *(f"{i:02}{ending}" for i, ending in enumerate(endings)), "x.JPG")
    touch(tmp_path, "no.txt", "none", ".hidden.jpg", ".hidden/a.jpg", ".jpg")
    assert names(tmp_path) == [f"{i:02}{ending}" for i, ending in enumerate(endings)] + ["x.JPG"]


def test_linked_folders_are_read_once_and_circles_end(tmp_path):
    touch(tmp_path / "elsewhere", "1.jpg", "deep/2.jpg")
    touch(tmp_path / "crops", "a/0.jpg")
    (tmp_path / "crops" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "crops" / "again").symlink_to(tmp_path / "crops")
    (tmp_path / "elsewhere" / "deep" / "back").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "crops") == ["a/0.jpg", "linked/1.jpg", "linked/deep/2.jpg"]


def test_a_folder_keeps_its_name_beside_a_link_to_it(tmp_path):
    touch(tmp_path, "person42/1.jpg", "person43/2.jpg")
    (tmp_path / "latest").symlink_to("person42")
    assert names(tmp_path) == ["person42/1.jpg", "person43/2.jpg"]


def test_a_folder_keeps_its_name_wherever_a_link_to_it_lies(tmp_path):
    touch(tmp_path, "people/0007/1.jpg", "people/0008/2.jpg", "favourites/0.jpg")
    (tmp_path / "favourites" / "best").symlink_to(tmp_path / "people" / "0007")
    assert names(tmp_path) == ["favourites/0.jpg", "people/0007/1.jpg", "people/0008/2.jpg"]


def test_links_to_files_are_files_wherever_they_lead(tmp_path):
    touch(tmp_path, "1.jpg")
    (tmp_path / "2.jpg").symlink_to("1.jpg")
    (tmp_path / "3.jpg").symlink_to("gone.jpg")
    (tmp_path / "4.jpg").symlink_to("4.jpg")
    assert names(tmp_path) == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]  # reading says which are broken


def test_a_folder_named_like_a_picture_is_reported(tmp_path):
    touch(tmp_path, "a/1.jpg", "a/x.jpg/2.jpg")
    pictures, failed = walk_pictures(tmp_path)
    assert pictures == [tmp_path / "a" / "1.jpg"]
    assert [path for path, _ in failed] == [tmp_path / "a" / "x.jpg"]
    assert "a folder, though named like a picture" in failed[0][1]


def test_a_folder_that_cannot_be_listed_is_reported_and_the_others_are_read(tmp_path):
    touch(tmp_path, "z/1.jpg")
    # Permissions don't stop root; a path longer than the system takes stops everyone.
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    pictures, failed = walk_pictures(tmp_path)
    shutil.rmtree(tmp_path / ("d" * 200))
    assert pictures == [tmp_path / "z" / "1.jpg"]
    assert len(failed) == 1
    assert "can't be listed (File name too long)" in failed[0][1]


def test_no_folder(tmp_path):
    touch(tmp_path, "1.jpg")
    for name in ("gone", "1.jpg"):
        with pytest.raises(LayoutError, match="no such folder"):
            walk_pictures(tmp_path / name)

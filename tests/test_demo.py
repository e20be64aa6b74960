"""The demonstration, on drawn people and on a folder of crops."""

import io

import pytest
from PIL import Image
from reid_gallery.gallery.demo import choose_cast, run_demo
from reid_gallery.gallery.errors import LayoutError
from reid_gallery.gallery.figures import draw_figures
from reid_gallery.gallery.pictures.layouts import read_layout
from rich.console import Console


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "crops"
    draw_figures(folder, people=9, cameras=2, per_camera=2, seed=4)
    return folder


def test_the_demo_shows_everything_on_a_folder_of_crops(crops, tmp_path):
    said = io.StringIO()
    for _ in range(2):  # again over what the first one left
        run_demo(tmp_path / "out", crops, Console(file=said, width=120))
    text = said.getvalue()
    for words in (
        "Enroll",
        "ranked first, among 8 people",
        "stranger",
        "unknown",
        "merge",
        "enroll",
    ):
        assert words in text
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        assert min(sheet.size) > 300


def test_people_are_told_apart_well_above_chance(crops, tmp_path):
    said = io.StringIO()
    run_demo(tmp_path / "out", crops, Console(file=said, width=120))
    (line,) = [line for line in said.getvalue().splitlines() if "ranked first" in line]
    right, asked = int(line.split()[0]), int(line.split()[2])
    assert asked == 8
    assert right >= 5  # chance is 1


def test_the_cast_keeps_questions_and_strangers_out_of_the_gallery(crops):
    cast = choose_cast(read_layout("folders", crops).pictures)
    enrolled = {picture.path for picture in cast.enrolled}
    assert not enrolled & {picture.path for picture in (*cast.asked, *cast.strangers)}
    assert not {p.pid for p in cast.strangers} & {p.pid for p in cast.enrolled}
    assert {p.pid for p in cast.asked} == {p.pid for p in cast.enrolled}


def test_a_folder_of_other_things_is_left_alone(crops, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(LayoutError, match="other files"):
        run_demo(tmp_path, crops, Console(file=io.StringIO()))
    assert (tmp_path / "mine.txt").read_text() == "mine"

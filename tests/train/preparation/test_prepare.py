"""The whole of it, on drawn people in the layouts of data sets."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from reid_gallery.cli import run
from reid_gallery.gallery.errors import ConfigError, LayoutError
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.figures import draw_figures
from reid_gallery.gallery.pictures.manifest import read_manifest
from reid_gallery.train.config import DataConfig
from reid_gallery.train.preparation.prepare import prepare
from reid_gallery.train.splitting import split_people

CONFIG = DataConfig(validation_share=0.3, drop_quantile=0.25, balance_to=20)


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """Eight drawn people, two pictures by each of three cameras."""
    folder = tmp_path_factory.mktemp("drawn") / "figures"
    return draw_figures(folder, people=8, cameras=3, per_camera=2, seed=1)


@pytest.fixture(scope="module")
def lpw(figures, tmp_path_factory) -> Path:
    """Four of them in one scene and four in another, under the same numbers, as LPW lies."""
    root = tmp_path_factory.mktemp("lpw") / "pep_256x128"
    frames: Counter = Counter()
    for picture in figures:
        number = int(picture.pid[1:])
        place = root / f"scen{1 + number // 4}" / f"view{picture.camera[3:]}" / str(66 + number % 4)
        place.mkdir(parents=True, exist_ok=True)
        frames[place] += 1
        Image.open(picture.path).resize((128, 256)).save(place / f"{10212 + frames[place]}.jpg")
    return root


@pytest.fixture(scope="module")
def market(figures, tmp_path_factory) -> Path:
    """The same people as Market-1501 lies, with junk, a distractor and a file that is none."""
    root = tmp_path_factory.mktemp("market")
    for at, picture in enumerate(figures):
        name = f"{int(picture.pid[1:]) + 1:04d}_c{picture.camera[3:]}s1_{at:06d}_00.jpg"
        shutil.copy(picture.path, root / name)
    for name in ("-1_c1s1_000001_00.jpg", "0000_c1s1_000002_00.jpg"):
        shutil.copy(figures[0].path, root / name)
    (root / "0009_c1s1_000003_00.jpg").write_bytes(b"torn")
    return root


@pytest.fixture(scope="module")
def prepared(lpw, market, tmp_path_factory):
    """Both joined: what was found, the report's page and the manifest."""
    out = tmp_path_factory.mktemp("out") / "people.csv"
    found, page = prepare([(lpw, "lpw"), (market, "market1501")], out, config=CONFIG)
    return found, page, out


def test_lpw_keys_people_on_scene_and_number(lpw, tmp_path):
    prepare([(lpw, "lpw")], tmp_path / "lpw.csv", config=CONFIG)
    pictures = read_manifest(tmp_path / "lpw.csv").pictures
    assert len(pictures) == 48
    assert {p.pid for p in pictures} == {f"s{s}-{n}" for s in (1, 2) for n in range(66, 70)}
    assert {p.camera for p in pictures} == {f"s{s}-view{v}" for s in (1, 2) for v in (1, 2, 3)}
    assert len({p.tracklet for p in pictures}) == 24
    assert {p.frame for p in pictures} == {10213, 10214}
    assert {p.source for p in pictures} == {"lpw"}


def test_ids_of_joined_data_sets_do_not_collide(prepared):
    _, _, out = prepared
    pictures = read_manifest(out).pictures
    assert Counter(p.source for p in pictures) == {"lpw": 48, "market1501": 48}
    assert len({p.pid for p in pictures}) == 16
    for label in ("pid", "camera", "tracklet"):
        assert all(getattr(p, label).startswith(f"{p.source}-") for p in pictures)


def test_a_folder_named_like_another_and_its_person_does_not_meet_it(tmp_path):
    for place in ("site/b-1", "site/2", "site/3", "site-b/1", "site-b/4", "site-b/5"):
        (tmp_path / place).mkdir(parents=True)
        Image.effect_noise((64, 128), len(place)).convert("RGB").save(tmp_path / place / "x.png")
    data = [(tmp_path / "site", "folders"), (tmp_path / "site-b", "folders")]
    with pytest.raises(LayoutError, match="would be called 'site-b-1', as the other one"):
        prepare(data, tmp_path / "people.csv", config=CONFIG)
    assert not (tmp_path / "people.csv").exists()


def test_everyone_is_in_one_part_and_training_takes_it_from_the_manifest(prepared, lpw, market):
    _, _, out = prepared
    parts = {(p.pid, p.split) for p in read_manifest(out).pictures}
    assert len(parts) == 16
    held_out = {pid for pid, part in parts if part == "validation"}
    split = split_people([(out, "folders")], validation_share=0.9, seed=99)
    assert {p.person.split(":")[1] for p in split.validation} == held_out != set()
    assert {p.source for p in split.validation} == {"0/lpw", "0/market1501"}
    same = split_people([(lpw, "lpw"), (market, "market1501")], validation_share=0.3, seed=0)
    assert {f"lpw-{p.person[2:]}" for p in same.validation if p.source == "0"} <= held_out
    assert {p.path for p in same.validation} == {p.path for p in split.validation}


def test_bad_pictures_are_listed_and_stop_nothing(prepared):
    found, _, _ = prepared
    assert [("0009_c1s1" in reason) for reason in found.failed] == [True]
    assert sorted("distractor" in reason for reason in found.ignored) == [False, True]


def test_the_same_people_in_two_data_sets_are_near_duplicates(prepared):
    found, _, _ = prepared
    pictures = found.look.pictures
    pairs = {
        (pictures[a].source, pictures[b].source)
        for a, b in zip(found.near.first, found.near.second, strict=True)
    }
    assert ("lpw", "market1501") in pairs


def test_the_report_names_pictures_that_are_there(prepared):
    found, page, out = prepared
    text = page.read_text()
    assert page == out.with_name("people-report") / "report.md"
    named = {part.split(")")[0] for part in text.split("](")[1:]}
    assert named >= {"people.png", "largest.png", "smallest.png", "cameras.png", "sizes.png"}
    assert {file.name for file in page.parent.iterdir()} == {*named, "report.md"}
    assert all(Image.open(page.parent / name).width > 500 for name in named)
    assert "| together | 16 |" in text
    assert any("96 pictures of 16 people" in line for line in found.summary())


def test_a_manifest_that_was_joined_joins_again_as_it_is(prepared, figures, tmp_path):
    _, _, out = prepared
    data = [(out, "folders"), (figures[0].path.parent.parent, "folders")]
    prepare(data, tmp_path / "more.csv", config=CONFIG)
    again = {(p.path, p.pid, p.split) for p in read_manifest(tmp_path / "more.csv").pictures}
    assert {(p.path, p.pid, p.split) for p in read_manifest(out).pictures} <= again
    assert len({pid for _, pid, _ in again}) == 24


def test_what_is_refused_before_the_work(lpw, tmp_path):
    (tmp_path / "there.csv").touch()
    for data, out, reason in [
        ([(lpw, "lpw")], "there.csv", "there.csv: is there already"),
        ([(lpw, "lpw")], "people.txt", "ends in .csv"),
        ([(lpw, "lpw")], "gone/people.csv", "there is no folder"),
        ([(lpw, "lpw"), (tmp_path / "gone", "lpw")], "people.csv", "no such folder"),
        ([(lpw, "scenes")], "people.csv", "layout 'scenes' is unknown"),
    ]:
        with pytest.raises(LayoutError, match=reason):
            prepare(data, tmp_path / out, config=CONFIG)
    with pytest.raises(ConfigError, match="no data set was named"):
        prepare([], tmp_path / "people.csv", config=CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]


def test_a_report_that_cannot_be_drawn_leaves_nothing(lpw, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reid_gallery.train.preparation.prepare.write_report", fail)
    with pytest.raises(LayoutError, match="No space left"):
        prepare([(lpw, "lpw")], tmp_path / "people.csv", config=CONFIG)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_program_left_of_a_report_stops_nobody(lpw, tmp_path):
    left = tmp_path / ".people-report.part"
    left.mkdir()
    (left / "half.png").write_bytes(b"")
    prepare([(lpw, "lpw")], tmp_path / "people.csv", config=CONFIG)
    assert {path.name for path in tmp_path.iterdir()} == {"people.csv", "people-report"}
    assert not (tmp_path / "people-report" / "half.png").exists()


def test_the_command_finds_a_wrong_label_and_its_manifest_can_be_enrolled(
    figures, tmp_path, capsys
):
    crops = tmp_path / "crops"
    shutil.copytree(figures[0].path.parent.parent, crops)
    (crops / "p000" / "cam3_1.jpg").rename(crops / "p001" / "taken.jpg")
    out = tmp_path / "people.csv"
    assert run(["prepare", str(crops / "manifest.csv"), "--out", str(tmp_path / "torn.csv")]) == 3
    arguments = ["prepare", str(crops), "--out", str(out), "--sample", "100"]
    assert run([*arguments, "--validation-share", "0.3"]) == 0
    printed = capsys.readouterr().out
    assert "48 pictures of 8 people" in printed
    suspicious = (tmp_path / "people-report" / "report.md").read_text().split("## Suspicious")[1]
    assert "| p001 |" in suspicious
    assert "| taken.jpg |" in suspicious
    assert run(["enroll", "--manifest", str(out), "--store", str(tmp_path / "store")]) == 0
    with Gallery.open(tmp_path / "store") as gallery:
        assert gallery.stats().sightings == 48

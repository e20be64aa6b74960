import csv
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from reid_gallery.gallery.errors import LayoutError
from reid_gallery.gallery.figures import draw_figures
from reid_gallery.gallery.pictures.labelled import LabelledPicture
from reid_gallery.gallery.pictures.manifest import read_manifest
from reid_gallery.gallery.pictures.read import read_crop

Drawn = tuple[Path, list[LabelledPicture]]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    folder = tmp_path_factory.mktemp("figures") / "drawn"
    return folder, draw_figures(folder, people=3, cameras=2, per_camera=5, seed=4)


def test_each_person_is_seen_by_each_camera_as_often_as_asked(figures: Drawn) -> None:
    folder, pictures = figures
    assert len(pictures) == 3 * 2 * 5
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    expected = [
        f"p{person:03d}/cam{camera}_{number}.jpg"
        for person in range(3)
        for camera in (1, 2)
        for number in range(1, 6)
    ]
    assert files == sorted(expected)
    assert [picture.path for picture in pictures] == [folder / name for name in expected]


def test_every_picture_decodes(figures: Drawn) -> None:
    for picture in figures[1]:
        height, width, _ = read_crop(picture.path).shape
        assert 80 <= height <= 300
        assert width < height


def test_the_manifest_says_what_is_there(figures: Drawn) -> None:
    folder, pictures = figures
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "pid", "camera", "time", "tracklet"]
    assert len(rows) == len(pictures)
    for row in rows:
        assert row["path"].startswith(f"{row['pid']}/{row['camera']}_")
        assert datetime.fromisoformat(row["time"]).utcoffset() == timedelta(0)
    reading = read_manifest(folder / "manifest.csv")
    assert not reading.failed
    assert reading.pictures == pictures


def test_times_are_plausible(figures: Drawn) -> None:
    _, pictures = figures
    by_tracklet: dict[str | None, list[LabelledPicture]] = {}
    for picture in pictures:
        by_tracklet.setdefault(picture.tracklet, []).append(picture)
    assert len(by_tracklet) == 3 * 2 * 2  # five pictures are two passages
    for passage in by_tracklet.values():
        assert len({(p.pid, p.camera) for p in passage}) == 1
        times = [p.time for p in passage]
        assert times == sorted(times)
        assert times[-1] - times[0] < timedelta(seconds=20)
    for pid in ("p000", "p001", "p002"):
        times = sorted(p.time for p in pictures if p.pid == pid)
        assert len(set(times)) == len(times)  # nobody is in two places at once
        assert times[-1] - times[0] < timedelta(days=1)
        assert times[0] > datetime(2026, 1, 1, tzinfo=UTC)
        places = sorted(
            (min(p.time for p in passage), max(p.time for p in passage))
            for passage in by_tracklet.values()
            if passage[0].pid == pid
        )
        assert all(left[1] + timedelta(seconds=30) < right[0] for left, right in pairwise(places))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    small = {"people": 2, "cameras": 2, "per_camera": 1}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        draw_figures(tmp_path / name, seed=seed, **small)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    first, other = contents(tmp_path / "a"), contents(tmp_path / "c")
    assert set(first) == set(other)
    assert all(first[name] != other[name] for name in first)


def test_an_empty_folder_is_used_and_a_full_one_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    draw_figures(folder, people=1, cameras=1, per_camera=1, seed=0)
    before = contents(folder)
    with pytest.raises(LayoutError, match="not an empty folder"):
        draw_figures(folder, people=1, cameras=1, per_camera=1, seed=1)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(LayoutError, match="can't be written"):
        draw_figures(tmp_path / "file" / "below", people=1, cameras=1, per_camera=1, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("wrong", ["people", "cameras", "per_camera"])
def test_numbers_below_one_are_refused(tmp_path: Path, wrong: str) -> None:
    numbers = {"people": 1, "cameras": 1, "per_camera": 1, wrong: 0}
    with pytest.raises(ValueError, match=f"{wrong}=0"):
        draw_figures(tmp_path / "x", seed=0, **numbers)
    assert not (tmp_path / "x").exists()

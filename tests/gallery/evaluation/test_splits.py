import os
from pathlib import Path

import pytest
from reid_gallery.gallery.errors import LayoutError
from reid_gallery.gallery.evaluation.protocols import PROTOCOLS
from reid_gallery.gallery.evaluation.random_splits import grid_splits, viper_splits
from reid_gallery.gallery.evaluation.splits import Split, market1501_splits


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def names(split: Split) -> tuple[list[str], list[str]]:
    return [p.path.name for p in split.query], [p.path.name for p in split.gallery]


def test_market_has_one_split_without_junk(tmp_path: Path) -> None:
    folder = make(
        tmp_path,
        "query/0001_c1s1_000001_00.jpg",
        "bounding_box_test/-1_c1s1_000001_00.jpg",
        "bounding_box_test/0000_c1s1_000001_00.jpg",
        "bounding_box_test/0001_c2s1_000001_00.jpg",
        "bounding_box_train/0002_c2s1_000001_00.jpg",
    )
    [split] = market1501_splits(folder, seed=0)
    assert names(split) == (
        ["0001_c1s1_000001_00.jpg"],
        ["0000_c1s1_000001_00.jpg", "0001_c2s1_000001_00.jpg"],
    )


def make_viper(folder: Path, people: int) -> Path:
    views = [f"{camera}/{pid:03}_45.png" for camera in ("cam_a", "cam_b") for pid in range(people)]
    return make(folder, *views, "cam_a/900_0.png")


def test_viper_asks_both_ways_about_half_the_people(tmp_path: Path) -> None:
    splits = viper_splits(make_viper(tmp_path, 8), seed=0)
    assert len(splits) == 20
    for there, back in zip(splits[::2], splits[1::2], strict=True):
        assert {p.camera for p in there.query} == {"cam_a"}
        assert {p.camera for p in there.gallery} == {"cam_b"}
        assert (back.query, back.gallery) == (there.gallery, there.query)
        pids = [p.pid for p in there.query]
        assert len(set(pids)) == 4
        assert pids == [p.pid for p in there.gallery]
        assert "900" not in pids  # seen by one camera only
    assert len({tuple(p.pid for p in split.query) for split in splits}) > 5


def test_splits_are_the_same_for_ever(tmp_path: Path) -> None:
    # Published figures hang on these draws: the half of the people whose
    # sha256("seed/split/pid") is smallest.
    folder = make_viper(tmp_path, 8)
    drawn = [[p.pid for p in split.query] for split in viper_splits(folder, seed=0)[:4:2]]
    assert drawn == [["001", "002", "003", "005"], ["002", "003", "005", "006"]]
    assert [p.pid for p in viper_splits(folder, seed=1)[0].query] != drawn[0]


def make_grid(folder: Path, *distractors: str) -> Path:
    pairs = [f"{pid:04}_{camera}_25004_1_1_1_1.jpeg" for pid in range(1, 7) for camera in (4, 5)]
    return make(folder, *pairs, *distractors)


@pytest.mark.parametrize(
    "distractors",
    [
        ["0251_1_25698_1_1_1_1.jpeg", "0252_5_25698_1_1_1_1.jpeg"],
        ["0000_1_25698_1_1_1_1.jpeg", "0000_5_25698_1_1_1_1.jpeg"],
    ],
)
def test_grid_asks_half_the_pairs_among_distractors(tmp_path: Path, distractors: list[str]) -> None:
    splits = grid_splits(make_grid(tmp_path, *distractors), seed=0)
    assert len(splits) == 10
    for split in splits:
        probes, gallery = names(split)
        assert len(probes) == 3
        assert {p.camera for p in split.query} == {"4"}
        partners = [name.replace("_4_", "_5_") for name in probes]
        assert gallery == [*partners, *distractors]


def test_a_foreign_picture_is_named(tmp_path: Path) -> None:
    folder = make_grid(tmp_path, "holiday.jpg")
    with pytest.raises(LayoutError, match=r"holiday\.jpg: not of the grid data set"):
        grid_splits(folder, seed=0)


@pytest.mark.skipif("REID_DATA" not in os.environ, reason="REID_DATA names no data sets")
@pytest.mark.parametrize(
    ("name", "splits", "queries", "gallery"),
    [("market1501", 1, 3368, 15913), ("viper", 20, 316, 316), ("grid", 10, 125, 900)],
)
def test_real_data_sets_have_their_published_sizes(
    name: str, splits: int, queries: int, gallery: int
) -> None:
    found = PROTOCOLS[name].splits(Path(os.environ["REID_DATA"]) / name, 0)
    assert len(found) == splits
    assert {(len(split.query), len(split.gallery)) for split in found} == {(queries, gallery)}

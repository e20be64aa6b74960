"""The protocols on small made-up trees, and all-to-all on anything."""

from pathlib import Path

import pytest
from reid_gallery.gallery.errors import LayoutError, NotFoundError
from reid_gallery.gallery.evaluation.protocols import read_trial
from reid_gallery.gallery.evaluation.trials import Trial


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def names(trial: Trial, rows: object) -> list[str]:
    return [trial.files[row].name for row in rows]  # type: ignore[attr-defined]


def test_dukemtmc_is_query_against_test(tmp_path: Path) -> None:
    folder = make(
        tmp_path,
        "query/0001_c2_f0046182.jpg",
        "bounding_box_test/0001_c1_f0046302.jpg",
        "bounding_box_test/0002_c3_f0046302.jpg",
        "bounding_box_train/0003_c3_f0046302.jpg",
    )
    trial = read_trial("dukemtmc", folder)
    [(query, gallery)] = trial.splits
    assert names(trial, query) == ["0001_c2_f0046182.jpg"]
    assert names(trial, gallery) == ["0001_c1_f0046302.jpg", "0002_c3_f0046302.jpg"]
    assert trial.pids == ("0001", "0001", "0002")
    assert trial.views == ("camera c2", "camera c1", "camera c3")


MSMT = [
    f"{pid}/{pid}_00{number}_0{camera}_0303morning_0015_0.jpg"
    for pid in ("0000", "0001")
    for number, camera in enumerate((1, 2, 3))
]


@pytest.mark.parametrize("test", ["test", "mask_test_v2"])
def test_msmt17_reads_its_lists(tmp_path: Path, test: str) -> None:
    make(tmp_path, *(f"{test}/{name}" for name in MSMT))
    (tmp_path / "list_query.txt").write_text(f"{MSMT[0]} 0\n{MSMT[3]} 1\n")
    (tmp_path / "list_gallery.txt").write_text("".join(f"{name} 0\n" for name in MSMT[1:3]))
    trial = read_trial("msmt17", tmp_path)
    [(query, gallery)] = trial.splits
    assert names(trial, query) == [Path(MSMT[0]).name, Path(MSMT[3]).name]
    assert names(trial, gallery) == [Path(name).name for name in MSMT[1:3]]
    assert trial.pids[0] != trial.pids[1]


def test_msmt17_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="not MSMT17; it has no test"):
        read_trial("msmt17", make(tmp_path, "train/x.jpg"))
    make(tmp_path, f"test/{MSMT[0]}")
    with pytest.raises(LayoutError, match=r"list_query\.txt: can't be read"):
        read_trial("msmt17", tmp_path)
    (tmp_path / "list_query.txt").write_text(f"{MSMT[0]} 0\n")
    (tmp_path / "list_gallery.txt").write_text(f"{MSMT[1]} 0\n")
    with pytest.raises(LayoutError, match=r"named in list_gallery\.txt, but not there"):
        read_trial("msmt17", tmp_path)


@pytest.mark.parametrize("inner", ["", "single_shot/"])
def test_prid2011_asks_half_of_those_seen_twice(tmp_path: Path, inner: str) -> None:
    both = [f"{inner}cam_{c}/person_{pid:04}.png" for c in "ab" for pid in range(1, 9)]
    only = [f"{inner}cam_a/person_0300.png"]
    only += [f"{inner}cam_b/person_{pid:04}.png" for pid in (300, 301)]
    trial = read_trial("prid2011", make(tmp_path, *both, *only))
    assert len(trial.splits) == 10
    for query, gallery in trial.splits:
        asked = {trial.views[row] for row in query}, {trial.views[row] for row in gallery}
        assert asked == ({"camera cam_a"}, {"camera cam_b"})
        assert len(query) == 4
        assert [trial.pids[row] for row in gallery[:4]] == [trial.pids[row] for row in query]
        assert len(gallery) == 4 + 2  # partners, and the two that only cam_b saw


def test_cuhk03_draws_one_gallery_picture_a_person(tmp_path: Path) -> None:
    pictures = [f"{pid:04}_{number:02}.jpg" for pid in range(5) for number in (0, 1, 5, 6, 7)]
    trial = read_trial("cuhk03", make(tmp_path, *pictures))
    assert len(trial.splits) == 20
    for query, gallery in trial.splits:
        assert len(query) == 10  # both pictures of the first camera
        assert [trial.pids[row] for row in gallery] == [f"{pid:04}" for pid in range(5)]
        assert {trial.views[row] for row in gallery} == {"camera b"}
    assert len({tuple(gallery) for _, gallery in trial.splits}) > 5


def test_all_to_all_takes_folders_of_people(tmp_path: Path) -> None:
    trial = read_trial("all-to-all", make(tmp_path, "anna/1.jpg", "anna/2.jpg", "bo/1.jpg"))
    [(query, gallery)] = trial.splits
    assert query.tolist() == gallery.tolist() == [0, 1, 2]
    assert trial.pids == ("anna", "anna", "bo")
    assert len(set(trial.views)) == 3  # no camera is known: only the picture itself is left out


def test_all_to_all_takes_a_manifest_with_cameras_and_tracklets(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("path,pid,camera,tracklet\na.jpg,anna,c1,t1\nb.jpg,anna,,t2\nc.jpg,bo,,\n")
    trial = read_trial("all-to-all", file)
    assert trial.views == ("camera c1", "tracklet t2", "picture 2")


def test_all_to_all_leaves_out_whom_a_manifest_trains_on(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    held_out = "c.jpg,bo,validation\nd.jpg,bo,validation\ne.jpg,cy,validation\n"
    file.write_text(f"path,pid,split\na.jpg,anna,training\nb.jpg,anna,training\n{held_out}")
    assert read_trial("all-to-all", file).pids == ("bo", "bo", "cy")
    file.write_text("path,pid,split\na.jpg,anna,training\nb.jpg,bo,training\n")
    with pytest.raises(LayoutError, match="too few people"):
        read_trial("all-to-all", file)


def test_all_to_all_takes_a_layout_whose_distractors_do_not_ask(tmp_path: Path) -> None:
    make(
        tmp_path, *(f"{pid:04}_c{camera}s1_000451_03.jpg" for pid in range(3) for camera in (1, 2))
    )
    trial = read_trial("all-to-all", tmp_path, layout="market1501")
    [(query, gallery)] = trial.splits
    assert (len(query), len(gallery)) == (4, 6)
    assert trial.distractors == {"0000"}


def test_a_pid_of_two_sources_is_two_people(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("path,pid,source\na.jpg,1,A\nb.jpg,1,A\nc.jpg,1,B\nd.jpg,2,B\n")
    assert read_trial("all-to-all", file).pids == ("A:1", "A:1", "B:1", "2")


def test_one_person_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="shows one person alone; it takes two"):
        read_trial("all-to-all", make(tmp_path, "anna/1.jpg", "anna/2.jpg"))


def test_a_picture_of_two_people_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("path,pid\na.jpg,anna\na.jpg,bo\n")
    with pytest.raises(LayoutError, match="named twice, as anna and as bo"):
        read_trial("all-to-all", file)


def test_a_file_that_is_named_twice_asks_once(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("path,pid\na.jpg,anna\na.jpg,anna\nb.jpg,bo\nc.jpg,bo\n")
    assert len(read_trial("all-to-all", file).splits[0][0]) == 3


def test_a_wrong_layout_is_one_line(tmp_path: Path) -> None:
    make(tmp_path, "query/0001_c1s1_000451_03.jpg", "bounding_box_test/holiday.jpg")
    with pytest.raises(LayoutError, match=r"holiday\.jpg") as caught:
        read_trial("market1501", tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(LayoutError, match=r"not-there.*no such folder"):
        read_trial("viper", tmp_path / "not-there")


def test_an_unknown_protocol_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="choose one of market1501, dukemtmc, "):
        read_trial("vipr", tmp_path)


def test_too_few_people_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cam_a").mkdir()
    (tmp_path / "cam_a" / "000_0.png").touch()
    with pytest.raises(LayoutError, match="too few people"):
        read_trial("viper", tmp_path)


def test_a_picture_of_many_splits_is_embedded_once(tmp_path: Path) -> None:
    pictures = [f"cam_{camera}/{pid:03}_45.png" for camera in "ab" for pid in range(12)]
    trial = read_trial("viper", make(tmp_path, *pictures))
    assert len(trial.splits) == 20
    assert len(set(trial.files)) == len(trial.files) == len(pictures)

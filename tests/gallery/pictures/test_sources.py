"""From what is typed to pictures and whom they show."""

import io
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from reid_gallery.gallery.errors import LayoutError
from reid_gallery.gallery.pictures.sources import collect, collect_queries
from reid_gallery.gallery.pictures.whole import read_whole


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A working folder: crops of two people, two levels deep, and a file that is no picture."""
    for name in ("crops/p1/a.jpg", "crops/p1/b.jpg", "crops/p2/c.png", "crops/p2/notes.txt"):
        touch(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def found(reading) -> list[tuple[str, str]]:
    return [(picture.path.as_posix(), picture.pid) for picture in reading.pictures]


MSMT = "0000/0000_000_01_0303morning_0015_0.jpg"


@pytest.mark.parametrize(
    "paths",
    [
        ["MSMT17"],
        ["MSMT17/train", "MSMT17/test"],
        [f"MSMT17/{half}/{MSMT}" for half in ("train", "test")],
    ],
)
@pytest.mark.parametrize("above", ["data", "test"])
def test_halves_whose_people_have_the_same_numbers_stay_apart(tmp_path, monkeypatch, paths, above):
    (tmp_path / above).mkdir()
    monkeypatch.chdir(tmp_path / above)
    for half in ("train", "test"):
        touch(Path("MSMT17", half, MSMT))
    assert {pid for _, pid in found(collect(paths, layout="msmt17"))} == {"0000", "test-0000"}


ALL = [("crops/p1/a.jpg", "p1"), ("crops/p1/b.jpg", "p1"), ("crops/p2/c.png", "p2")]


@pytest.mark.parametrize(
    "paths",
    [
        ["crops"],
        ["crops/"],
        ["./crops"],
        ["crops/p1", "crops/p2"],
        ["crops/p1/a.jpg", "crops/p1/b.jpg", "crops/p2/c.png"],
        ["crops/*"],
        ["crops/*/*"],
        ["crops/**"],
        ["crops/**/*.*"],
        ["crops/p[12]/*"],
        ["crops/p1/?.jpg", "crops/p2/*.png"],
        ["crops", "crops/p1", "crops/p1/../p1/a.jpg", "crops/**/*"],
    ],
)
def test_the_same_pictures_typed_in_many_ways(home, paths):
    reading = collect(paths)
    assert found(reading) == ALL
    assert reading.failed == []
    assert reading.ignored == []


def test_absolute_paths_and_the_working_folder(home, monkeypatch):
    reading = collect([str(home / "crops")])
    assert [(p.path, p.pid) for p in reading.pictures] == [(home / n, pid) for n, pid in ALL]
    monkeypatch.chdir(home / "crops" / "p1")
    assert found(collect(["."])) == [("a.jpg", "p1"), ("b.jpg", "p1")]
    assert found(collect(["a.jpg"])) == [("a.jpg", "p1")]
    assert found(collect(["../p2"])) == [("../p2/c.png", "p2")]


def test_pictures_beside_peoples_folders_are_nobodys(home):
    touch(home / "crops" / "stray.jpg")
    reading = collect(["crops"])
    assert found(reading) == ALL
    assert [path.name for path, _ in reading.failed] == ["stray.jpg"]
    assert "lies in no person's folder" in reading.failed[0][1]


def test_order_is_as_typed(home):
    assert found(collect(["crops/p2/c.png", "crops/p1"])) == [ALL[2], ALL[0], ALL[1]]


def test_one_person_for_all(home):
    touch(home / "crops" / "stray.jpg")
    reading = collect(["crops"], pid=" anna ")
    assert {picture.pid for picture in reading.pictures} == {"anna"}
    assert len(reading.pictures) == 4


def test_a_named_file_needs_no_ending(home):
    touch(home / "p9" / "picture")
    assert found(collect(["p9/picture"])) == [("p9/picture", "p9")]


def test_layouts(home):
    for name in ("0002_c1s1_000451_03.jpg", "-1_c1s1_000001_00.jpg", "odd.jpg"):
        touch(home / "market" / name)
    for paths in (["market"], ["market/*"], ["market/0002_c1s1_000451_03.jpg", "market"]):
        reading = collect(paths, layout="market1501")
        assert [(p.pid, p.camera, p.frame) for p in reading.pictures] == [("0002", "c1", 451)]
        assert [path.name for path, _ in reading.ignored] == ["-1_c1s1_000001_00.jpg"]
        assert [path.name for path, _ in reading.failed] == ["odd.jpg"]


@pytest.mark.parametrize("paths", [["viper"], ["viper/cam_a"], ["viper/cam_a/012_45.png"]])
def test_a_layout_that_needs_the_folder_sees_it(home, paths):
    touch(home / "viper" / "cam_a" / "012_45.png")
    (picture,) = collect(paths, layout="viper").pictures
    assert (picture.pid, picture.camera) == ("012", "cam_a")


def test_a_manifest(home):
    lines = ["path,pid,camera", "crops/p1/a.jpg,anna,", "crops/p2/c.png,bo,c2", ",x,"]
    (home / "people.csv").write_text("\n".join(lines))
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    reading = collect([], manifest=Path("people.csv"), camera="door", time=moment, tracklet="t")
    assert [(p.pid, p.camera, p.time, p.tracklet) for p in reading.pictures] == [
        ("anna", "door", moment, "t"),
        ("bo", "c2", moment, "t"),
    ]
    assert len(reading.failed) == 1


def test_a_manifest_typed_like_a_picture(home):
    (home / "people.csv").write_text("path,pid\ncrops/p1/a.jpg,anna\n")
    assert collect(["people.csv"]) == collect([], manifest=Path("people.csv"))
    with pytest.raises(LayoutError, match=r"people\.csv: a manifest stands alone"):
        collect(["crops", "people.csv"])
    with pytest.raises(LayoutError, match="pid and manifest exclude"):
        collect(["people.csv"], pid="a")


# -- what can't be found -----------------------------------------------------------------------


def test_what_is_not_there_is_listed_and_never_stops_the_others(home):
    (home / "empty").mkdir()
    Path("loop").symlink_to("loop")
    Path("dangling.jpg").symlink_to("gone")
    typed = ["gone.jpg", "*.gif", "empty", "loop", "dangling.jpg", "x" * 300, "nul\0", "crops/p1",
             "crops/p2/*.txt"]  # fmt: skip
    reading = collect(typed)
    assert found(reading) == ALL[:2]
    assert [str(path) for path, _ in reading.failed] == [t for t in typed if t != "crops/p1"]
    reasons = [reason for _, reason in reading.failed]
    for part, reason in zip(
        ["no such file", "no picture matches", "holds no picture", "symbolic links",
         "a link to nothing", "too long", "null", "no picture matches"],
        reasons,
        strict=True,
    ):  # fmt: skip
        assert part in reason


def test_nothing_at_all_is_an_error(home):
    with pytest.raises(LayoutError, match=r"^gone\.jpg: no such file$"):
        collect(["gone.jpg"])
    with pytest.raises(LayoutError, match=r"gone\.jpg: no such file \(and 1 more failed\)"):
        collect(["gone.jpg", "*.gif"])


def test_a_name_goes_before_its_reading_as_a_pattern(home):
    touch(home / "p[1]" / "a*.jpg")
    touch(home / "p[1]" / "ab.jpg")
    assert found(collect(["p[1]/a*.jpg"])) == [("p[1]/a*.jpg", "p[1]")]
    assert found(collect(["p[1]"])) == [("p[1]/a*.jpg", "p[1]"), ("p[1]/ab.jpg", "p[1]")]


def test_patterns_leave_out_what_is_hidden_and_empty(home):
    touch(home / "crops" / ".p3" / "a.jpg")
    touch(home / "crops" / "p1" / ".a.jpg")
    (home / "crops" / "p4").mkdir()
    reading = collect(["crops/**"])
    assert found(reading) == ALL
    assert reading.failed == []


def test_home_is_understood_in_patterns(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home))
    assert len(collect(["~/crops/*/*.jpg"]).pictures) == 2


def test_links_are_other_names(home):
    """The same file under two people is a contradiction that enrolling must see."""
    (home / "crops" / "p3").mkdir()
    (home / "crops" / "p3" / "a.jpg").symlink_to(home / "crops" / "p1" / "a.jpg")
    (home / "p5").symlink_to(home / "crops" / "p2")
    assert found(collect(["crops/p1/a.jpg", "crops/p3/a.jpg", "p5"])) == [
        ("crops/p1/a.jpg", "p1"),
        ("crops/p3/a.jpg", "p3"),
        ("p5/c.png", "p5"),
    ]


# -- stdin -------------------------------------------------------------------------------------


def test_a_list_on_stdin(home):
    listed = io.StringIO("crops/p2/c.png\r\n\ncrops/p1\ngone.jpg")
    reading = collect(["-"], stdin=listed)
    assert found(reading) == [ALL[2], *ALL[:2]]
    assert [path.name for path, _ in reading.failed] == ["gone.jpg"]


def test_stdin_is_the_programs_own_by_default(home, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("crops/p1/a.jpg\n"))
    assert found(collect(["-", "crops/p2"])) == [ALL[0], ALL[2]]


def test_names_with_blanks_come_through(home):
    touch(home / "p7" / " a b .jpg")
    assert found(collect(["-"], stdin=io.StringIO("p7/ a b .jpg\n"))) == [("p7/ a b .jpg", "p7")]


def test_names_that_are_not_utf8_fail_since_no_store_could_keep_them(home):
    strange = os.fsdecode(b"crops/p2/\xff.jpg")
    touch(home / strange)
    listed = io.TextIOWrapper(io.BytesIO(b"crops/p2/\xff.jpg\n"), "utf-8", "surrogateescape")
    for paths in (
        ["crops"],
        ["crops/p1", strange, "crops/p2/c.png"],
        ["-", "crops"],
        ["crops/*/*.*"],
        ["crops/**"],
    ):
        reading = collect(paths, stdin=listed)
        assert sorted(found(reading)) == ALL
        ((path, reason),) = reading.failed
        assert str(path) == r"crops/p2/\udcff.jpg"
        assert reason == f"{path}: its name is not UTF-8 and can't be stored; rename it"


def test_a_list_that_is_no_text(home):
    listed = io.TextIOWrapper(io.BytesIO(b"\xff\xfe\n"), encoding="utf-8")
    with pytest.raises(LayoutError, match="stdin: the list of paths is not utf-8"):
        collect(["-"], stdin=listed)


def test_an_empty_list(home):
    for ask in (collect, collect_queries):
        with pytest.raises(LayoutError, match="stdin: the list of paths is empty"):
            ask(["-"], stdin=io.StringIO("\n"))


# -- options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"pid": "a", "layout": "grid"}, "pid and layout exclude each other"),
        ({"pid": "a", "manifest": Path("m.csv")}, "pid and manifest exclude"),
        ({"layout": "grid", "manifest": Path("m.csv")}, "layout and manifest exclude"),
        ({"manifest": Path("m.csv")}, r"the manifest m\.csv names the pictures; leave out crops"),
        ({"layout": "nowhere"}, "layout 'nowhere' is unknown"),
        ({"pid": " "}, "the pid is empty"),
    ],
)
def test_options_that_exclude_each_other(home, options, reason):
    with pytest.raises(LayoutError, match=reason):
        collect(["crops"], **options)


def test_a_data_sets_folder_taken_as_one_person_is_told(home, caplog):
    for name in ("0001_c1s1_000001_00", "0001_c2s1_000001_00", "0002_c1s1_000001_00"):
        touch(home / "gallery" / f"{name}.jpg")
    assert {pid for _, pid in found(collect(["gallery"]))} == {"gallery"}
    assert "of 2 people in the layout market1501: --layout market1501 would" in caplog.text
    caplog.clear()
    collect(["gallery"], layout="market1501")
    collect(["gallery"], pid="anna")
    collect(["gallery/0001*"])  # of one person whatever the layout
    collect(["crops/p1"])
    assert not caplog.text


@pytest.mark.parametrize("text", ["a.jpg\0b.jpg\0", "\x89PNG\r\n\0\0"])
def test_a_list_that_is_none(home, text):
    for read in (collect, collect_queries):
        with pytest.raises(LayoutError, match="one a line, and this is none"):
            read(["-"], stdin=io.StringIO(text))


def test_no_path(home):
    with pytest.raises(LayoutError, match="no picture was named"):
        collect([])
    with pytest.raises(LayoutError, match="no picture was named"):
        collect_queries([])
    for read in (collect, collect_queries):
        with pytest.raises(LayoutError, match="an empty path"):
            read(["a.jpg", ""])  # as of a variable that isn't set: not all of this folder


def test_given_labels_fill_only_what_the_layout_leaves_open(home):
    touch(home / "0002_c1s1_000451_03.jpg")
    (picture,) = collect(["0002_c1s1_000451_03.jpg"], layout="market1501", camera="door").pictures
    assert picture.camera == "c1"
    assert {p.camera for p in collect(["crops"], camera="door").pictures} == {"door"}


def test_a_pid_is_text(home):
    with pytest.raises(LayoutError, match="the pid must be text, not 7"):
        collect(["crops"], pid=7)


def test_blanks_around_a_folders_name_are_nobodys(home):
    touch(home / "crops" / "p1 " / "d.jpg")
    assert {picture.pid for picture in collect(["crops"]).pictures} == {"p1", "p2"}


@pytest.mark.parametrize(
    ("names", "layout"),
    [
        (["query/0002_c1s1_000451_03.jpg", "test/0002_c2s1_000451_03.jpg"], "market1501"),
        (["cam_a/000_45.bmp", "cam_b/000_90.bmp"], "viper"),
    ],
)
def test_a_data_sets_parts_are_not_taken_for_people(home, caplog, names, layout):
    for name in names:
        for person in range(1, 6):
            touch(home / "set" / name.replace("000", f"00{person}", 1))
    assert len({picture.pid for picture in collect(["set"]).pictures}) == 2
    assert f"--layout {layout} would tell them apart" in caplog.text
    caplog.clear()
    read_whole(home / "set", "folders")
    assert f"--layout {layout} would tell them apart" in caplog.text
    caplog.clear()
    collect(["set"], layout=layout)
    collect(["crops"])
    assert not caplog.text


def test_a_flat_data_set_says_its_layout(home):
    touch(home / "flat" / "0002_c1s1_000451_03.jpg")
    with pytest.raises(LayoutError, match="the names are those of the layout market1501"):
        read_whole(home / "flat", "folders")


# -- queries -----------------------------------------------------------------------------------


def test_queries_come_in_the_order_typed_and_again_if_typed_again(home):
    pictures, failed = collect_queries(
        ["crops/p2/c.png", "gone.jpg", "-", "crops/**", "crops/p2/c.png"],
        io.StringIO("crops/p1/b.jpg\n"),
    )
    assert [path.as_posix() for path in pictures] == [
        "crops/p2/c.png",
        "crops/p1/b.jpg",
        "crops/p1/a.jpg",
        "crops/p1/b.jpg",
        "crops/p2/c.png",
        "crops/p2/c.png",
    ]
    assert failed == [(Path("gone.jpg"), "gone.jpg: no such file")]


def test_queries_that_can_not_be_found_are_said_once(home):
    touch(home / os.fsdecode(b"crops/p2/\xff.jpg"))
    pictures, failed = collect_queries(["crops/**", "crops/p2", "*.gif"])
    assert len(pictures) == 4
    assert [str(path) for path, _ in failed] == [r"crops/p2/\udcff.jpg", "*.gif"]


def test_a_manifests_pictures_can_be_asked_about(home):
    (home / "people.csv").write_text("path,pid\ncrops/p2/c.png,p2\ncrops/p1/a.jpg,\n")
    pictures, failed = collect_queries(["people.csv"])
    assert [path.name for path in pictures] == ["c.png"]
    assert "a.jpg: the pid is empty" in failed[0][1]

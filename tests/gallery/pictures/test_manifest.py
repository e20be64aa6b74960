"""Manifests: good ones, and every mistake with its line."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.errors import LayoutError
from reid_gallery.gallery.pictures.labelled import LabelledPicture
from reid_gallery.gallery.pictures.manifest import read_manifest, write_manifest


@pytest.fixture
def read(tmp_path):
    def read_text(text: str | bytes, name: str = "people.csv"):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(content)
        return read_manifest(tmp_path / name)

    return read_text


def test_all_columns(read, tmp_path):
    reading = read(
        "path,pid,camera,time,tracklet,frame\n"
        "a/1.jpg,anna,door,2026-05-01T12:00:00+02:00,t1,7\n"
        "/abs/2.jpg,0002,,,,\n"
    )
    assert reading.failed == []
    assert reading.pictures == [
        LabelledPicture(
            path=tmp_path / "a/1.jpg",
            pid="anna",
            camera="door",
            time=datetime(2026, 5, 1, 10, tzinfo=UTC),
            tracklet="t1",
            frame=7,
        ),
        LabelledPicture(path=Path("/abs/2.jpg"), pid="0002"),
    ]


def test_two_columns_in_any_order(read, tmp_path):
    reading = read("pid,path\n7,x.jpg\n")
    assert reading.pictures == [LabelledPicture(path=tmp_path / "x.jpg", pid="7")]


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfpath,pid\nx.jpg,7\n",  # a byte order mark, as Excel writes it
        "path,pid\r\nx.jpg,7\r\n",
        "path,pid\nx.jpg,7",
        "path,pid\n\nx.jpg,7\n\n",
        '"path","pid"\n"x.jpg","7"\n',
        "path, pid\nx.jpg, 7 \n",
    ],
)
def test_ways_of_writing_it(read, tmp_path, text):
    assert read(text).pictures == [LabelledPicture(path=tmp_path / "x.jpg", pid="7")]


def test_quotes_commas_line_breaks_and_other_scripts(read, tmp_path):
    reading = read('path,pid\n"a, b.jpg","Łukasz ""Łu"", jr"\n"two\nlines.jpg",张三\nc.jpg,"",\n')
    assert [(p.path.name, p.pid) for p in reading.pictures] == [
        ("a, b.jpg", 'Łukasz "Łu", jr'),
        ("two\nlines.jpg", "张三"),
    ]
    assert f"{tmp_path / 'people.csv'}, line 5: " in reading.failed[0][1]


def test_lines_are_kept_as_they_come(read):
    reading = read("path,pid\nx.jpg,1\nx.jpg,1\nx.jpg,2\n")
    assert [picture.pid for picture in reading.pictures] == ["1", "1", "2"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x.jpg,,c1,,,", "the pid is empty"),
        ("x.jpg,  ,c1,,,", "the pid is empty"),
        (",7,c1,,,", "path is empty"),
        ("x.jpg", "the pid is empty"),
        ("x.jpg,7,c1,yesterday,,", "time 'yesterday' is neither"),
        ("x.jpg,7,c1,0001-01-01T00:00:00+05:00,,", "neither ISO 8601"),
        ("x.jpg,7,c1,,,twelve", "frame 'twelve' is no whole number"),
        ("x.jpg,7,c1,,,1.5", "frame '1.5' is no whole number"),
        ("x.jpg,7,c1,,,1,2", "more fields than columns"),
    ],
)
def test_a_line_with_a_mistake_is_listed_and_the_others_are_read(read, tmp_path, line, reason):
    reading = read(f"path,pid,camera,time,tracklet,frame\na.jpg,1,,,,\n{line}\nb.jpg,2,,,,\n")
    assert [picture.pid for picture in reading.pictures] == ["1", "2"]
    ((_, text),) = reading.failed
    assert text.startswith(f"{tmp_path / 'people.csv'}, line 3: ")
    assert reason in text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lacks path, lacks pid"),
        ("path\nx.jpg\n", "lacks pid"),
        ("pid,camera\n7,c\n", "lacks path"),
        ("x.jpg,7\ny.jpg,8\n", "lacks path, lacks pid, has unknown 'x.jpg'"),
        ("path;pid\nx.jpg;7\n", "has unknown 'path;pid'"),
        ("path,pid,colour\nx.jpg,7,red\n", "has unknown 'colour'; the columns are path, pid"),
        ("path,pid,pid\nx.jpg,7,8\n", "has pid twice"),
        ("Path,PID\nx.jpg,7\n", "lacks path"),
        ("path,pid\n", "names no picture"),
        ("path,pid\n\n\n", "names no picture"),
        ('path,pid\nx.jpg,"7\ny.jpg,8\n', "line 3: is not CSV"),
        ('path,pid\nx.jpg,"7"8\n', "line 2: is not CSV"),
        (b"path,pid\nx.jpg,J\xf6rg\n", "is not UTF-8"),
        ("path,pid\nx.jpg,7\n".encode("utf-16"), "is not UTF-8"),
        ("path,pid\nx.jpg," + "7" * 200_000, "is not CSV"),
    ],
)
def test_what_is_no_manifest(read, text, reason):
    with pytest.raises(LayoutError, match=reason) as caught:
        read(text)
    assert "people.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(LayoutError, match=r"gone\.csv: can't be read \(No such file"):
        read_manifest(tmp_path / "gone.csv")
    with pytest.raises(LayoutError, match=r"is a folder; a manifest is a CSV file"):
        read_manifest(tmp_path)


# -- writing -----------------------------------------------------------------------------------

words = st.text(
    st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=9
).filter(lambda text: text == text.strip())
names = st.text(
    st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=9
).filter(lambda text: text not in {".", ".."})
maybe = st.none() | words
labelled = st.builds(
    LabelledPicture,
    path=st.lists(names, min_size=1, max_size=3).map(lambda parts: Path("/data", *parts)),
    pid=words,
    camera=maybe,
    time=st.none() | st.datetimes(timezones=st.just(UTC)),
    tracklet=maybe,
    frame=st.none() | st.integers(0, 10**9),
    source=maybe,
    split=st.sampled_from([None, "training", "validation"]),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pictures=st.lists(labelled, min_size=1, max_size=5), inside=st.booleans())
def test_what_is_written_is_read_again(tmp_path, pictures, inside):
    if inside:
        pictures = [replace(p, path=tmp_path / p.path.relative_to("/data")) for p in pictures]
    write_manifest(tmp_path / "people.csv", pictures)
    reading = read_manifest(tmp_path / "people.csv")
    assert reading.failed == []
    assert reading.pictures == pictures


def test_a_written_manifest_moves_with_its_pictures_and_leaves_out_empty_columns(tmp_path):
    inside = LabelledPicture(path=tmp_path / "a/1.jpg", pid="7", camera="c1")
    outside = LabelledPicture(path=Path("/elsewhere/2.jpg"), pid="8")
    write_manifest(tmp_path / "people.csv", [inside, outside])
    text = (tmp_path / "people.csv").read_text()
    assert text == "path,pid,camera\na/1.jpg,7,c1\n/elsewhere/2.jpg,8,\n"


def test_an_unknown_split_is_listed(read):
    reading = read("path,pid,split\nx.jpg,1,training\ny.jpg,2,test\n")
    assert [p.split for p in reading.pictures] == ["training"]
    assert "split 'test' is unknown; it is training or validation" in reading.failed[0][1]

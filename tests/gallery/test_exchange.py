"""Exports of odd galleries, and imports of files that only look like exports."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reid_gallery.gallery.errors import LayoutError, StoreDamagedError
from reid_gallery.gallery.exchange import COLUMNS
from reid_gallery.gallery.extractor.models import use_model
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.figures import draw_figures

HEADER = ",".join(COLUMNS)
VECTOR = " ".join(["1"] + ["0"] * 15)
SHA = "ab" * 32


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a,b"], "line 2 doesn't have 8 fields"),
        ([f"a,b,,,,,external,{VECTOR},more"], "line 2 doesn't have 8 fields"),
        ([f"a,b,,,,zz,external,{VECTOR}"], "sha256"),
        ([f"a,b,,yesterday,,,external,{VECTOR}"], "yesterday"),
        ([f"a,b,,0001-01-01T00:00:00+14:00,,,external,{VECTOR}"], "years"),
        ([f" ,b,,,,,external,{VECTOR}"], "pid is empty"),
        ([f",b,,,,,external,{VECTOR}"], "pid is empty"),
        ([f"a\0,b,,,,,external,{VECTOR}"], "NUL"),
        ([f"a,b,,,,,,{VECTOR}"], "neither a sha256"),
        ([f"a,b,,,,,{SHA[:-1]},{VECTOR}"], "neither a sha256"),
        ([f"a,b,,,,,external,{VECTOR}", f"a,b,,,,,{SHA},{VECTOR}"], "several models"),
        (["a,b,,,,,external,one two"], "one"),
    ],
)
def test_a_csv_that_is_no_export_is_refused_and_nothing_is_stored(tmp_path, lines, words):
    (tmp_path / "all.csv").write_text("\n".join([HEADER, *lines]))
    with Gallery.open(tmp_path / "store") as gallery:
        with pytest.raises(LayoutError, match=words) as raised:
            gallery.import_(tmp_path / "all.csv")
        assert "all.csv" in str(raised.value)
        assert gallery.stats().model is None


@pytest.mark.parametrize(
    "column",
    [
        {"pid": [5]},
        {"pid": [b"\xff"]},
        {"pid": [None]},
        {"camera": [["list"]]},
        {"time": [datetime(2026, 5, 1, tzinfo=UTC)]},
        {"vector": [None]},
        {"vector": ["1 0"]},
        {"model": [None]},
    ],
)
def test_a_parquet_of_other_types_is_refused(tmp_path, column):
    row = {name: [None] for name in COLUMNS} | {"pid": ["a"], "model": ["external"]}
    row |= {"vector": [[1.0] + [0.0] * 15]} | column
    pq.write_table(pa.table(row), tmp_path / "all.parquet")
    with Gallery.open(tmp_path / "store") as gallery:
        with pytest.raises(LayoutError, match=r"all\.parquet"):
            gallery.import_(tmp_path / "all.parquet")
        assert gallery.stats().sightings == 0


def test_a_picture_twice_in_a_file_is_skipped_or_a_conflict(tmp_path):
    rows = [f"{pid},{pid}.jpg,,,,{SHA},external,{VECTOR}" for pid in ("a", "a", "b")]
    (tmp_path / "all.csv").write_text("\n".join([HEADER, *rows]))
    with Gallery.open(tmp_path / "store") as gallery:
        report = gallery.import_(tmp_path / "all.csv")
        assert (report.enrolled, report.skipped) == ((1,), ("a.jpg",))
        assert [(c.path, c.pid, c.enrolled_as) for c in report.conflicting] == [("b.jpg", "b", "a")]


def test_what_is_not_there_is_said(tmp_path):
    with Gallery.open(tmp_path / "store") as gallery:
        with pytest.raises(LayoutError, match=r"no\.csv: can't be read \(No such file"):
            gallery.import_(tmp_path / "no.csv")
        (tmp_path / "file").write_text("")
        with pytest.raises(LayoutError, match="there is no folder"):
            gallery.export(tmp_path / "file" / "all.csv")
        with pytest.raises(LayoutError, match="can't be written"):
            gallery.export(tmp_path / f"{'x' * 300}.csv")


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("emptied", [False, True])
def test_an_empty_gallery_is_exported_and_imported(tmp_path, ending, emptied):
    with Gallery.open(tmp_path / "store") as gallery:
        if emptied:
            gallery.enroll_embeddings(np.eye(4, dtype=np.float32)[:1], pids=["a"])
            gallery.remove(pid="a")
        assert gallery.export(tmp_path / f"all{ending}") == 0
    with Gallery.open(tmp_path / "copy") as copy:
        assert copy.import_(tmp_path / f"all{ending}").enrolled == ()


def test_a_vector_of_nobody_stops_the_export(tmp_path):
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll_embeddings(np.eye(4, dtype=np.float32)[:2], pids=["a", "b"])
        with gallery._store.connection.writing() as sqlite:
            sqlite.execute("DELETE FROM sightings WHERE id = 2")
        with pytest.raises(StoreDamagedError, match="vector 2 belongs to no sighting"):
            gallery.export(tmp_path / "all.csv")
        assert not list(tmp_path.glob("*all.csv*"))
        with pytest.raises(StoreDamagedError, match="vector 2 belongs to no sighting"):
            gallery.audit()


def test_nothing_is_lost_where_blocks_of_a_parquet_file_meet(tmp_path):
    count = 2 * 4096 + 5
    rows = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    with Gallery.open(tmp_path / "store") as gallery:
        gallery.enroll_embeddings(rows, pids=[f"p{number}" for number in range(count)])
        assert gallery.export(tmp_path / "all.parquet") == count
    with Gallery.open(tmp_path / "copy") as copy:
        copy.import_(tmp_path / "all.parquet")
        assert len(copy.identities()) == count


def test_an_imported_gallery_is_calibrated_as_its_model_is(tmp_path, tiny_calibrated, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "data"))
    drawn = draw_figures(tmp_path / "drawn", people=2, cameras=1, per_camera=1, seed=0)
    asked = drawn[0].path
    with Gallery.open(tmp_path / "store", model=tiny_calibrated) as gallery:
        gallery.enroll([asked], pid="a")
        gallery.export(tmp_path / "all.csv")
        assert gallery.query([asked])[0].known is not None
    with Gallery.open(tmp_path / "stranger", model=tiny_calibrated) as copy:
        copy.import_(tmp_path / "all.csv")  # it is of no model that has a name
        assert copy.query([asked])[0].known is None
        copy.enroll([drawn[1].path], pid="b")  # now the model is at hand
        assert copy.query([asked])[0].known is not None
    use_model(tiny_calibrated)
    with Gallery.open(tmp_path / "known") as copy:
        copy.import_(tmp_path / "all.csv")
        assert copy.query([asked])[0].known is not None


def test_an_export_that_a_spreadsheet_saved_is_imported(tmp_path):
    lines = [HEADER, f"a,,c1,,,,external,{VECTOR}"]
    (tmp_path / "all.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    with Gallery.open(tmp_path / "store") as gallery:
        assert len(gallery.import_(tmp_path / "all.csv").enrolled) == 1

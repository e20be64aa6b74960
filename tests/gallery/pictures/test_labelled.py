"""Labels of a picture, and times as people write them."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.errors import LayoutError
from reid_gallery.gallery.pictures.labelled import LabelledPicture, parse_time


@pytest.mark.parametrize("pid", ["", " ", "\t\n"])
def test_a_picture_needs_a_person(pid):
    with pytest.raises(LayoutError, match=r"a\.jpg: the pid is empty"):
        LabelledPicture(path=Path("a.jpg"), pid=pid)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01T12:30:00", datetime(2026, 5, 1, 12, 30, tzinfo=UTC)),
        ("2026-05-01 12:30", datetime(2026, 5, 1, 12, 30, tzinfo=UTC)),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T12:30:00Z", datetime(2026, 5, 1, 12, 30, tzinfo=UTC)),
        ("2026-05-01T12:30:00+02:00", datetime(2026, 5, 1, 10, 30, tzinfo=UTC)),
        ("2026-01-01T00:30:00.250+01:00", datetime(2025, 12, 31, 23, 30, 0, 250000, tzinfo=UTC)),
        ("20260501T123000", datetime(2026, 5, 1, 12, 30, tzinfo=UTC)),
        ("20260501", datetime(2026, 5, 1, tzinfo=UTC)),
        ("12345678", datetime(1970, 5, 23, 21, 21, 18, tzinfo=UTC)),
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1777638600", datetime(2026, 5, 1, 12, 30, tzinfo=UTC)),
        ("1777638600.5", datetime(2026, 5, 1, 12, 30, 0, 500000, tzinfo=UTC)),
        (" 12 ", datetime(1970, 1, 1, 0, 0, 12, tzinfo=UTC)),
        ("-1", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times(text, moment):
    parsed = parse_time(text)
    assert parsed == moment
    assert parsed.utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "12:30", "2026", "2026-13-01", "2026-02-30", "nan", "inf", "1e400",
     "01/05/2026", "1777638600000000", "1796061512345", "1777638600000.5", "20269901",
     "202605011230", "20260501123000",
     "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"],
)  # fmt: skip
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match="neither ISO 8601"):
        parse_time(text)


@given(st.datetimes(timezones=st.just(UTC) | st.timezones()))
def test_every_iso_time_with_a_zone_is_read_back(moment):
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        return
    assert parse_time(moment.isoformat()) == expected


@given(st.text(max_size=30))
def test_no_text_does_more_than_raise_value_error(text):
    with contextlib.suppress(ValueError):
        assert parse_time(text).tzinfo is UTC

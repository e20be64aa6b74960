import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.train.durations import parse_duration, say_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200), ("90m", 5400), ("1h30m", 5400), ("1.5h", 5400), ("45s", 45), ("1d 2h", 93600)],
)
def test_what_people_write(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2 hours", "-2h", "0m", "2h!", "2x", "nan"])
def test_what_is_no_length_of_time(text):
    with pytest.raises(ValueError, match=r"length of time|no time at all"):
        parse_duration(text)


@given(st.integers(1, 10**6))
def test_what_is_said_can_be_read(seconds):
    unit = 1 if seconds < 3600 else 60
    assert abs(parse_duration(say_duration(seconds)) - seconds) < unit

"""What is said on stderr stays on its line, and steers no terminal."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.commands.terminal import OneLine, say


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cam 1, Köln, 名", "cam 1, Köln, 名"),
        ("red\x1b[31m\nerror: no", "red\\x1b[31m\\nerror: no"),
        ("bell\a tab\t \u2028 \udcff", "bell\\x07 tab\\t \\u2028 \\udcff"),
    ],
)
def test_names_are_spelled_out(text, said, capsys):
    say(text)
    assert capsys.readouterr().err == said + "\n"


@given(name=st.text())
def test_a_warning_is_one_line_as_well(name):
    record = logging.LogRecord("reid_gallery", 30, "", 0, "there are %s", (name,), None)
    line = OneLine("warning: %(message)s").format(record)
    assert line.startswith("warning: there are ")
    assert line.isprintable()

"""Text that fits and never fails, whatever a pid holds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont
from reid_gallery.gallery.reports import lettering
from reid_gallery.gallery.reports.lettering import letter, load_font, shorten, wrap


def test_the_built_in_font_is_a_real_one():
    font = load_font(None, 15)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert load_font(None, 30).getlength("0042") == pytest.approx(
        2 * font.getlength("0042"), rel=0.1
    )


def test_a_missing_font_is_none():
    assert load_font("no such font.ttf", 15) is None


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0042", "0042"),
        ("anna-2 (b)", "anna-2 (b)"),
        (" two\nlines\t", "two?lines"),
        ("two\u2029paragraphs", "two?paragraphs"),
        ("nul\0", "nul?"),
        ("\udcff.jpg", r"\udcff.jpg"),
        ("", ""),
    ],
)
def test_what_is_written(text, written):
    assert letter(text, 15)[0] == written


def test_names_in_other_scripts_stay_apart_without_a_font_for_them(monkeypatch):
    monkeypatch.setattr(lettering, "_SYSTEM_FONTS", ())
    assert letter("张三", 15)[0] == r"\u5f20\u4e09"
    assert letter("张四", 15)[0] == r"\u5f20\u56db"
    assert letter("José", 15)[0] == r"Jos\xe9"


@settings(deadline=None)
@given(text=st.text(max_size=400), width=st.integers(30, 400), size=st.sampled_from([12, 15, 25]))
def test_any_text_is_shortened_to_fit_and_keeps_its_ends(text, width, size):
    written, font = letter(text, size)
    short = shorten(written, font, width)
    assert font.getlength(short) <= width
    if font.getlength(written) <= width:
        assert short == written
    else:
        cuts = [at for at in range(len(short)) if short.startswith("...", at)]
        # The text's own dots may stand beside the three that are put in.
        assert any(
            written.startswith(short[:at]) and written.endswith(short[at + 3 :]) for at in cuts
        )


def test_as_much_as_fits_is_kept():
    font = load_font(None, 15)
    name = "person_of_camera_0000000000000012"
    short = shorten(name, font, 120)
    assert short.startswith("person")
    assert short.endswith("0012")
    assert 105 < font.getlength(short) <= 120


def test_a_name_of_a_million_characters_costs_nothing():
    written, _ = letter("first" + "7" * 1_000_000 + "last", 15)
    assert len(written) <= 300
    assert written.startswith("first")
    assert written.endswith("last")


def test_lines_break_at_blanks_and_the_last_is_shortened():
    font = load_font(None, 13)
    assert wrap("one two", font, 500, 2) == ["one two"]
    assert wrap("", font, 500, 2) == []
    room = font.getlength("unknown (threshold")
    assert wrap("unknown (threshold 0.412)", font, room, 2) == ["unknown (threshold", "0.412)"]
    lines = wrap("a list of many words that goes on for very long indeed", font, 80, 2)
    assert len(lines) == 2
    assert all(font.getlength(line) <= 80 for line in lines)
    assert lines[0].startswith("a list")
    assert lines[1].endswith("eed")

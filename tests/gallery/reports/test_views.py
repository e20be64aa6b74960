"""What people read: verdicts, lines that are cut, and pids that would steer a terminal."""

import io
from dataclasses import replace

import pytest
from reid_gallery.gallery.reports.views import answer_view, identities_view, report_view
from reid_gallery.gallery.types import (
    Answer,
    Conflict,
    EnrollReport,
    Failure,
    Identity,
    Match,
    Sighting,
)
from rich.console import Console


def shown(view, width=100):
    out = io.StringIO()
    Console(file=out, width=width).print(view)
    return out.getvalue()


def an_answer(*, known, pid="anna"):
    match = Match(1, pid, 0.8125, Sighting(7, pid, path="crops/a.jpg", camera="c1"))
    threshold = None if known is None else 0.7
    return Answer(("who.jpg",), "0" * 64, known, threshold, (match,))


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (True, "who.jpg: this is anna (threshold 0.700)"),
        (False, "who.jpg: unknown"),
        (None, "who.jpg: not calibrated, or not for such scores, to say who is unknown"),
    ],
)
def test_the_verdict_is_said_in_words(known, words):
    text = shown(answer_view(an_answer(known=known)))
    assert text.startswith(words)
    assert "0.812" in text
    assert "7 a.jpg" in text


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.001, ", first match is right with under 1 %"), (0.8, ", though the first match is right")],
)
def test_a_stranger_is_not_talked_into_somebody(probability, words):
    answer = replace(an_answer(known=False), probability=probability)
    assert f"(below the threshold 0.700{words}" in shown(answer_view(answer))


def test_on_a_narrow_terminal_a_score_stays_in_one_piece():
    text = shown(answer_view(an_answer(known=True, pid="anna-katharina von der Heide")), width=40)
    assert "0.812" in text
    assert max(map(len, text.splitlines())) <= 40


def test_nobody_matches():
    assert "nobody" in shown(answer_view(Answer(("who.jpg",), "", None, None, ())))


def test_filters_that_nobody_passes_are_not_taken_for_a_stranger():
    text = shown(answer_view(Answer(("who.jpg",), "", False, 0.7, ())))
    assert (
        text.strip()
        == "who.jpg: unknown (threshold 0.700); nobody passes the filters or the lowest score"
    )


def test_a_pid_is_neither_markup_nor_a_command_to_the_terminal():
    people = [
        Identity("[red]x[/red]", 1, (), None, None),
        Identity("\x1b[2Jgone", 1, (), None, None),
        Identity("two\nlines", 1, (), None, None),
    ]
    text = shown(identities_view(people))
    assert "two\\nlines" in text
    conflict = EnrollReport(conflicting=(Conflict("a.jpg", "two\nlines", "b", 1),))
    assert "conflict: a.jpg is enrolled as b, not two\\nlines" in shown(report_view(conflict))
    assert "[red]x[/red]" in text
    assert "\x1b" not in text
    assert "\\x1b[2Jgone" in text


def test_many_failures_are_cut_and_counted():
    report = EnrollReport(failed=tuple(Failure(f"{n}.jpg", f"{n}.jpg: bad") for n in range(50)))
    text = shown(report_view(report))
    assert "failed 50" in text
    assert "... and 30 more" in text
    assert text.count("failed: ") == 20

"""The progress of a long command: one line on a terminal, nothing elsewhere."""

import io
import sys

from reid_gallery.gallery.commands.terminal import show_progress
from reid_gallery.gallery.waits import WaitsProgress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_sees_what_is_done_how_fast_and_the_bottleneck(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with show_progress(100) as progress:
        assert isinstance(progress, WaitsProgress)
        progress.waits_for("database")
        progress(40)
    shown = sys.stderr.getvalue()
    assert "40/100" in shown
    assert "/s" in shown
    assert "bottleneck: database" in shown


def test_elsewhere_there_is_nothing_to_see(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with show_progress(100) as progress:
        progress(40)
    assert sys.stderr.getvalue() == ""

"""The table that ``make bench`` ends with: what counts as met, and what is said of a miss."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def rows(monkeypatch):
    """The module; the programs beside it are run, not installed."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import rows

    yield rows
    sys.modules.pop("rows")
    sys.modules.pop("sides")


@pytest.fixture
def row_of(rows):
    """``row_of(ours, aim)``: a row with a floor of 10 ms."""

    def make(ours, aim, *, size=30_000):
        return rows.Row(
            what="a query", size=size, floor=10, ours=ours, unit="ms", aim=aim, why="it is slow"
        )

    return make


@pytest.mark.parametrize(
    ("limits", "ours", "verdict"),
    [
        ({"most": 1.25}, 12.5, "met"),
        ({"most": 1.25}, 12.6, "missed"),
        ({"least": 0.95}, 9.5, "met"),
        ({"least": 0.95}, 9.4, "missed"),
        ({"most": 50, "of": "ours"}, 50, "met"),
        ({"most": 0.05, "size": 1_000_000}, 3, "(missed)"),
        ({"most": 0.35, "size": 1_000_000}, 3, "(met)"),
        ({"most": 1}, float("nan"), "missed"),
    ],
)
def test_an_aim_is_met_or_missed_and_bracketed_below_its_size(rows, row_of, limits, ours, verdict):
    assert row_of(ours, rows.Aim(**limits)).verdict == verdict


def test_a_row_without_an_aim_only_informs(row_of):
    assert row_of(12, None).verdict == ""


def test_an_aim_needs_a_cause_for_missing_it(rows):
    with pytest.raises(AssertionError, match="no cause"):
        rows.Row(what="a", size=1, floor=1, ours=2, unit="s", aim=rows.Aim(most=1))


def test_rows_are_handed_over_and_come_back(rows, row_of, tmp_path, monkeypatch, capsys):
    file = tmp_path / "rows.jsonl"
    monkeypatch.setenv(rows.FILE, str(file))
    told = [row_of(12, None), row_of(3, rows.Aim(most=0.35, size=1_000_000))]
    for row in told:
        rows.tell(row)
    assert rows.read_rows(file) == told
    assert "<= 0.35 at 1,000,000" in capsys.readouterr().out


def test_a_miss_is_named_with_its_cause_once(rows, row_of):
    aim = rows.Aim(most=1.0)
    far = row_of(40, rows.Aim(most=1, size=1_000_000))
    text = rows.table([row_of(20, aim), row_of(30, aim, size=100_000), row_of(5, aim)])
    assert text.count("- a query: it is slow") == 1
    assert "| a query | 100,000 | 10 ms | 30 ms | 3 |  | <= 1 | missed |" in text
    assert "In brackets" not in text
    assert "Missed" not in rows.table([row_of(5, aim), far])

"""The table that ``make bench`` ends with: what counts as met, and what is said of a miss.

And what the programs work out of what they measure.
"""

import ast
import importlib
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def program(monkeypatch):
    """``program("rows")``: the module; the programs are run, not installed."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (BENCHMARKS / f"{name}.py").exists():
            sys.modules.pop(name)


@pytest.fixture
def rows(program):
    return program("rows")


@pytest.fixture
def row_of(rows):
    """``row_of(ours, aim)``: a row with a floor of 10 ms."""

    def make(ours, aim, *, size=30_000):
        return rows.Row(
            what="a query", size=size, floor=10, ours=ours, unit="ms", aim=aim, why="it is slow"
        )

    return make


@pytest.mark.parametrize("file", sorted(BENCHMARKS.glob("*.py")), ids=lambda file: file.stem)
def test_what_a_program_imports_of_the_package_is_there(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reid_gallery"):
            module = importlib.import_module(node.module)
            for name in node.names:
                if not hasattr(module, name.name):
                    importlib.import_module(f"{node.module}.{name.name}")


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


def test_a_miss_below_the_aims_size_is_named_where_nothing_larger_was_measured(rows, row_of):
    aim = rows.Aim(most=1, size=1_000_000)
    assert "- a query: it is slow" in rows.table([row_of(20, aim)])
    text = rows.table([row_of(20, aim), row_of(5, aim, size=1_000_000)])
    assert "Missed" not in text
    text = rows.table([row_of(20, aim), row_of(20, aim, size=1_000_000)])
    assert text.count("- a query: it is slow") == 1


def test_rare_cameras_are_scattered_and_half_of_the_cameras_have_half(program):
    bulk, asking = program("bulk"), program("index_asking")
    cameras = [bulk.camera_of(row) for row in range(100_000)]
    seen = Counter(cameras)
    assert seen[bulk.RAREST] == 10
    assert seen[bulk.RARE] == 990
    assert sum(seen[camera] for camera in asking.half_of_cameras(0)) == 50_000
    assert len({tuple(sorted(asking.half_of_cameras(n))) for n in range(bulk.CAMERAS)}) == 20
    apart = np.diff([row for row, camera in enumerate(cameras) if camera == bulk.RAREST])
    assert set(apart.tolist()) == {10_000}


def test_a_line_goes_through_the_two_largest_sizes(program):
    pytest.importorskip("matplotlib")
    line_through = program("growth_plot").line_through
    assert line_through([1, 10, 20], [99, 12, 22]) == (2, 1)
    assert line_through([10, 20], [5, 20]) == (0, 1)  # no cost is negative
    assert line_through([10, 20], [7, 6]) == (6, 0)


def test_the_parts_of_a_query_are_apart_and_add_up(program, monkeypatch):
    parts = program("query_parts")

    class Work:
        def outer(self):
            time.sleep(0.02)
            self.inner()

        def inner(self):
            time.sleep(0.04)

    monkeypatch.setattr(parts, "PARTS", {"out": ((Work, "outer"),), "in": ((Work, "inner"),)})
    inner = Work.inner
    work, started = Work(), time.perf_counter()
    taken = parts.time_parts(lambda run: work.outer(), 1)
    assert Work.inner is inner
    assert taken["out"] >= 19
    assert taken["in"] >= 39
    assert sum(taken.values()) <= 1000 * (time.perf_counter() - started)
    assert parts.in_words({"a": 1.0, "b": 3.0}, 1000) == "of 4 ms among 1,000: b 3, a 1"

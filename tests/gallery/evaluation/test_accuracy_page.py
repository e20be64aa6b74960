"""docs/accuracy.md keeps to what the program does."""

import re
from pathlib import Path

import pytest
import typer
from reid_gallery.cli import build_app
from reid_gallery.gallery.evaluation.protocols import PROTOCOLS

PAGE = Path(__file__).parents[3] / "docs" / "accuracy.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_example_on_arrays_runs(capsys: pytest.CaptureFixture[str]) -> None:
    [block] = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
    exec(compile(block, str(PAGE), "exec"), {})
    said = capsys.readouterr().out
    assert "Difference(value=0." in said
    assert "(200, 200)" in said
    assert "verification, cross-view" in said


def test_every_protocol_is_told() -> None:
    rows = re.findall(r"^\| ([a-z0-9, -]+) \| ", TEXT, flags=re.MULTILINE)
    assert set(PROTOCOLS) <= {name for row in rows for name in row.split(", ")}


def test_its_options_exist() -> None:
    command = typer.main.get_command(build_app()).commands["evaluate"]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT))
    assert named <= known

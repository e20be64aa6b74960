"""The README's code blocks run, as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from reid_gallery.gallery.figures import draw_figures

README = Path(__file__).parent.parent / "README.md"


def blocks(language):
    text = README.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "figures"
    return draw_figures(folder, people=20, cameras=2, per_camera=2, seed=5)


@pytest.fixture
def place(tmp_path, drawn):
    """A folder with the files that the README speaks of."""
    by_person = {}
    for picture in drawn:
        by_person.setdefault(picture.pid, []).append(picture.path)
    for number, path in enumerate(by_person["p000"]):
        copy(path, tmp_path / "door" / f"{number}.jpg")
    for number, path in enumerate(by_person["p001"]):
        copy(path, tmp_path / "DIR" / f"0002_c1s1_00{number}451_01.jpg")
    for number, path in enumerate(by_person["p002"]):
        copy(path, tmp_path / "walk" / f"{number}.jpg")
    copy(by_person["p003"][0], tmp_path / "unknown.jpg")
    copy(by_person["p004"][0], tmp_path / "more" / "person-17" / "0.jpg")
    return tmp_path


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def test_the_shell_block_runs(place):
    (block,) = blocks("console")
    commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    assert len(commands) == 12
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "REID_GALLERY_STORE": str(place / "store")}
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert (place / "sheet.png").stat().st_size > 10_000


def test_the_python_blocks_run(place):
    draw_figures(place / "crops", people=4, cameras=2, per_camera=2, seed=1)
    for block in blocks("python"):
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=place, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (block, done.stderr)


def test_every_file_that_the_readme_links_is_there():
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert links
    for link in links:
        assert (README.parent / link).exists(), link

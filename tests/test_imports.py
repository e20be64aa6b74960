"""Imports point one way: cli → train → gallery → index; and everyday commands stay light."""

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TRAINING = {"torch", "timm", "albumentations", "cv2", "accelerate", "sklearn"}
HEAVY = TRAINING | {"matplotlib", "scipy", "pyarrow", "onnx"}
BELOW = {"index": set(), "gallery": {"index"}, "train": {"gallery", "index"}}


def imports_of(file: Path) -> list[tuple[str, bool]]:
    """Every module that a file imports, as an absolute name, and whether it is at the top level."""
    package = ["reid_gallery", *file.relative_to(ROOT).parts[:-1]]
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(tree):
        top = node in tree.body
        if isinstance(node, ast.Import):
            found += [(alias.name, top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += [(f"{module}.{alias.name}", top) for alias in node.names]
    return found


@pytest.mark.parametrize("room", BELOW)
def test_a_room_imports_only_itself_and_what_is_below(room):
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    for file in files:
        for name, _ in imports_of(file):
            parts = name.split(".")
            if parts[0] == "reid_gallery" and len(parts) > 1:
                assert parts[1] in {room} | BELOW[room], f"{file.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("room", ["index", "gallery"])
def test_the_product_never_imports_training_libraries_and_no_heavy_one_early(room):
    for file in (ROOT / room).rglob("*.py"):
        for name, top in imports_of(file):
            forbidden = HEAVY if top else TRAINING
            assert name.split(".")[0] not in forbidden, f"{file.relative_to(ROOT)} imports {name}"


def test_the_command_line_imports_train_only_inside_its_command():
    for name, top in imports_of(ROOT / "cli.py"):
        assert not (top and name.startswith("reid_gallery.train")), name


@pytest.mark.parametrize(
    "commands",
    [
        [["--help"]],
        [["figures", "drawn", "--people", "3", "--cameras", "2", "--per-camera", "1"],
         ["enroll", "--store", "store", "drawn"],
         ["query", "--store", "store", "drawn", "--sheet", "sheet.png"],
         ["list", "--store", "store"],
         ["rebuild", "--store", "store"]],
    ],
    ids=["help", "work"],
)  # fmt: skip
def test_everyday_commands_load_no_training_library(tmp_path, commands):
    code = (
        "import sys\n"
        "from reid_gallery.cli import run\n"
        f"for arguments in {commands!r}:\n"
        "    try:\n        assert run(arguments) == 0, arguments\n"
        "    except SystemExit as stop:\n        assert not stop.code, arguments\n"
        f"loaded = {HEAVY!r} & {{name.split('.')[0] for name in sys.modules}}\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_loads_no_numpy():
    code = "import sys, reid_gallery.cli; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_query_loads_only_what_it_needs(tmp_path):
    """What looks after a gallery, and large parts of numpy, would each add to every cold query."""
    code = (
        "import sys\n"
        "from reid_gallery.cli import run\n"
        "assert run(sys.argv[1:]) == 0\n"
        "print(*sys.modules, sep='\\n')\n"
    )

    def modules_of(*arguments: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return set(done.stdout.splitlines())

    modules_of("figures", "drawn", "--people", "3", "--cameras", "2", "--per-camera", "1")
    modules_of("enroll", "--store", "store", "drawn")
    loaded = modules_of("query", "--store", "store", "drawn/p000/cam1_1.jpg")
    assert "reid_gallery.gallery.asking" in loaded
    rooms = ("health.audit", "evaluation", "exchange", "verifying", "rebuilding", "reranked")
    unneeded = {f"reid_gallery.gallery.{name}" for name in rooms} | {"numpy.ma", "numpy.random"}
    assert all(find_spec(name) for name in unneeded)
    assert not loaded & (unneeded | {"importlib.resources"})

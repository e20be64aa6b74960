"""Nothing is told to anybody: ONNX Runtime's reports to its makers are off before it is loaded."""

import os
import subprocess
import sys
from pathlib import Path

ASK = """
import numpy as np
from reid_gallery.gallery.extractor import Extractor, resolve_model

model = Extractor.load(resolve_model(None))
model.embed_fitted(np.zeros((1, 256, 128, 3), np.uint8))
"""


def files_left_at_home(home: Path, **settings: str) -> list[str]:
    """What a process leaves in a home of its own, beside our cache."""
    # On a builder the reports are off by themselves, and the test would say nothing.
    names = {"HOME", "XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY", "CI", "TF_BUILD", "GITHUB_ACTIONS"}
    kept = {name: value for name, value in os.environ.items() if name not in names}
    environment = kept | {"HOME": str(home)} | settings
    subprocess.run([sys.executable, "-c", ASK], env=environment, check=True)
    found = [path.relative_to(home) for path in home.rglob("*") if path.is_file()]
    return sorted(p.as_posix() for p in found if "reid-gallery" not in p.parts)


def test_a_model_leaves_nothing_at_home_and_reports_to_nobody(tmp_path):
    assert files_left_at_home(tmp_path) == []


def test_whoever_wants_the_reports_can_have_them():
    code = "import reid_gallery, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for wanted, found in (({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")):
        kept = {n: v for n, v in os.environ.items() if n != "ORT_DISABLE_TELEMETRY"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=kept | wanted, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert done.stdout.strip() == found

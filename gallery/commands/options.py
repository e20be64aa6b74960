"""Options that several commands share, and the exit codes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DONE, FAILED, USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130


class Pooling(StrEnum):
    """How an identity's sightings make one score."""

    max = "max"
    mean = "mean"
    centroid = "centroid"


class IndexKind(StrEnum):
    """What answers: see docs/performance.md."""

    auto = "auto"
    flat = "flat"
    certified = "certified"
    two_stage = "two-stage"


Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        envvar="REID_GALLERY_STORE",
        help="The gallery's directory.",
        show_default="reid-gallery in the user's data directory",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option("--model", help="An extractor's ONNX file; by default the store's own."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, an object a line.")]
Wait = Annotated[float, typer.Option("--wait", help="Seconds to wait for another writer.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before deleting for good.")]
Paths = Annotated[
    list[str], typer.Argument(help="Files, folders, quoted patterns; - reads paths from stdin.")
]

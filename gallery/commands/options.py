"""Options that several commands share, and the exit codes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..errors import LayoutError, ModelError, ReportError
from ..store.directory import ENVIRONMENT

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


# What a number can't be is wrong usage. Typer's own min and max would let NaN pass, and take the
# ends of a range for parts of it.


def check_fpir(fpir: float) -> float:
    """Take a share of strangers: neither none, nor all."""
    if not 0 < fpir < 1:
        raise typer.BadParameter(f"give a share between 0 and 1, like 0.01, not {fpir:g}")
    return fpir


def check_part(share: float) -> float:
    """Take a share that leaves something of the whole."""
    if not 0 <= share < 1:
        raise typer.BadParameter(f"give a share from 0 to below 1, like 0.1, not {share:g}")
    return share


def check_score(score: float | None) -> float | None:
    """Take a cosine."""
    if score is not None and not -1 <= score <= 1:
        raise typer.BadParameter(f"a score is a cosine; give one from -1 to 1, not {score:g}")
    return score


def check_seconds(seconds: float) -> float:
    """Take a length of time."""
    if not seconds >= 0:
        raise typer.BadParameter(f"give seconds, 0 or more, not {seconds:g}")
    return seconds


def check_png(path: Path | None) -> Path | None:
    """Take where a picture can be written."""
    from ..reports.png import check_png_path

    try:
        if path is not None:
            check_png_path(path)
    except ReportError as error:
        raise typer.BadParameter(str(error)) from error
    return path


Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        envvar=ENVIRONMENT,
        help="The gallery's directory.",
        show_default="reid-gallery in the user's data directory",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        help="An extractor: a file or a name of model list; by default the store's own.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, an object a line.")]
Wait = Annotated[
    float,
    typer.Option("--wait", callback=check_seconds, help="Seconds to wait for another writer."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before deleting for good.")]
Sheet = Annotated[
    Path | None,
    typer.Option("--sheet", callback=check_png, help="Write a contact sheet, a PNG."),
]
Layouts = Annotated[
    list[str] | None, typer.Option(help="Of each folder, in their order; folders by default.")
]
Paths = Annotated[
    list[str], typer.Argument(help="Files, folders, quoted patterns; - reads paths from stdin.")
]


def pair_layouts(data: list[Path], layouts: list[str]) -> list[tuple[Path, str]]:
    """Give each folder its layout: its own, or the one for all."""
    if len(layouts) not in {0, 1, len(data)}:
        raise typer.BadParameter(f"{len(data)} sources but {len(layouts)} --layout; give one each")
    of_each = layouts if len(layouts) == len(data) else (layouts or ["folders"]) * len(data)
    return list(zip(data, of_each, strict=True))


def part_paths(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """Part models from data: folders and CSV files are data, other files and names are models.

    Raises:
        LayoutError: one is neither there nor the name of a model.
    """
    from ..pictures.manifest import is_manifest

    models, data = [], []
    for path in paths:
        if path.is_dir() or is_manifest(path):
            data.append(path)
        elif path.exists() or _is_model_name(path):
            models.append(path)
        else:
            raise LayoutError(f"{path}: no such model (file or name), folder or manifest")
    return models, data


def part_model(paths: list[Path]) -> tuple[Path | None, list[Path]]:
    """Part the one model from data, where there may be one.

    Raises:
        LayoutError: see `part_paths`.
    """
    models, data = part_paths(paths)
    if len(models) > 1:
        raise typer.BadParameter(f"{models[1]}: name one model, not {len(models)}")
    return (models[0] if models else None), data


def _is_model_name(path: Path) -> bool:
    from ..extractor import resolve_model

    try:
        return bool(resolve_model(path))
    except ModelError:
        return False

"""What is known of models, for people and as JSON."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..extractor.checking import ModelCheck, ModelFinding
from ..extractor.models import KnownModel

Record = dict[str, Any]


def models_view(known: Sequence[KnownModel]) -> Table:
    """A line a model; a star marks the one that new stores are made with."""
    table = Table("", "name", "sha256", "file", box=box.SIMPLE_HEAD)
    for model in known:
        table.add_row(
            "*" if model.chosen else "",
            Text(model.name),
            model.sha256[:12],
            Text(str(model.path)),
        )
    return table


def models_record(known: Sequence[KnownModel]) -> list[Record]:
    """An object a model: ``reid-gallery/model/1``."""
    return [
        {
            "schema": "reid-gallery/model/1",
            "name": model.name,
            "path": str(model.path),
            "sha256": model.sha256,
            "shipped": model.shipped,
            "chosen": model.chosen,
        }
        for model in known
    ]


def model_check_view(check: ModelCheck) -> Group:
    """The model, a line a finding, and its speed."""
    speeds = ", ".join(
        f"{speed:.1f} at batch {size}" for size, speed in check.pictures_per_s.items()
    )
    unknown = "can tell the unknown" if check.calibrated else "can't tell the unknown"
    lines = [
        f"{check.name}: {check.dim} dimensions, {check.megabytes:.1f} MB, {unknown}",
        f"{check.path}, sha256 {check.sha256[:12]}...; licence: {check.licence}",
        *map(_line, check.findings),
        f"pictures a second on this machine now: {speeds or 'not measured'}",
    ]
    return Group(*(Text(line) for line in lines))


def model_check_record(check: ModelCheck) -> Record:
    """One object: ``reid-gallery/model-check/1``."""
    return {
        "schema": "reid-gallery/model-check/1",
        "path": str(check.path),
        "sha256": check.sha256,
        "name": check.name,
        "dim": check.dim,
        "megabytes": round(check.megabytes, 3),
        "licence": check.licence,
        "calibrated": check.calibrated,
        "sound": check.sound,
        "findings": [
            {"what": f.what, "problem": f.problem or None, "skipped": f.skipped or None}
            for f in check.findings
        ],
        "pictures_per_s": {str(k): round(v, 1) for k, v in check.pictures_per_s.items()},
    }


def _line(finding: ModelFinding) -> str:
    if finding.problem:
        return f"  WRONG    {finding.what}: {finding.problem}"
    if finding.skipped:
        return f"  skipped  {finding.what}: {finding.skipped}"
    return f"  right    {finding.what}"

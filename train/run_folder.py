"""What lies in a run's folder beside its checkpoints: the description and the logs."""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..gallery.errors import TrainingError
from .config import TrainConfig, parse_config

DESCRIPTION = "run.json"
METRICS = "metrics.jsonl"
LAST = "last.safetensors"
"""The checkpoint to resume from."""
BEST = "best.safetensors"
"""The checkpoint to export."""
MODEL = "model.onnx"

DEFAULT_LICENCE = "research use only unless you own the training pictures"


@dataclass(frozen=True, slots=True)
class RunData:
    """What `train` was given beside the configuration, kept for `resume`.

    Attributes:
        sources: (folder or manifest, layout) each.
        teacher: an ``.npz`` of a teacher's embeddings.
        name: of the model; empty for the run folder's.
        licence: note on who may use the model for what.
    """

    sources: tuple[tuple[Path, str], ...]
    teacher: Path | None = None
    name: str = ""
    licence: str = DEFAULT_LICENCE


def make_folder(out: Path) -> None:
    """Make the folder of a new run.

    Raises:
        TrainingError: there is a run in it already, or it can't be made.
    """
    if (out / LAST).exists() or (out / DESCRIPTION).exists():
        raise TrainingError(f"{out}: holds a run already; go on with train --resume {out}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{out}: can't be made ({error.strerror or error})") from error


def write_description(out: Path, config: TrainConfig, data: RunData) -> None:
    """Write what `read_description` needs to go on with the run."""
    tree = {
        "config": asdict(config),
        "sources": [[str(folder.resolve()), layout] for folder, layout in data.sources],
        "teacher": str(data.teacher.resolve()) if data.teacher else None,
        "name": data.name,
        "licence": data.licence,
    }
    (out / DESCRIPTION).write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8")


def read_description(out: Path) -> tuple[TrainConfig, RunData]:
    """Read what a run was started with.

    Raises:
        TrainingError: there is no run in the folder.
        ConfigError: its configuration was edited and has mistakes.
    """
    path = out / DESCRIPTION
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        data = RunData(
            sources=tuple((Path(folder), layout) for folder, layout in tree["sources"]),
            teacher=Path(tree["teacher"]) if tree["teacher"] else None,
            name=tree.get("name", ""),
            licence=tree.get("licence", DEFAULT_LICENCE),
        )
        config = tree["config"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{out}: holds no run to resume ({error})") from error
    return parse_config(config, where=str(path)), data


def write_metrics(out: Path, record: Mapping[str, Any]) -> None:
    """Append one record to the run's metrics; a resumed run may repeat some steps."""
    with (out / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def log(line: str) -> None:
    """Say something on stderr, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)

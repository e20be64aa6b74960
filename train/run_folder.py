"""What lies in a run's folder beside its checkpoints.

| file | what |
|---|---|
| ``config.toml`` | the whole configuration; ``resume`` reads it |
| ``run.json`` | what was trained on: sources, teacher, name, licence, the data's fingerprint |
| ``metrics.jsonl`` | what happened, a record a line, see `read_metrics` |
| ``last.safetensors`` | the checkpoint to resume from |
| ``best.safetensors`` | the checkpoint to export |
| ``model.onnx`` | the extractor |
| ``model-int8.onnx`` | the same in 8 bits, if it was asked for |
| ``teacher.npz`` | a teacher's embeddings of the training pictures, where a model gave them |
| ``report/`` | ``report.md`` and its pictures, made at the end |
| ``lock`` | held by the process that trains |
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..gallery.atomic import replacing
from ..gallery.errors import StoreBusyError, TrainingError
from ..gallery.filelock import file_lock
from .config import TrainConfig, load_config
from .toml_text import to_toml

CONFIG = "config.toml"
DESCRIPTION = "run.json"
METRICS = "metrics.jsonl"
LAST = "last.safetensors"
BEST = "best.safetensors"
MODEL = "model.onnx"
INT8_MODEL = "model-int8.onnx"
LOCK = "lock"
TEACHER = "teacher.npz"

DEFAULT_LICENCE = "research use only unless you own the training pictures"


@dataclass(frozen=True, slots=True)
class RunData:
    """What `train` was given beside the configuration, kept for `resume`.

    Attributes:
        sources: (folder or manifest, layout) each.
        teacher: a model, ``.onnx``, or an ``.npz`` of its embeddings.
        name: of the model; empty for the run folder's.
        licence: note on who may use the model for what.
        unlabelled: folders of pictures of whoever; the teacher alone speaks of them.
    """

    sources: tuple[tuple[Path, str], ...]
    teacher: Path | None = None
    name: str = ""
    licence: str = DEFAULT_LICENCE
    unlabelled: tuple[Path, ...] = ()


def make_folder(out: Path) -> None:
    """Make the folder of a new run.

    Raises:
        TrainingError: there is a run in it already, or it can't be made.
    """
    if any((out / name).exists() for name in (LAST, DESCRIPTION, CONFIG)):
        raise TrainingError(f"{out}: holds a run already; go on with train --resume {out}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{out}: can't be made ({error.strerror or error})") from error


@contextmanager
def only_run_in(out: Path) -> Iterator[None]:
    """Keep other processes from training in the folder; a dead one keeps nobody away.

    Raises:
        TrainingError: another process trains in it.
    """
    try:
        with file_lock(out / LOCK, wait_s=0, doing="training"):
            yield
    except StoreBusyError as error:
        raise TrainingError(
            f"{out}: another process is training in this folder; wait for it, or stop it first"
        ) from error


# -- the description -----------------------------------------------------------------------------


def write_description(
    out: Path, config: TrainConfig, data: RunData, *, fingerprint: str = ""
) -> None:
    """Write what `read_description` needs to go on with the run.

    Raises:
        TrainingError: it can't be written.
    """
    tree = {
        "sources": [[str(folder.resolve()), layout] for folder, layout in data.sources],
        "teacher": str(data.teacher.resolve()) if data.teacher else None,
        "name": data.name,
        "licence": data.licence,
        "unlabelled": [str(folder.resolve()) for folder in data.unlabelled],
        "fingerprint": fingerprint,
    }
    title = f"# The whole configuration of this run; train --resume {out} reads it.\n\n"
    try:
        with replacing(out / CONFIG) as file:
            file.write_text(title + to_toml(asdict(config)), encoding="utf-8")
        with replacing(out / DESCRIPTION) as file:  # the last: with it there is a run
            file.write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"{out}: can't be written ({error.strerror or error})") from error


def read_description(out: Path) -> tuple[TrainConfig, RunData]:
    """Read what a run was started with.

    Raises:
        TrainingError: there is no run in the folder.
        ConfigError: its configuration was edited and has mistakes.
    """
    tree = _read_tree(out)
    try:
        data = RunData(
            sources=tuple((Path(folder), layout) for folder, layout in tree["sources"]),
            teacher=Path(tree["teacher"]) if tree["teacher"] else None,
            name=tree.get("name", ""),
            licence=tree.get("licence", DEFAULT_LICENCE),
            unlabelled=tuple(map(Path, tree.get("unlabelled", ()))),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"{out}: holds no run to resume ({error})") from error
    return load_config(out / CONFIG), data


def read_fingerprint(out: Path) -> str:
    """The fingerprint of the data that the run in ``out`` began with; empty where unknown."""
    return str(_read_tree(out).get("fingerprint", ""))


def _read_tree(out: Path) -> dict[str, Any]:
    path = out / DESCRIPTION
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        lacking = f"holds no run (no {DESCRIPTION})" if out.is_dir() else "there is no such folder"
        raise TrainingError(f"{out}: {lacking}; name the folder that train --out made") from error
    except OSError as error:
        raise TrainingError(f"{path}: can't be read ({error.strerror or error})") from error
    except ValueError as error:
        raise TrainingError(
            f"{path}: is damaged ({error}); bring it back from a backup, or train anew"
        ) from error
    if not isinstance(tree, dict):
        raise TrainingError(f"{out}: holds no run to resume ({DESCRIPTION} is no table)")
    return tree


# -- the metrics ---------------------------------------------------------------------------------


def write_metrics(out: Path, record: Mapping[str, Any]) -> None:
    """Append one record; see `read_metrics`.

    Raises:
        TrainingError: it can't be written (a full disk).
    """
    path = out / METRICS
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
    except OSError as error:
        raise TrainingError(
            f"{path}: can't be written ({error.strerror or error}); make room, then go on with "
            f"train --resume {out}"
        ) from error


def read_metrics(out: Path) -> list[dict[str, Any]]:
    """Read what happened in a run, in order.

    Every record has ``epoch``, ``step`` (both from 0, of the steps done) and ``seconds`` (of the
    run so far, all its parts together). There are two kinds:

    - of training, the means since the one before: ``losses`` (each part's own value, unweighted,
      and ``total``, the weighted sum), ``learning_rate``, ``gradient_norm`` (before clipping),
      ``scale`` (the head's, only for heads that have one), ``pictures_per_s``, ``waiting_share``
      (of the time, for data, in [0, 1]), ``height`` and ``width`` of the input, ``phase`` (from 0),
      ``batch`` (done in this epoch);
    - of validation, at the end of an epoch: ``validation``, with ``map``, ``rank1`` and what else
      `ValidationResult` has. Its ``epoch`` counts the epochs done.

    A line that was torn when the machine stopped is left out. Records of runs from before there
    were ``losses`` are given the same form; ``step`` and ``seconds`` may be missing in them.
    """
    path = out / METRICS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [record for line in lines if (record := _parse_record(line)) is not None]


_NO_LOSSES = {
    *("epoch", "batch", "step", "pictures_per_s", "waiting_share", "seconds", "learning_rate"),
    *("losses", "validation"),
}


def _parse_record(line: str) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    if "losses" in record or "validation" in record:
        return record
    losses = {name: value for name, value in record.items() if name not in _NO_LOSSES}
    others = {name: value for name, value in record.items() if name in _NO_LOSSES}
    return {**others, "losses": losses}


def metrics_bytes(out: Path) -> int:
    """How long the metrics are now."""
    path = out / METRICS
    return path.stat().st_size if path.is_file() else 0


def cut_metrics(out: Path, length: int) -> None:
    """Forget what came after the checkpoint that a run goes on from."""
    if metrics_bytes(out) > length:
        with (out / METRICS).open("r+b") as file:
            file.truncate(length)

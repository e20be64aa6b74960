"""Training in one call: start or resume a run, and leave an extractor in its folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..gallery.errors import TrainingError
from ..gallery.pictures.read import read_crop
from .calibration import calibrate
from .checkpoint import read_state
from .config import TrainConfig, load_config, recipe_path
from .datasets import Split, TrainingPicture, split_people
from .export import export_model
from .loop import Run, resume_run, start_run
from .run_folder import BEST, DEFAULT_LICENCE, MODEL, RunData, log, read_description

_CHECKED = 8
"""Real pictures that an export is checked on."""


def train(
    *,
    sources: Sequence[tuple[Path, str]],
    out: Path,
    recipe: str | Path | TrainConfig = "cpu",
    teacher: Path | None = None,
    name: str = "",
    licence: str = DEFAULT_LICENCE,
) -> Path:
    """Train an extractor and export it.

    Args:
        sources: (folder or CSV manifest, layout) each.
        out: folder of the run, made if need be; holds checkpoints, metrics and the model.
        recipe: a shipped recipe's name, a TOML file, or a configuration.
        teacher: an ``.npz`` with a teacher's embeddings of the pictures, see `load_teacher`.
        name: of the model; the folder's name by default.
        licence: note on who may use it for what.

    Returns:
        The extractor's file, ``out/model.onnx``.

    Raises:
        TrainingError: there is a run in ``out`` already, or the run can't go on.
        ConfigError: the recipe has mistakes.
        LayoutError: the sources don't have the layouts they were said to have.
    """
    config = recipe if isinstance(recipe, TrainConfig) else load_config(recipe_path(str(recipe)))
    data = RunData(tuple(sources), teacher, name, licence)
    return _finish(start_run(out, config, data))


def resume(out: Path) -> Path:
    """Go on with the run in ``out`` from its last checkpoint, and export it.

    Returns:
        The extractor's file, ``out/model.onnx``.

    Raises:
        TrainingError: there is no run in ``out``, or it can't go on.
    """
    return _finish(resume_run(out))


def export_run(out: Path) -> Path:
    """Export the best checkpoint that the run in ``out`` has so far, finished or not.

    Returns:
        The extractor's file, ``out/model.onnx``.

    Raises:
        TrainingError: there is no checkpoint yet.
        ModelError: the exported file failed its check.
    """
    config, data = read_description(out)
    checkpoint, model = out / BEST, out / MODEL
    if not checkpoint.is_file():
        raise TrainingError(f"{out}: no epoch is finished yet, so there is nothing to export")
    state = read_state(checkpoint)
    figures = state.get("validation", {"map": state["best_map"]})
    split = split_people(
        data.sources, validation_share=config.data.validation_share, seed=config.seed
    )
    log("calibrating on the held-out people, exporting and checking the file")
    export_model(
        checkpoint,
        model,
        name=data.name or out.resolve().name,
        licence=data.licence,
        training={
            "data": _describe(data, split),
            "teacher": data.teacher.name if data.teacher else None,
            "seconds": round(state["seconds"]),
        },
        metrics={"held_out_people": figures} if figures else {},
        calibration=calibrate(checkpoint, split.validation),
        pictures=[read_crop(p.path) for p in (split.validation or split.training)[:_CHECKED]],
    )
    log(f"the extractor is {model}")
    return model


def _finish(run: Run) -> Path:
    run.finish()
    return export_run(run.out)


def _describe(data: RunData, split: Split) -> list[dict[str, Any]]:
    """Say what each source gave; of its path, only the end that names it."""
    return [
        {
            "name": "/".join(folder.parts[-2:]),
            "layout": "manifest" if folder.suffix == ".csv" else layout,
            "training": _count(split.training, number),
            "held_out": _count(split.validation, number),
        }
        for number, (folder, layout) in enumerate(data.sources)
    ]


def _count(pictures: Sequence[TrainingPicture], source: int) -> dict[str, int]:
    own = [p for p in pictures if p.person.startswith(f"{source}:")]
    return {"people": len({p.person for p in own}), "pictures": len(own)}

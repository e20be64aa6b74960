"""The methods of `train`, each on the same small budget and the same held-out people.

    reid-gallery prepare market1501/bounding_box_train --layout market1501 --out market.csv \
        --validation-share 0.2
    python benchmarks/small_runs.py heads market.csv runs
    python benchmarks/small_runs.py backbones market.csv runs

``heads`` trains EfficientNet-Lite0 from ImageNet weights, its early stages frozen, by one head and
nothing else. ``backbones`` trains each from random weights. A run that was killed goes on when the
program is called again; one that is done is left alone. At the end stands what
``reid-gallery train compare`` says.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from reid_gallery.train import api
from reid_gallery.train.config import LossConfig, ModelConfig, Phase, TrainConfig
from reid_gallery.train.run_folder import DESCRIPTION, MODEL

HEAD_EPOCHS, BACKBONE_EPOCHS = 3, 2
BACKBONES = ("tf_efficientnet_lite0", "mobilenetv4_conv_small", "mobilenetv3_small_100")
NO_TEACHER = {"teacher_cosine_weight": 0.0, "teacher_similarity_weight": 0.0}


def heads() -> Mapping[str, TrainConfig]:
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
        f"head-{name}": TrainConfig(loss=loss, phases=(phase,)) for name, loss in losses.items()
    }


def backbones() -> Mapping[str, TrainConfig]:
    """One configuration a backbone."""
    loss = LossConfig(margin_warmup_epochs=1.0, **NO_TEACHER)
    phase = Phase(epochs=BACKBONE_EPOCHS, height=128, width=64)
    return {
        f"backbone-{name}": TrainConfig(
            model=ModelConfig(backbone=name, init="none"), loss=loss, phases=(phase,)
        )
        for name in BACKBONES
    }


def main() -> None:
    """Train what isn't trained, then compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["heads", "backbones"])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path, help="folder of the runs")
    arguments = parser.parse_args()
    configs = {"heads": heads, "backbones": backbones}[arguments.what]()
    runs = [arguments.out / name for name in configs]
    for run, config in zip(runs, configs.values(), strict=True):
        if (run / MODEL).exists():
            continue
        if (run / DESCRIPTION).exists():
            api.resume(run)
        else:
            api.train(sources=[(arguments.manifest, "folders")], out=run, recipe=config)
    picture = arguments.out / f"{arguments.what}.png"
    cli = [sys.executable, "-c", "from reid_gallery.cli import main; main()"]
    subprocess.run([*cli, "train", "compare", *map(str, runs), "--out", str(picture)], check=True)


if __name__ == "__main__":
    main()

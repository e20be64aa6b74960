"""Every shipped recipe takes a few steps, on drawn figures and at a small size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.figures import draw_figures
from reid_gallery.gallery.pictures.fit import fit
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.train.config import Phase, TrainConfig, load_config, recipe_path
from reid_gallery.train.export import ServedModel
from reid_gallery.train.opening import start_run
from reid_gallery.train.run_folder import RunData, read_metrics

RECIPES = sorted(path.stem for path in recipe_path("cpu").parent.glob("*.toml"))


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    draw_figures(folder, people=6, cameras=2, per_camera=2, seed=4)
    return folder


def shrink(config: TrainConfig) -> TrainConfig:
    """Keep everything of a recipe but how much it computes, and what it would download."""
    last = config.phases[-1]
    return replace(
        config,
        data=replace(
            config.data,
            people_per_batch=3,
            pictures_per_person=2,
            workers=0,
            validation_share=0.0,
            drop_quantile=0.0,
            balance_to=min(4, config.data.balance_to),
        ),
        model=replace(config.model, init="none" if config.model.init == "timm" else "shipped")
        if config.model.init in {"timm", "shipped"}
        else config.model,
        phases=(Phase(epochs=1, height=64, width=32, frozen_stages=last.frozen_stages),),
    )


def test_the_recipes_are_those_that_the_documentation_names():
    assert RECIPES == ["cpu", "finetune", "gpu", "seed"]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_takes_its_steps(name, figures, tmp_path):
    recipe = load_config(recipe_path(name))
    config = shrink(recipe)
    with start_run(tmp_path / "run", config, RunData(((figures, "folders"),))) as run:
        run.finish()
    records = [r["losses"] for r in read_metrics(tmp_path / "run") if "losses" in r]
    assert records
    loss = recipe.loss
    wanted = {"head": loss.head_weight, "triplet": loss.triplet_weight}
    for record in records:
        assert all(np.isfinite(record[part]) for part in (*wanted, "total") if part in record)
        assert {part for part in wanted if part in record} == {p for p, w in wanted.items() if w}
    assert all(torch.isfinite(p).all() for p in run.learner.average.module.parameters())


def test_the_mission_is_in_the_seed_recipe():
    config = load_config(recipe_path("seed"))
    assert (config.model.backbone, config.loss.head) == ("efficientnet_b1", "adacos")
    assert (config.data.drop_quantile, config.data.balance_to) == (0.25, 200)


def test_finetuning_starts_from_what_is_shipped(figures, tmp_path):
    recipe = load_config(recipe_path("finetune"))
    config = shrink(recipe)
    fitted = np.stack([fit(read_crop(p)) for p in sorted(figures.rglob("*.jpg"))[:4]])
    with start_run(tmp_path / "run", config, RunData(((figures, "folders"),))) as run:
        served = ServedModel(run.learner.model.train(), recipe.phases[-1])
        with torch.inference_mode():
            given = served(torch.from_numpy(fitted)).numpy()
    wanted = Extractor.load(resolve_model()).embed_fitted(fitted)
    assert (given * wanted).sum(1).min() > 0.9999

import json
from dataclasses import asdict

import pytest
from reid_gallery.gallery.errors import ConfigError
from reid_gallery.train.config import (
    LossConfig,
    OptimConfig,
    Phase,
    TrainConfig,
    check_servable,
    load_config,
    parse_config,
    recipe_path,
)


def test_fewer_epochs_warm_up_for_as_small_a_part():
    config = TrainConfig(
        phases=(Phase(epochs=10, height=128, width=64), Phase(epochs=10)),
        optim=OptimConfig(warmup_epochs=2.0),
        loss=LossConfig(margin_warmup_epochs=4.0),
        time_budget="2h",
    )
    short = config.with_epochs(5)
    assert short.epochs == 5
    assert (short.optim.warmup_epochs, short.loss.margin_warmup_epochs) == (0.5, 1.0)
    assert short.time_budget == ""
    assert config.with_epochs(40).optim.warmup_epochs == 2.0


def test_every_mistake_is_listed_at_once(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(
        """
        seed = "seven"
        speed = 3
        [data]
        workers = 1.5
        validation_share = 1.0
        [model]
        last_stride_1 = 1
        [loss]
        head = "hinge"
        [optim]
        learning_rate = -1
        clip_norm = 0
        ema_decay = true
        [[phases]]
        epochs = 0
        [[phases]]
        height = 64
        """
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    text = str(caught.value)
    assert "\n" not in text
    for part in (
        "bad.toml",
        "seed must be int, not 'seven'",
        "speed is unknown",
        "data.workers must be int, not 1.5",
        "model.last_stride_1 must be bool, not 1",
        "loss.head must be 'softmax' or 'arcface' or 'adacos_fixed' or 'adacos', not 'hinge'",
        "optim.ema_decay must be float, not True",
        "phases[0]: epochs must be at least 1, not 0",
        "phases[1].epochs is missing",
    ):
        assert part in text, part


def test_values_out_of_range_are_listed_together():
    with pytest.raises(ConfigError) as caught:
        parse_config(
            {
                "data": {"validation_share": 1.0, "people_per_batch": 1, "workers": -1},
                "optim": {"learning_rate": float("nan"), "clip_norm": 0},
                "loss": {"margin_rad": 1.6},
            }
        )
    text = str(caught.value)
    for part in (
        "data: validation_share must be in [0, 1), not 1.0; people_per_batch must be at least 2",
        "workers must be at least 0",
        "optim: learning_rate must be above 0, not nan; clip_norm must be above 0, not 0.0",
        "loss: margin_rad must be in [0, pi/2), not 1.6",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"data": 3}, "data must be a table, not 3"),
        ({"phases": 3}, "phases must be a list, not 3"),
        ({"phases": []}, "phases must be at least one"),
        (
            {"phases": [{"epochs": 1, "height": 512, "width": 256}]},
            "from which 512x256 can't be made",
        ),
        ({"phases": [{"epochs": 1, "height": 16}]}, "height must be at least 32"),
        ([], "the top must be a table"),
    ],
)
def test_other_mistakes(tree, message):
    with pytest.raises(ConfigError) as caught:
        parse_config(tree)
    assert message in str(caught.value)


def test_an_earlier_phase_may_have_any_size():
    config = parse_config({"phases": [{"epochs": 1, "height": 96}, {"epochs": 2}]})
    assert [phase.height for phase in config.phases] == [96, 256]


def test_values_are_checked_where_they_are_built():
    with pytest.raises(ConfigError, match="scale must be above 0"):
        LossConfig(scale=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"head": "softmax", "margin_rad": 0.5}, "head 'softmax' takes no margin_rad"),
        ({"head": "adacos", "scale": 30.0}, "head 'adacos' takes no scale"),
        ({"head_weight": 0.0, "label_smoothing": 0.1}, "label_smoothing is of the head"),
        (
            {
                "head_weight": 0.0,
                "triplet_weight": 0.0,
                "teacher_cosine_weight": 0.0,
                "teacher_similarity_weight": 0.0,
            },
            "nothing is minimised",
        ),
    ],
)
def test_contradictions_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        LossConfig(**settings)


def test_a_triplet_needs_a_pair():
    tree = {"data": {"pictures_per_person": 1}}
    with pytest.raises(ConfigError, match="two pictures of a person"):
        parse_config(tree)
    assert parse_config({**tree, "loss": {"triplet_weight": 0.0}}).data.pictures_per_person == 1


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_probabilities_of_changes(value):
    assert parse_config({"augment": {"grey": 1, "erasing": 0}}).augment.grey == 1
    with pytest.raises(ConfigError, match=r"augment: grey must be in \[0, 1\]"):
        parse_config({"augment": {"grey": value}})


@pytest.mark.parametrize("content", [b"[data", b"\xff\xfe\xff", None])
def test_a_file_that_is_no_toml(tmp_path, content):
    path = tmp_path / "bad.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"bad\.toml: can't be read as TOML"):
        load_config(path)


def test_it_survives_json():
    config = TrainConfig(seed=3, phases=(Phase(epochs=2, height=128, width=64), Phase(epochs=1)))
    assert parse_config(json.loads(json.dumps(asdict(config)))) == config


def test_where_the_phases_begin():
    phases = (Phase(epochs=2, height=64, width=32), Phase(epochs=1, height=128), Phase(epochs=3))
    config = TrainConfig(phases=phases)
    assert config.epochs == 6
    assert config.first_epochs == (0, 2, 3)


def test_what_an_extractor_can_serve_at():
    check_servable(Phase(epochs=1))
    check_servable(Phase(epochs=1, height=192, width=96))
    for larger in ({"height": 288}, {"width": 160}):
        with pytest.raises(ConfigError, match=r"256x128, from which \d+x\d+ can't be made"):
            check_servable(Phase(epochs=1, **larger))


def test_shipped_recipes_are_right():
    folder = recipe_path("cpu").parent
    names = [path.stem for path in folder.glob("*.toml")]
    assert "cpu" in names
    for name in names:
        assert load_config(recipe_path(name)).epochs > 0


def test_a_recipe_by_path_and_an_unknown_one(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("seed = 9")
    assert load_config(recipe_path(str(path))).seed == 9
    with pytest.raises(ConfigError, match=r"shipped ones: .*cpu"):
        recipe_path("best")

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.gallery.errors import ModelError
from reid_gallery.gallery.extractor.spec import SCHEMA_VERSION, ModelSpec

SPEC = ModelSpec(
    name="a model",
    backbone="tf_efficientnet_lite0",
    dim=512,
    training={"data": [{"name": "figures", "people": 3}], "epochs": 2},
    metrics={"held_out_people": {"map": 0.5}},
    calibration={"tail": [[0.1, 0.2], [0.01, 0.4]], "people": 40},
    licence="research use only",
)

texts = st.text(min_size=1).filter(str.strip)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
finite = leaves.filter(lambda value: value not in (float("inf"), float("-inf")))
trees = st.dictionaries(
    st.text(),
    st.recursive(finite, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
    max_size=4,
)


@given(name=texts, dim=st.integers(1, 4096), training=trees, metrics=trees, calibration=trees)
def test_json_round_trip(name, dim, training, metrics, calibration):
    spec = ModelSpec(
        name=name,
        backbone="b",
        dim=dim,
        training=training,
        metrics=metrics,
        calibration=calibration,
        licence="l",
    )
    assert ModelSpec.from_json(spec.to_json()) == spec


def test_the_json_is_flat_and_readable():
    tree = json.loads(SPEC.to_json())
    assert tree["schema_version"] == SCHEMA_VERSION
    assert tree["input_size"] == [256, 128]
    assert tree["training"]["epochs"] == 2
    assert "extra" not in tree


def test_unknown_keys_of_a_later_version_survive():
    tree = {**json.loads(SPEC.to_json()), "aliases": ["x"]}
    spec = ModelSpec.from_json(json.dumps(tree))
    assert spec.extra == {"aliases": ["x"]}
    assert replace(spec, extra={}) == SPEC
    assert json.loads(spec.to_json()) == tree


@pytest.mark.parametrize("version", [0, 2, "1", None, True, 1.5])
def test_another_schema_version_is_refused(version):
    tree = {**json.loads(SPEC.to_json()), "schema_version": version}
    with pytest.raises(ModelError, match="schema version"):
        ModelSpec.from_json(json.dumps(tree))


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "null"])
def test_what_is_no_json_object_is_refused(text):
    with pytest.raises(ModelError, match="JSON"):
        ModelSpec.from_json(text)


def test_missing_keys_are_named():
    tree = json.loads(SPEC.to_json())
    del tree["licence"], tree["dim"]
    with pytest.raises(ModelError, match="lacks dim, licence"):
        ModelSpec.from_json(json.dumps(tree))


def test_every_mistake_is_listed():
    with pytest.raises(ModelError) as caught:
        ModelSpec(
            name=" ",
            backbone=3,
            dim=True,
            input_size=(0, 5),
            training={"x": float("nan")},
            metrics=[1],
            calibration={"x": object()},
            licence="",
        )
    text = str(caught.value)
    for part in ("name", "backbone", "dim", "input_size", "training", "metrics", "calibration"):
        assert part in text
    assert "licence" in text
    assert "\n" not in text


def test_its_trees_are_copies():
    training = {"sizes": (1, 2)}
    spec = replace(SPEC, training=training)
    training["sizes"] = (3,)
    assert spec.training == {"sizes": [1, 2]}

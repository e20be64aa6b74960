import tomllib
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st
from reid_gallery.train.config import TrainConfig, load_config, parse_config, recipe_path
from reid_gallery.train.toml_text import to_toml

KEYS = st.from_regex(r"[a-z_]{1,5}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
PLAIN = st.one_of(st.booleans(), NUMBERS, TEXTS)
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=3))
TREES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=3),
    lambda trees: st.dictionaries(
        KEYS, st.one_of(VALUES, trees, st.lists(trees, min_size=1, max_size=2)), max_size=3
    ),
    max_leaves=6,
)


@given(TREES)
def test_it_reads_back_to_the_same(tree):
    assert tomllib.loads(to_toml(tree)) == tree


def test_a_configuration_reads_back_to_the_same():
    for config in (TrainConfig(), load_config(recipe_path("cpu"))):
        assert parse_config(tomllib.loads(to_toml(asdict(config)))) == config


def test_what_is_none_is_left_out():
    assert to_toml({"a": None, "b": {"c": None}}) == "\n[b]\n"

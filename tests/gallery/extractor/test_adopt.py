"""Adoption: small third-party models of every kind, each computed again by hand in numpy."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from reid_gallery.gallery.errors import ModelError
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.extractor.adopt import UNKNOWN_LICENCE, adopt
from reid_gallery.gallery.extractor.preprocessing import Preprocessing, resizing_weights
from reid_gallery.gallery.extractor.spec import METADATA_KEY
from reid_gallery.gallery.pictures.fit import fit

DIM = 6
RANDOM = np.random.default_rng(11)
KERNEL = RANDOM.normal(size=(DIM, 3, 16, 16)).astype(np.float32)
BIAS = RANDOM.normal(size=DIM).astype(np.float32)

WriteThirdParty = Callable[..., Path]


def third_party_nodes(layout: str, ending: str, half: bool) -> list[onnx.NodeProto]:
    """A convolution in steps of its size, a square, a mean: not linear, so it sees the mean."""
    nodes = []
    start = "pictures"  # on purpose a name that our own graph has as well
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", [start], ["turned"], perm=[0, 3, 1, 2]))
        start = "turned"
    if half:
        nodes.append(helper.make_node("Cast", [start], ["single"], to=TensorProto.FLOAT))
        start = "single"
    nodes += [
        helper.make_node("Conv", [start, "kernel", "bias"], ["maps"], strides=[16, 16]),
        helper.make_node("Mul", ["maps", "maps"], ["squares"]),
        helper.make_node("GlobalAveragePool", ["squares"], ["pooled"]),
    ]
    endings = {
        "4d": [helper.make_node("Identity", ["pooled"], ["embeddings"])],
        "2d": [helper.make_node("Flatten", ["pooled"], ["embeddings"], axis=1)],
        "one row": [helper.make_node("Reshape", ["pooled", "one_row"], ["embeddings"])],
        "one row, told late": [
            helper.make_node("ReduceMax", ["pooled"], ["most"], keepdims=0),
            helper.make_node("Sub", ["most", "most"], ["nothing"]),
            helper.make_node("Cast", ["nothing"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Add", ["one_row", "whole"], ["late"]),
            helper.make_node("Reshape", ["pooled", "late"], ["embeddings"]),
        ],
        "map": [helper.make_node("Identity", ["squares"], ["embeddings"])],
        "of the batch": [
            helper.make_node("ReduceMean", ["pooled"], ["mean"], axes=[0], keepdims=1),
            helper.make_node("Add", ["pooled", "mean"], ["sum"]),
            helper.make_node("Flatten", ["sum"], ["embeddings"], axis=1),
        ],
    }
    return [*nodes, *endings[ending]]


def write_third_party(
    folder: Path,
    *,
    layout: str = "nchw",
    batch: int | str = "batch",
    size: tuple[int | str, int | str] = (256, 128),
    ending: str = "2d",
    half: bool = False,
    opset: int = 12,
    outputs: tuple[str, ...] = ("embeddings",),
    kind: int | None = None,
    external: str | None = None,
) -> Path:
    """Write a small third-party extractor."""
    shape = [batch, 3, *size] if layout == "nchw" else [batch, *size, 3]
    kind = kind or (TensorProto.FLOAT16 if half else TensorProto.FLOAT)
    graph = helper.make_graph(
        third_party_nodes(layout, ending, half),
        "third party",
        [helper.make_tensor_value_info("pictures", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [
            numpy_helper.from_array(KERNEL, "kernel"),
            numpy_helper.from_array(BIAS, "bias"),
            numpy_helper.from_array(np.array([1, DIM]), "one_row"),
        ],
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=7)
    path = folder / "third party.onnx"
    beside = {"save_as_external_data": True, "location": external, "size_threshold": 0}
    onnx.save(model, path, **(beside if external else {}))
    return path


@pytest.fixture
def third_party(tmp_path: Path) -> WriteThirdParty:
    """Return a function that writes a small third-party extractor."""
    return partial(write_third_party, tmp_path)


def by_hand(crops: list[np.ndarray], preprocessing: Preprocessing) -> np.ndarray:
    """Fit, resize plainly, normalise, and compute the third party's model in double precision."""
    height, width = preprocessing.height, preprocessing.width
    rows = []
    for crop in crops:
        picture = Image.fromarray(fit(crop)).resize((width, height), Image.Resampling.BILINEAR)
        pixels = np.asarray(picture).astype(np.float64)
        if preprocessing.channels == "bgr":
            pixels = pixels[..., ::-1]
        pixels = (pixels / 255 * preprocessing.scale - preprocessing.mean) / preprocessing.std
        maps = [
            (pixels[top : top + 16, left : left + 16].transpose(2, 0, 1) * KERNEL).sum((1, 2, 3))
            for top in range(0, height - 15, 16)
            for left in range(0, width - 15, 16)
        ]
        rows.append(((np.stack(maps) + BIAS) ** 2).mean(0))
    return np.stack(rows) / np.linalg.norm(rows, axis=1, keepdims=True)


def random_crops(count: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(5)
    coarse = [random.integers(0, 256, (10 + n, 6, 3), dtype=np.uint8) for n in range(count)]
    return [crop.repeat(9, axis=0).repeat(9, axis=1) for crop in coarse]


def check(path: Path, preprocessing: Preprocessing) -> Extractor:
    """The adopted model gives what is computed by hand, in batches and one by one."""
    extractor = Extractor.load(path)
    wanted = by_hand(random_crops(), preprocessing)
    for batch_size in (1, 3):
        given = extractor.embed(random_crops(), batch_size=batch_size)
        assert (given * wanted).sum(1).min() > 0.99999
    return extractor


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"ending": "4d"},
        {"layout": "nhwc"},
        {"batch": 1, "ending": "one row"},
        {"batch": 1, "layout": "nhwc", "half": True},
        {"batch": -1, "size": ("h", "w")},
        {"half": True},
        {"opset": 9},
        {"opset": 17},
        {"external": "weights.bin"},
        {"outputs": ("embeddings", "maps")},
        {"ending": "one row"},
        {"batch": 1, "ending": "one row, told late"},
        {"ending": "of the batch"},
    ],
    ids=str,
)
def test_models_of_many_kinds(third_party, tmp_path, model):
    source = third_party(**model)
    if model.get("ending") == "of the batch":  # alone, a picture is its batch's mean
        model = {**model, "batch": 1}
    out = tmp_path / "out.onnx"
    chosen = "embeddings" if "outputs" in model else None
    spec = adopt(source, out, preprocessing=Preprocessing(), output=chosen)
    extractor = check(out, Preprocessing())
    assert extractor.spec == spec
    assert (spec.name, spec.dim, spec.licence) == ("third party", DIM, UNKNOWN_LICENCE)
    assert spec.calibration is None
    onnx.checker.check_model(onnx.load(out))
    assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.onnx"]


@pytest.mark.parametrize("size", [(256, 128), (128, 64), (384, 128), (256, 192), (160, 80)])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_sizes_are_resized_in_the_graph(third_party, tmp_path, size, layout):
    height, width = size
    preprocessing = Preprocessing(height=height, width=width)
    source = third_party(size=size, layout=layout)
    adopt(source, tmp_path / "out.onnx", preprocessing=preprocessing)
    check(tmp_path / "out.onnx", preprocessing)


@settings(max_examples=5, deadline=None)
@given(
    mean=st.tuples(*[st.floats(-2, 200)] * 3),
    std=st.tuples(*[st.floats(0.1, 80)] * 3),
    channels=st.sampled_from(["rgb", "bgr"]),
    scale=st.sampled_from([1.0, 255.0]),
)
def test_any_normalisation(tmp_path_factory, mean, std, channels, scale):
    folder = tmp_path_factory.mktemp("any")
    source = write_third_party(folder)
    preprocessing = Preprocessing(mean=mean, std=std, channels=channels, scale=scale)
    adopt(source, folder / "out.onnx", preprocessing=preprocessing)
    check(folder / "out.onnx", preprocessing)


@pytest.mark.parametrize(("old", "new"), [(256, 384), (256, 160), (128, 64), (128, 100), (128, 1)])
def test_resizing_weights_are_pillows(old, new):
    column = np.random.default_rng(0).integers(0, 256, (old, 1), dtype=np.uint8)
    resized = Image.fromarray(column).resize((1, new), Image.Resampling.BILINEAR)
    given = resizing_weights(old, new) @ column.astype(np.float32)
    assert np.abs(given - np.asarray(resized)).max() <= 0.51


def test_what_was_adopted_is_noted(third_party, tmp_path):
    spec = adopt(
        third_party(),
        tmp_path / "out.onnx",
        preprocessing=Preprocessing(channels="bgr"),
        name="theirs",
        licence="Apache-2.0",
    )
    assert (spec.name, spec.licence) == ("theirs", "Apache-2.0")
    adopted = spec.training["adopted"]
    assert adopted["file"] == "third party.onnx"
    assert len(adopted["sha256"]) == 64
    assert adopted["preprocessing"]["channels"] == "bgr"
    keys = [entry.key for entry in onnx.load(tmp_path / "out.onnx").metadata_props]
    assert keys == [METADATA_KEY]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"batch": 4}, "takes 4 pictures at a time"),
        ({"size": (384, 128)}, "takes pictures of 384x128, not 256x128; give that with --size"),
        ({"ending": "map"}, r"gives \[1, 6, 16, 8\] for one picture"),
        ({"opset": 8}, "of opset 8; export it again with opset 9 or later"),
        ({"kind": TensorProto.DOUBLE}, "is double; float or float16 is needed"),
        ({"outputs": ("embeddings", "maps")}, "the outputs embeddings, maps; say which"),
        ({"outputs": ("maps",)}, r"gives \[1, 6, 16, 8\]"),
        ({"layout": "nhwc", "size": (3, 3)}, "takes pictures of 3x3"),
    ],
    ids=str,
)
def test_what_cannot_be_adopted_says_why(third_party, tmp_path, model, reason):
    with pytest.raises(ModelError, match=reason):
        adopt(third_party(**model), tmp_path / "out.onnx", preprocessing=Preprocessing())
    assert [path.name for path in tmp_path.iterdir()] == ["third party.onnx"]


def test_files_that_are_no_model(third_party, tmp_path):
    out, plain = tmp_path / "out.onnx", Preprocessing()
    with pytest.raises(ModelError, match="no such model file"):
        adopt(tmp_path / "none.onnx", out, preprocessing=plain)
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(ModelError, match="not an ONNX file that can be read"):
        adopt(tmp_path / "text.onnx", out, preprocessing=plain)
    source = third_party(external="weights.bin")
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"weights\.bin"):
        adopt(source, out, preprocessing=plain)
    assert not out.exists()


def test_nothing_is_written_over(third_party, tmp_path):
    source = third_party()
    content = source.read_bytes()
    with pytest.raises(ModelError, match="exists already; name another file with --out"):
        adopt(source, source, preprocessing=Preprocessing())
    assert source.read_bytes() == content
    adopt(source, tmp_path / "out.onnx", preprocessing=Preprocessing())
    with pytest.raises(ModelError, match="is a model of this program already"):
        adopt(tmp_path / "out.onnx", tmp_path / "again.onnx", preprocessing=Preprocessing())
    with pytest.raises(ModelError, match="is no folder"):
        adopt(source, tmp_path / "none" / "out.onnx", preprocessing=Preprocessing())


def test_every_mistake_of_the_preprocessing_is_listed():
    with pytest.raises(ModelError) as caught:
        Preprocessing(height=0, mean=(0, 0, float("nan")), std=(1, 0, 1), scale=-1, channels="gray")
    for part in ("size must be", "mean must be", "std must be", "channels must be", "scale must"):
        assert part in str(caught.value)

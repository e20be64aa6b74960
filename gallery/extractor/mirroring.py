"""A model that looks twice: at the picture and at its mirror image, as people have no left side.

The mean of both embeddings is nearer to what the person looks like from elsewhere than either is;
it takes twice the time. (Also called flip testing.)
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import ModelError
from ..pictures.fit import WIDTH
from .contract import INPUT, OUTPUT, Embeddings
from .deriving import derive, make_node, make_unit, rename
from .onnx_extractor import Extractor
from .spec import ModelSpec

if TYPE_CHECKING:
    import onnx

_OURS = "mirrored/"
"""Before every name that is added, so that none is taken twice."""


def embed_both_ways(extractor: Extractor, pictures: npt.NDArray[np.uint8]) -> Embeddings:
    """Return the mean of each picture's embedding and its mirror image's, float32[n, d] unit rows.

    Args:
        extractor: that embeds.
        pictures: uint8[n, 256, 128, 3].
    """
    mirrored = np.ascontiguousarray(pictures[:, :, ::-1])
    sums = extractor.embed_fitted(pictures) + extractor.embed_fitted(mirrored)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    rows: Embeddings = sums / np.maximum(lengths, np.finfo(np.float32).tiny)
    return rows


def mirror(extractor: Extractor, out: Path, *, name: str = "") -> ModelSpec:
    """Write a model whose embedding is the mean of the picture's and its mirror image's, unit.

    Args:
        extractor: whose file is to look twice; it is not changed.
        out: the file to write; there must be none yet.
        name: of the new model; by default the old one's and "-mirrored".

    Returns:
        What the new file says of itself: no figures and no calibration, since those are of other
        scores.

    Raises:
        ModelError: it looks twice already, or the new file can't be made; nothing is written.
    """
    spec = extractor.spec
    if "mirrored" in spec.training:
        raise ModelError(f"{extractor.path}: {spec.name} looks at mirror images already")
    return derive(
        extractor,
        out,
        name=name or f"{spec.name}-mirrored",
        training={"mirrored": {"of": spec.name, "sha256": extractor.sha256}},
        doing="mirroring",
        change=partial(_look_twice, dim=spec.dim),
        wanted=partial(embed_both_ways, extractor),
    )


def _look_twice(model: "onnx.ModelProto", dim: int) -> None:
    """Put the mirror images before the graph, as more pictures of the batch, and the mean behind.

    Of operators that mean the same in every opset, as in `wrapping`.
    """
    graph = model.graph
    both, embedded = f"{_OURS}pictures", f"{_OURS}embeddings"
    rename(model, {INPUT: both, OUTPUT: embedded})
    nodes = [*_double(both), *graph.node, *_average(embedded)]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(
        [
            _constant("columns", np.arange(WIDTH)[::-1].copy()),
            _constant("halves", np.array([2, -1, dim])),
            _constant("first", np.array(0)),
            _constant("second", np.array(1)),
        ]
    )


def _double(both: str) -> list["onnx.NodeProto"]:
    images = f"{_OURS}images"
    return [
        make_node(_OURS, "Gather", [INPUT, f"{_OURS}columns"], images, axis=2),
        make_node(_OURS, "Concat", [INPUT, images], both, axis=0),
    ]


def _average(embedded: str) -> list["onnx.NodeProto"]:
    pairs, own, other, total = (f"{_OURS}{name}" for name in ("pairs", "own", "other", "sum"))
    return [
        make_node(_OURS, "Reshape", [embedded, f"{_OURS}halves"], pairs),
        make_node(_OURS, "Gather", [pairs, f"{_OURS}first"], own, axis=0),
        make_node(_OURS, "Gather", [pairs, f"{_OURS}second"], other, axis=0),
        make_node(_OURS, "Add", [own, other], total),
        make_unit(_OURS, total),
    ]


def _constant(name: str, value: npt.NDArray[np.int64]) -> "onnx.TensorProto":
    from onnx import numpy_helper  # noqa: PLC0415 (of the training extra)

    return numpy_helper.from_array(value, f"{_OURS}{name}")

"""A model that looks twice: at the picture and at its mirror image, as people have no left side.

The mean of both embeddings is nearer to what the person looks like from elsewhere than either is;
it takes twice the time. (Also called flip testing.)
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..atomic import replacing
from ..errors import ModelError
from ..pictures.fit import WIDTH
from .agreement import check_agreement, noise_pictures
from .contract import INPUT, OUTPUT, Embeddings
from .files import check_out, read_graph, save_graph
from .onnx_extractor import Extractor
from .spec import ModelSpec

if TYPE_CHECKING:
    import onnx

_OURS = "mirrored/"
"""Before every name that is added, so that none is taken twice."""

_CHECKED = 8


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
    check_out(out)
    spec = extractor.spec
    if "mirrored" in spec.training:
        raise ModelError(f"{extractor.path}: {spec.name} looks at mirror images already")
    mirrored = replace(
        spec,
        name=name or f"{spec.name}-mirrored",
        training={**spec.training, "mirrored": {"of": spec.name, "sha256": extractor.sha256}},
        metrics={},
        calibration=None,
    )
    model = read_graph(extractor.path, doing="mirroring")
    _look_twice(model, spec.dim)
    pictures = noise_pictures(_CHECKED)
    try:
        with replacing(out) as part:
            save_graph(model, part, mirrored)
            check_agreement(Extractor.load(part), pictures, embed_both_ways(extractor, pictures))
    except OSError as error:
        raise ModelError(f"{out}: can't be written ({error.strerror or error})") from error
    return mirrored


def _look_twice(model: "onnx.ModelProto", dim: int) -> None:
    """Put the mirror images before the graph, as more pictures of the batch, and the mean behind.

    Of operators that mean the same in every opset, as in `wrapping`.
    """
    graph = model.graph
    both, embedded = f"{_OURS}pictures", f"{_OURS}embeddings"
    for node in graph.node:
        node.input[:] = [both if given == INPUT else given for given in node.input]
        node.output[:] = [embedded if made == OUTPUT else made for made in node.output]
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
        _node("Gather", [INPUT, f"{_OURS}columns"], images, axis=2),
        _node("Concat", [INPUT, images], both, axis=0),
    ]


def _average(embedded: str) -> list["onnx.NodeProto"]:
    pairs, own, other, total = (f"{_OURS}{name}" for name in ("pairs", "own", "other", "sum"))
    return [
        _node("Reshape", [embedded, f"{_OURS}halves"], pairs),
        _node("Gather", [pairs, f"{_OURS}first"], own, axis=0),
        _node("Gather", [pairs, f"{_OURS}second"], other, axis=0),
        _node("Add", [own, other], total),
        _node("LpNormalization", [total], OUTPUT, axis=1, p=2),
    ]


def _node(operator: str, inputs: list[str], output: str, **how: Any) -> "onnx.NodeProto":
    from onnx import helper  # noqa: PLC0415 (of the training extra)

    # Named by what it makes: of the graph around it no other node makes that.
    return helper.make_node(operator, inputs, [output], f"{_OURS}makes/{output}", **how)


def _constant(name: str, value: npt.NDArray[np.int64]) -> "onnx.TensorProto":
    from onnx import numpy_helper  # noqa: PLC0415 (of the training extra)

    return numpy_helper.from_array(value, f"{_OURS}{name}")

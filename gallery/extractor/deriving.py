"""A model made of another by changing its graph: what it says of itself, and the check of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..atomic import replacing
from ..errors import ModelError
from .agreement import check_agreement, noise_pictures
from .contract import OUTPUT, Embeddings
from .files import check_out, read_graph, save_graph
from .onnx_extractor import Extractor
from .spec import ModelSpec

if TYPE_CHECKING:
    import onnx

_CHECKED = 8


def derive(
    extractor: Extractor,
    out: Path,
    *,
    name: str,
    training: dict[str, Any],
    doing: str,
    change: Callable[["onnx.ModelProto"], None],
    wanted: Callable[[npt.NDArray[np.uint8]], Embeddings],
) -> ModelSpec:
    """Write a model with another graph, and check that it embeds as it should.

    Args:
        extractor: what it is made of; its file is not changed.
        out: the file to write; there must be none yet.
        name: of the new model.
        training: what its specification says of training beside what the old one's does.
        doing: what is done to it, as the beginning of a sentence, such as "mirroring".
        change: changes the graph.
        wanted: from pictures uint8[n, 256, 128, 3] to what the new model should give for them.

    Returns:
        What the new file says of itself: no figures and no calibration, since those are of other
        scores.

    Raises:
        ModelError: the new file can't be made; nothing is written.
    """
    check_out(out)
    spec = replace(
        extractor.spec,
        name=name,
        training={**extractor.spec.training, **training},
        metrics={},
        calibration=None,
    )
    model = read_graph(extractor.path, doing=doing)
    change(model)
    pictures = noise_pictures(_CHECKED)
    try:
        with replacing(out) as part:
            save_graph(model, part, spec)
            check_agreement(Extractor.load(part), pictures, wanted(pictures))
    except OSError as error:
        raise ModelError(f"{out}: can't be written ({error.strerror or error})") from error
    return spec


def rename(model: "onnx.ModelProto", names: dict[str, str]) -> None:
    """Call what nodes take and make otherwise."""
    for node in model.graph.node:
        node.input[:] = [names.get(given, given) for given in node.input]
        node.output[:] = [names.get(made, made) for made in node.output]


def make_node(
    prefix: str, operator: str, inputs: list[str], output: str, **how: Any
) -> "onnx.NodeProto":
    """Make a node that is named by what it makes: of the graph around it no other makes that."""
    from onnx import helper  # noqa: PLC0415 (of the training extra)

    return helper.make_node(operator, inputs, [output], f"{prefix}makes/{output}", **how)


def make_unit(prefix: str, rows: str) -> "onnx.NodeProto":
    """Make the node that gives the model's output: rows of length 1."""
    return make_node(prefix, "LpNormalization", [rows], OUTPUT, axis=1, p=2)

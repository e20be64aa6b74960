"""From a checkpoint to the one file that serves: ONNX, with its specification inside, verified."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from ..gallery.atomic import replacing
from ..gallery.errors import ModelError
from ..gallery.extractor.agreement import check_agreement, noise_pictures
from ..gallery.extractor.contract import INPUT, OUTPUT
from ..gallery.extractor.onnx_extractor import Extractor
from ..gallery.extractor.spec import METADATA_KEY, ModelSpec
from ..gallery.pictures.fit import HEIGHT, WIDTH, fit
from ..gallery.pictures.read import Crop
from .checkpoint import load_checkpoint, read_state
from .config import Phase, check_servable, parse_config
from .model import EmbeddingModel

OPSET = 18

REDUCTION = ("rows", "columns")
"""The constants that reduce pictures have these names in the file, too."""


def area_means(many: int, few: int) -> Tensor:
    """The matrix float32[few, many] that makes ``few`` pixels in a row of ``many``.

    Each is the mean of what it covers, where an old pixel that it covers in part counts by that
    part: what OpenCV calls ``INTER_AREA``.
    """
    scale, old = many / few, np.arange(many)
    begins = np.arange(few)[:, np.newaxis] * scale
    covered = np.minimum(old + 1, begins + scale) - np.maximum(old, begins)
    return torch.from_numpy((covered.clip(min=0) / scale).astype(np.float32))


def block_means(many: int, few: int) -> Tensor:
    """`area_means` of the smallest block that repeats: 4 pixels to 3 for 256 to 192.

    The whole matrix is zero outside such blocks along its diagonal.
    """
    blocks = math.gcd(many, few)
    return area_means(many // blocks, few // blocks)


class ServedModel(nn.Module):
    """The averaged model as it serves: 256x128 pictures in, unit rows out.

    A model last trained at a smaller size gets that: each pixel is the mean of the area it covers.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, model: EmbeddingModel, trained_at: Phase) -> None:
        super().__init__()
        self.model = model
        check_servable(trained_at)
        self.reduces = (trained_at.height, trained_at.width) != (HEIGHT, WIDTH)
        rows, columns = block_means(HEIGHT, trained_at.height), block_means(WIDTH, trained_at.width)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns.T, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Take uint8[n, 256, 128, 3]; return float32[n, d] unit rows."""
        pixels = pictures.permute(0, 3, 1, 2).float()
        embeddings: Tensor = self.model.project(self.reduced(pixels))[1]
        # `normalize` repeats the length d times first, in three more nodes of the graph.
        lengths: Tensor = torch.linalg.vector_norm(embeddings, dim=1, keepdim=True)
        return embeddings / lengths.clamp_min(1e-12)

    def reduced(self, pixels: Tensor) -> Tensor:
        """Take float32[n, 3, 256, 128]; return it at the size that the model was trained at."""
        if not self.reduces:
            return pixels
        blocks = torch.unflatten(pixels, 2, (-1, self.rows.shape[1]))
        pixels = (self.rows @ blocks).flatten(2, 3)
        blocks = torch.unflatten(pixels, 3, (-1, self.columns.shape[0]))
        return (blocks @ self.columns).flatten(3)


def load_served_model(checkpoint: Path) -> tuple[ServedModel, dict[str, Any]]:
    """Build a checkpoint's averaged model; return it with the checkpoint's JSON state.

    Raises:
        TrainingError: the checkpoint is missing, broken, or of another program.
        ConfigError: it was trained at a size that can't serve.
    """
    state = read_state(checkpoint)
    config = parse_config(state["config"], where=str(checkpoint))
    model = EmbeddingModel(config.model)
    load_checkpoint(checkpoint, modules={"average": model})
    trained_at = config.phases[state["trained_phase"]]
    return ServedModel(model, trained_at).eval(), state


def export_model(
    checkpoint: Path,
    out: Path,
    *,
    name: str,
    licence: str,
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    calibration: Mapping[str, Any] | None = None,
    pictures: Sequence[Crop] = (),
) -> ModelSpec:
    """Write a checkpoint's averaged weights to ``out`` as an extractor, and check it against torch.

    Args:
        checkpoint: as a run leaves it.
        out: the ONNX file; replaced only by a file that passed the check.
        name: of the model.
        licence: note on who may use it for what.
        training: data sets and whatever else it takes to repeat it; the checkpoint's configuration
            and how far it had come are added.
        metrics: figures on people it was not trained on.
        calibration: see `ModelSpec`.
        pictures: to check it on, uint8[h, w, 3] each; coloured noise is added to them.

    Raises:
        TrainingError: the checkpoint can't be read.
        ConfigError: it was trained at a size that can't serve.
        ModelError: the file doesn't give what torch gives, or can't be written.
    """
    if not out.parent.is_dir():
        raise ModelError(f"{out}: can't be written, {out.parent} is no folder")
    served, state = load_served_model(checkpoint)
    spec = ModelSpec(
        name=name,
        backbone=state["config"]["model"]["backbone"],
        dim=state["config"]["model"]["embedding_size"],
        training={
            **(training or {}),
            "config": _without_folders(state["config"]),
            "epochs": state["epoch"],
            "steps": state["step"],
        },
        metrics=metrics or {},
        calibration=calibration,
        licence=licence,
    )
    graph = build_graph(served)
    onnx.helper.set_model_props(graph, {METADATA_KEY: spec.to_json()})
    try:
        with replacing(out) as part:
            onnx.save(graph, part)
            verify(part, served, [*pictures, *noise_pictures(8)])
    except OSError as error:
        raise ModelError(f"{out}: can't be written ({error.strerror or error})") from error
    return spec


def build_graph(served: ServedModel) -> onnx.ModelProto:
    """Trace a model into an ONNX graph with a free batch, and without traces of this machine."""
    example = torch.zeros(2, HEIGHT, WIDTH, 3, dtype=torch.uint8)
    program = torch.onnx.export(
        served,
        (example,),
        dynamo=True,
        verbose=False,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes={"pictures": {0: torch.export.Dim("n")}},
    )
    graph = cast(onnx.ModelProto, cast(Any, program).model_proto)
    _forget_origin(graph)
    onnx.checker.check_model(graph, full_check=True)
    return graph


def verify(path: Path, served: ServedModel, pictures: Sequence[Crop]) -> None:
    """Check that a file gives what torch gives, one at a time as well as several at once.

    Raises:
        ModelError: it doesn't, or isn't of the contract.
    """
    fitted = np.stack([fit(picture) for picture in pictures])
    with torch.inference_mode():
        wanted = served(torch.from_numpy(fitted)).numpy()
    check_agreement(Extractor.load(path), fitted, wanted)


def _without_folders(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration in which a file that weights start from has only the end of its path."""
    init = config["model"]["init"]
    return config | {"model": config["model"] | {"init": "/".join(Path(init).parts[-2:])}}


def _forget_origin(model: onnx.ModelProto) -> None:
    """Remove what the exporter notes of every node: source lines and paths of this machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.ClearField("value_info")

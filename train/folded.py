"""An exported extractor as the start of another: its weights are read by name from the ONNX file.

The export folds a batch norm into the layer before it: w' = w g / s and b' = b - m g / s, for scale
g, shift b, mean m and deviation s. Such a norm starts as what it then is, the shift b' after mean 0
and variance 1. Either it keeps these while it trains (`ModelConfig.frozen_statistics`), or
`measure_statistics` gives it true ones.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper
from torch import Tensor, nn

from ..gallery.errors import ConfigError, ModelError
from ..gallery.extractor.levelling import DIRECTIONS
from ..gallery.extractor.spec import METADATA_KEY, ModelSpec
from ..gallery.pictures.fit import HEIGHT, WIDTH
from .config import ModelConfig
from .model import EmbeddingModel, is_batch_norm

_PREFIX = "model."
"""Of the weights' names in a file that `export_model` made."""

_LEAST_DEVIATION = 1e-3
"""Of a channel that hardly moves: dividing by less would blow up what it learns."""

_ARCHITECTURE = {
    "backbone",
    "embedding_size",
    "head_channels",
    "normalised_stages",
    "last_stride_1",
    "pooling",
    "bnneck",
}
"""What of a `ModelConfig` must be the same."""


def load_extractor_weights(model: EmbeddingModel, path: Path) -> int:
    """Fill a whole model from an exported file of the same architecture.

    Args:
        model: to fill; it then embeds as the file does, but for the precision of float32.
        path: an ONNX file that `export_model` made.

    Returns:
        The number of tensors that were read.

    Raises:
        ConfigError: the file isn't of this architecture, or keeps no weights by name.
    """
    file = _read_file(path)
    _check_architecture(file, model, path)
    stored = _read_weights(file.graph)
    for layer, norm in _pairs(model):
        if f"{layer}.bias" in stored and f"{norm}.running_var" not in stored:
            bias = stored.pop(f"{layer}.bias")
            stored |= _unfold(model.get_submodule(norm), norm, bias)
    _level(stored, [rows for name, rows in stored.items() if name.endswith(f"/{DIRECTIONS}")])
    wanted = [key for key in model.state_dict() if not key.endswith("num_batches_tracked")]
    missing = [key for key in wanted if key not in stored]
    if missing:
        raise ConfigError(
            f"model.init {str(path)!r}: keeps {len(missing)} of {len(wanted)} tensors under no "
            f"name ({missing[0]}, ...), as some families do; take another init"
        )
    model.load_state_dict({key: stored[key] for key in wanted}, strict=False)
    return len(wanted)


def _level(stored: dict[str, Tensor], levelled: Sequence[Tensor]) -> None:
    """Let the projection give what a levelled file's embeddings have left.

    The neck is folded into it, so nothing stands between the two but the neck's shift.
    """
    for directions in levelled:
        for name in stored.keys() & {"projection.weight", "neck.bias"}:
            stored[name] = stored[name] - directions.T @ (directions @ stored[name])


def read_architecture(path: Path) -> dict[str, Any]:
    """Return those fields of an exported file's `ModelConfig` that tell whether its weights fit.

    Raises:
        ConfigError: it can't be read, or doesn't say.
    """
    return _architecture(_read_file(path), path)


def looks_twice(path: Path) -> bool:
    """Whether an exported file adds what it gives of the mirror image, which no start keeps.

    Raises:
        ConfigError: it can't be read, or doesn't say.
    """
    return "mirrored" in _spec(_read_file(path), path).training


def measure_statistics(model: EmbeddingModel, batches: Iterable[Tensor]) -> int:
    """Give the norms behind convolutions and projections the statistics of what they take.

    In evaluation the model computes what it did. In training it now does nearly the same, where
    before its norms would have scaled everything to variance 1. A layer's weights are scaled so
    that what it gives has variance 1, and the norm's scale makes up for it: so weights are about
    as large as freshly drawn ones, for which learning rates are made.

    Args:
        model: to change.
        batches: uint8[n, h, w, 3] each, of pictures as training sees them.

    Returns:
        The number of norms that were changed.
    """
    pairs = _pairs(model)
    moments = _moments(model, [norm for _, norm in pairs], batches)
    with torch.no_grad():
        for layer, norm in pairs:
            _renew(model.get_submodule(layer), model.get_submodule(norm), *moments[norm])
    return len(pairs)


def _moments(
    model: EmbeddingModel, norms: list[str], batches: Iterable[Tensor]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and standard deviation, float64[c] each, of what every norm takes in evaluation."""
    sums: dict[str, Tensor] = {}

    def add(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            # On the CPU, since not every device has numbers of 64 bits.
            rows = inputs[0].detach().cpu().double().transpose(0, 1).flatten(1)
            count = torch.full_like(rows[:, 0], rows.shape[1])
            more = torch.stack([count, rows.sum(1), rows.square().sum(1)])
            sums[name] = sums[name] + more if name in sums else more

        return hook

    handles = [model.get_submodule(n).register_forward_pre_hook(add(n)) for n in norms]
    training, device = model.training, next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        for pictures in batches:
            model(pictures.to(device))
    model.train(training)
    for handle in handles:
        handle.remove()
    return {name: _mean_and_deviation(*rows) for name, rows in sums.items()}


def _mean_and_deviation(count: Tensor, total: Tensor, squares: Tensor) -> tuple[Tensor, Tensor]:
    mean = total / count
    return mean, (squares / count - mean.square()).clamp(min=_LEAST_DEVIATION**2).sqrt()


def _renew(layer: Any, norm: Any, mean: Tensor, deviation: Tensor) -> None:
    """Divide a layer's weights by the deviation, and let the norm do what it did with its input."""
    slope = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = norm.bias - slope * norm.running_mean
    layer.weight /= deviation.to(layer.weight).view(-1, *[1] * (layer.weight.ndim - 1))
    if layer.bias is not None:
        layer.bias /= deviation.to(layer.bias)
    norm.bias.copy_(shift + slope * mean)
    norm.weight.copy_(slope * deviation * (1 + norm.eps) ** 0.5)
    norm.running_mean.copy_(mean / deviation)
    norm.running_var.fill_(1)


def _read_file(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except (OSError, DecodeError) as error:
        raise ConfigError(f"model.init {str(path)!r}: can't be read as ONNX ({error})") from error


def _check_architecture(file: onnx.ModelProto, model: EmbeddingModel, path: Path) -> None:
    """Refuse a file of another architecture: some would fit, and embed otherwise."""
    wanted = asdict(model.config)
    differing = [
        f"{key} = {value!r}"
        for key, value in _architecture(file, path).items()
        if wanted[key] != value
    ]
    if differing:
        raise ConfigError(
            f"model.init {str(path)!r}: is of another architecture; say in [model] "
            + ", ".join(differing)
        )


def _architecture(file: onnx.ModelProto, path: Path) -> dict[str, Any]:
    trained, default = _spec(file, path).training["config"]["model"], asdict(ModelConfig())
    return {key: trained.get(key, default[key]) for key in default if key in _ARCHITECTURE}


def _spec(file: onnx.ModelProto, path: Path) -> ModelSpec:
    """What a file that `export_model` made says of itself."""
    metadata = {entry.key: entry.value for entry in file.metadata_props}
    try:
        spec = ModelSpec.from_json(metadata[METADATA_KEY])
        spec.training["config"]["model"]
    except (KeyError, TypeError, ModelError) as error:
        raise ConfigError(
            f"model.init {str(path)!r}: doesn't say how it was trained, so it isn't known what its "
            "weights are of; give a file that train made"
        ) from error
    return spec


def _read_weights(graph: onnx.GraphProto) -> dict[str, Tensor]:
    """The file's tensors of floating numbers, by the names they had in training.

    A layer's bias is taken from where the layer takes it: of a norm that was folded in it has a
    name of its own, equal ones are stored once, and zeros not at all. What is kept in 8 bits is
    read as the numbers that it stands for.
    """
    tensors = {
        tensor.name.removeprefix(_PREFIX): torch.from_numpy(np.array(numpy_helper.to_array(tensor)))
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }
    names = {}
    for output, quantised, numbers in _dequantise(graph):
        names[output] = quantised.removeprefix(_PREFIX).removesuffix("_quantized")
        tensors[names[output]] = torch.from_numpy(numbers)
    for node in graph.node:
        if node.op_type in {"Conv", "Gemm"}:
            _, weight, *bias = (names.get(n, n.removeprefix(_PREFIX)) for n in node.input)
            if weight.endswith(".weight") and weight in tensors:
                zeros = torch.zeros(len(tensors[weight]))
                name = f"{weight.removesuffix('.weight')}.bias"
                tensors[name] = tensors.get(bias[0], zeros) if bias else zeros
    return tensors


def _dequantise(graph: onnx.GraphProto) -> Iterator[tuple[str, str, npt.NDArray[np.float32]]]:
    """What the constants of an 8-bit file stand for: where it goes, the constant's name, float32.

    ONNX's DequantizeLinear: (x - zero point) scale, by channel along an axis or at once.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in constants:
            continue
        steps, scale, *zero = (numpy_helper.to_array(constants[name]) for name in node.input)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        shape = [-1 if at == axis % steps.ndim else 1 for at in range(steps.ndim)]
        numbers = steps.astype(np.float32)
        if zero:
            numbers = numbers - zero[0].reshape(shape if zero[0].ndim else ())
        numbers = numbers * scale.reshape(shape if scale.ndim else ())
        yield node.output[0], node.input[0], numbers.astype(np.float32)


def _pairs(model: EmbeddingModel) -> list[tuple[str, str]]:
    """(layer, norm) names wherever a batch norm takes what a convolution or projection gives.

    Found by running a picture through, since names and order differ from family to family.
    """
    made_by: dict[int, str] = {}
    kept: list[Tensor] = []  # so that no later tensor gets an earlier one's identity
    pairs: list[tuple[str, str]] = []

    def remember(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Tensor) -> None:
            kept.append(output)
            made_by[id(output)] = name

        return hook

    def recognise(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if id(inputs[0]) in made_by:
                pairs.append((made_by[id(inputs[0])], name))

        return hook

    handles = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            handles.append(module.register_forward_hook(remember(name)))
        elif is_batch_norm(module):
            handles.append(module.register_forward_pre_hook(recognise(name)))
    training = model.training
    device = next(model.parameters()).device
    with torch.inference_mode():
        model.eval().project(torch.zeros(1, 3, HEIGHT, WIDTH, device=device))
    model.train(training)
    for handle in handles:
        handle.remove()
    return pairs


def _unfold(norm: Any, name: str, bias: Tensor) -> dict[str, Tensor]:
    """The state of a norm that adds ``bias`` and does nothing else in evaluation."""
    return {
        f"{name}.weight": torch.ones_like(bias),
        f"{name}.bias": bias,
        f"{name}.running_mean": torch.zeros_like(bias),
        f"{name}.running_var": torch.ones_like(bias) - norm.eps,
    }

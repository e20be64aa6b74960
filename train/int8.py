"""An extractor in 8-bit integers: smaller and faster, and refused where it costs too much.

Weights and activations are quantised statically (QDQ), weights by channel, activations by what
training pictures make of them: activations without a sign, weights with one, since unsigned weights
run slower than floats. Processors with AVX2 and without VNNI add the products of two neighbouring
inputs in 16 bits, and saturate where they don't fit. So a channel's scale is made as large as it
takes for no two neighbours to overflow, whatever the picture (`safe_ranges`): then every processor
gives the same sums. On `lite0-eighth` that costs a third of a bit and 0.1 points of mAP. (Weights
and activations of 7 bits fit as well, and cost four times what 8 do.)
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from ..gallery.atomic import replacing
from ..gallery.errors import ModelError, TrainingError, first_line
from ..gallery.evaluation.embedding import embed_files
from ..gallery.extractor import Extractor, ModelSpec
from ..gallery.extractor.contract import INPUT
from ..gallery.extractor.metadata import with_spec
from ..gallery.pictures.fit import fit
from ..gallery.pictures.read import read_crop
from .calibration import calibrate_embeddings
from .export import REDUCTION
from .held_out import HeldOutResult, rank_held_out
from .material import split_of_run
from .run_folder import INT8_MODEL, MODEL
from .saying import log
from .splitting import TrainingPicture
from .stage_norm import is_of_stage_norm

TOLERANCE_MAP = 0.01
"""Of the held-out mAP, in [0, 1]: a file that loses more is not written."""

CALIBRATION_PICTURES = 128

_OPERATORS = ["Conv", "Gemm", "MatMul", "Clip", "Relu", "Add", "GlobalAveragePool"]
"""Normalisation, stages' norms and the division by the length stay in floats: they cost nothing.
Pictures are reduced in floats as well, since rounding would come on top of what they were rounded
to."""

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Int8Cost:
    """Held-out mAP before and after."""

    float32: float
    int8: float

    @property
    def loss(self) -> float:
        """What was lost; below 0 where something was won."""
        return self.float32 - self.int8


def export_int8(run: Path) -> Path:
    """Quantise a run's exported model, and write it if it recognises held-out people as well.

    Returns:
        The file, ``run/model-int8.onnx``; its specification has its own figures and calibration.

    Raises:
        TrainingError: the run has no exported model, or held nobody out.
        ModelError: it costs more than `TOLERANCE_MAP`; nothing is written.
    """
    source, out = run / MODEL, run / INT8_MODEL
    if not source.is_file():
        raise TrainingError(f"{run}: has no {MODEL} yet; export it first")
    split = split_of_run(run)
    before = Extractor.load(source)
    log("measuring the float model on the held-out people")
    float_result = _measure(before, split.validation)[1]
    if float_result is None:
        raise TrainingError(f"{run}: holds nobody out, so nobody can say what 8 bits cost")
    with replacing(out) as part:
        log(f"quantising on {CALIBRATION_PICTURES} training pictures")
        quantize(source, part, sample_pictures(split.training))
        log("measuring the quantised model")
        embeddings, result = _measure(Extractor.load(part), split.validation)
        assert result is not None  # noqa: S101 (the same people as before)
        cost = Int8Cost(float_result.figure("map"), result.figure("map"))
        _refuse_costly(cost, source)
        calibration = calibrate_embeddings(embeddings, split.validation)
        described = _describe(before, cost, result, calibration)
        part.write_bytes(with_spec(part.read_bytes(), described))
    log(f"held-out mAP {cost.float32:.4f} in floats, {cost.int8:.4f} in 8 bits: {out}")
    return out


def quantize(source: Path, out: Path, pictures: npt.NDArray[np.uint8]) -> None:
    """Write a model file's quantised twin, its specification unchanged.

    Args:
        source: a model file of our contract.
        out: the file to write.
        pictures: uint8[n, 256, 128, 3], such as the model will see.

    Raises:
        ModelError: the result is not sound.
    """
    graph = onnx.load(source).graph
    with _quiet():
        quantize_static(
            str(source),
            str(out),
            _Reader(pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_OPERATORS,
            nodes_to_exclude=_kept_in_floats(graph),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"TensorQuantOverrides": _overrides(safe_ranges(graph))},
        )
    try:
        onnx.checker.check_model(onnx.load(out), full_check=True)
    except onnx.checker.ValidationError as error:
        reason = first_line(error)
        raise ModelError(f"{source}: its quantised twin is not sound ({reason})") from error


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """How far the weights of each output channel reach.

    Attributes:
        axis: of the tensor, along which its output channels are.
        reach: float32[c], what 127 steps of a channel's scale are, at least its largest weight.
    """

    axis: int
    reach: npt.NDArray[np.float32]


def safe_ranges(graph: onnx.GraphProto) -> dict[str, Ranges]:
    """Say how large scales must be for no two products to overflow 16 bits together, by tensor.

    Of two inputs of at most 255, weights of one sign that add up to 128 make 32,640; 16 bits hold
    32,767. Neighbours are inputs 2i and 2i + 1 of a product of matrices, which a convolution of one
    pixel is, too; of a larger one any two may be, since that depends on how it is laid out.
    Depthwise convolutions are summed in 32 bits.
    """
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    found = {}
    for node in graph.node:
        name = node.input[1] if node.op_type in {"Conv", "Gemm", "MatMul"} else ""
        if name not in tensors or name in REDUCTION:
            continue
        axis = 0 if node.op_type == "Conv" or _is_transposed(node) else 1
        weights = np.moveaxis(numpy_helper.to_array(tensors[name]), axis, 0)
        if node.op_type != "Conv" or weights.shape[1] > 1:
            found[name] = Ranges(axis, _safe_reach(weights))
    return found


def _is_transposed(node: onnx.NodeProto) -> bool:
    return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)


def _safe_reach(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of weights float32[c, inputs, ...]."""
    rows = weights.reshape(len(weights), -1)
    known = rows.shape[1] == weights.shape[1]
    sums = [_largest_sum(np.maximum(signed, 0), neighbours=known) for signed in (rows, -rows)]
    return np.asarray(np.max([np.abs(rows).max(axis=1), *sums], axis=0))


def _largest_sum(rows: npt.NDArray[np.float32], *, neighbours: bool) -> npt.NDArray[np.float32]:
    """The largest sum of two weights of a row: of neighbours alone, or of any two."""
    if not neighbours:
        return np.asarray(np.sort(rows, axis=1)[:, -2:].sum(axis=1))
    even = rows[:, : rows.shape[1] // 2 * 2]
    return np.asarray((even[:, ::2] + even[:, 1::2]).max(axis=1, initial=0))


def _overrides(found: dict[str, Ranges]) -> dict[str, list[dict[str, Any]]]:
    """The ranges as the library takes them: an entry a channel, the axis in the first."""
    return {
        name: [
            {"rmin": -float(reach), "rmax": float(reach)}
            | ({"axis": ranges.axis} if number == 0 else {})
            for number, reach in enumerate(ranges.reach)
        ]
        for name, ranges in found.items()
    }


def _kept_in_floats(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes that reduce pictures, and of the sums that stages' norms end with."""
    normalised = {
        name
        for node in graph.node
        if any(is_of_stage_norm(taken) for taken in node.input)
        for name in node.output
    }
    apart = {*REDUCTION, *normalised}
    return [node.name for node in graph.node if not apart.isdisjoint(node.input)]


def sample_pictures(training: Sequence[TrainingPicture]) -> npt.NDArray[np.uint8]:
    """Return some fitted training pictures, uint8[n, 256, 128, 3], the same at every call."""
    count = min(CALIBRATION_PICTURES, len(training))
    chosen = np.random.default_rng(0).choice(len(training), count, replace=False)
    return np.stack([fit(read_crop(training[number].path)) for number in sorted(chosen)])


def _measure(
    extractor: Extractor, held_out: Sequence[TrainingPicture]
) -> tuple[npt.NDArray[np.float32], HeldOutResult | None]:
    embeddings = embed_files(extractor, [picture.path for picture in held_out])
    return embeddings, rank_held_out(embeddings, held_out)


def _refuse_costly(cost: Int8Cost, source: Path) -> None:
    if not cost.loss <= TOLERANCE_MAP:
        raise ModelError(
            f"{source}: 8 bits cost {cost.loss:.4f} of the held-out mAP ({cost.float32:.4f} to "
            f"{cost.int8:.4f}), more than {TOLERANCE_MAP}; use the float model"
        )


def _describe(
    before: Extractor, cost: Int8Cost, result: HeldOutResult, calibration: dict[str, Any] | None
) -> ModelSpec:
    figures = {"map": result.figure("map"), "rank1": result.figure("cmc_1")}
    return replace(
        before.spec,
        name=f"{before.spec.name}-int8",
        training={**before.spec.training, "quantised_from": before.sha256, "cost": asdict(cost)},
        metrics={"held_out_people": figures},
        calibration=calibration,
    )


class _Reader(CalibrationDataReader):  # type: ignore[misc] # the library has no types
    """Feeds pictures to the library."""

    def __init__(self, pictures: npt.NDArray[np.uint8]) -> None:
        starts = range(0, len(pictures), _BATCH)
        self._batches: Iterator[npt.NDArray[np.uint8]] = (
            pictures[start : start + _BATCH] for start in starts
        )

    def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
        """Return the next batch, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's advice, which is for its own users, off our stderr."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)

"""An extractor in 8-bit integers: smaller and faster, and refused where it costs too much.

Weights and activations are quantised statically (QDQ), weights by channel, activations by what
training pictures make of them. Measured on the shipped model, 7 bits, which no processor's sums can
overflow, cost four times the accuracy of 8, and unsigned weights run slower than floats; so
activations are unsigned and weights have 8 bits and a sign. Processors with AVX2 and without VNNI
add pairs of such products in 16 bits and may saturate; what 8 bits cost is measured on the machine
that exports.
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
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from ..gallery.atomic import replacing
from ..gallery.errors import ModelError, TrainingError
from ..gallery.extractor import Extractor, ModelSpec
from ..gallery.extractor.contract import INPUT
from ..gallery.extractor.metadata import with_spec
from ..gallery.pictures.fit import fit
from ..gallery.pictures.read import read_crop
from .calibration import calibrate_embeddings
from .export import REDUCTION
from .held_out import HeldOutResult, embed_pictures, rank_held_out
from .material import split_of_run
from .run_folder import INT8_MODEL, MODEL, log
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
    with _quiet():
        quantize_static(
            str(source),
            str(out),
            _Reader(pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_OPERATORS,
            nodes_to_exclude=_kept_in_floats(onnx.load(source).graph),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    try:
        onnx.checker.check_model(onnx.load(out), full_check=True)
    except onnx.checker.ValidationError as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{source}: its quantised twin is not sound ({reason})") from error


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
    embeddings = embed_pictures(extractor, held_out)
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

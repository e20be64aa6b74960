"""What a model file costs: parameters, operations, and time on this machine."""

import time
from collections.abc import Sequence

import numpy as np
import onnx

from ...gallery.extractor import Extractor
from ...gallery.extractor.agreement import noise_pictures

_LEAST_TURNS = 12
_SECONDS = 2.0
"""A model, at least; small ones take many turns, since a busy machine disturbs a short one."""

Shape = list[int]


def count_parameters(model: onnx.ModelProto) -> int:
    """How many numbers a graph holds, scales of quantised weights not counted.

    Weights of normalisation layers are folded into the convolutions, so there are fewer than in
    training.
    """
    scales = _scales(model)
    kept = (tensor for tensor in model.graph.initializer if tensor.name not in scales)
    return sum(int(np.prod(tensor.dims, dtype=np.int64)) for tensor in kept)


def count_flops(model: onnx.ModelProto) -> int:
    """Floating-point operations of one picture: two for each multiplication with its addition.

    Counted are convolutions and products of matrices, which are nearly all; the shapes are those
    that ONNX infers for a batch of one.
    """
    shapes = _shapes(model)
    return sum(2 * _multiplications(node, shapes) for node in model.graph.node)


def measure_speeds(extractors: Sequence[Extractor], batch_size: int) -> list[float]:
    """Pictures a second of each model, in turns, so that all have the same machine.

    Args:
        extractors: the models.
        batch_size: at a time.

    Returns:
        The medians over the turns, without decoding and fitting.
    """
    pictures = noise_pictures(batch_size)
    for extractor in extractors:  # the first time is slower
        extractor.embed_fitted(pictures, batch_size=batch_size)
    seconds: list[list[float]] = [[] for _ in extractors]
    end = time.perf_counter() + _SECONDS * len(extractors)
    while len(seconds[0]) < _LEAST_TURNS or time.perf_counter() < end:
        for extractor, own in zip(extractors, seconds, strict=True):
            began = time.perf_counter()
            extractor.embed_fitted(pictures, batch_size=batch_size)
            own.append(time.perf_counter() - began)
    return [batch_size / float(np.median(own)) for own in seconds]


def _scales(model: onnx.ModelProto) -> set[str]:
    """Names of the scales and zero points of quantised tensors."""
    kinds = {"QuantizeLinear", "DequantizeLinear"}
    nodes = (node for node in model.graph.node if node.op_type in kinds)
    return {name for node in nodes for name in node.input[1:]}


def _shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """Every tensor's shape for a batch of one."""
    single = onnx.ModelProto()
    single.CopyFrom(model)
    for port in (*single.graph.input, *single.graph.output):
        port.type.tensor_type.shape.dim[0].Clear()
        port.type.tensor_type.shape.dim[0].dim_value = 1
    graph = onnx.shape_inference.infer_shapes(single, data_prop=True).graph
    shapes = {
        port.name: [dim.dim_value for dim in port.type.tensor_type.shape.dim]
        for port in (*graph.input, *graph.output, *graph.value_info)
    }
    return shapes | {tensor.name: list(tensor.dims) for tensor in graph.initializer}


def _multiplications(node: onnx.NodeProto, shapes: dict[str, Shape]) -> int:
    if node.op_type not in {"Conv", "Gemm", "MatMul"}:
        return 0
    made = int(np.prod(shapes[node.output[0]], dtype=np.int64))
    right = shapes[node.input[1]]
    if node.op_type == "Conv":  # weights are [out, in / groups, height, width]
        return made * int(np.prod(right[1:], dtype=np.int64))
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    return made * (right[-1] if transposed else right[-2])

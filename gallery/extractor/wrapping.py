"""The graph around a third-party model: our input before it, unit rows behind it.

Only operators that mean the same in all of ONNX's opsets since 9 are added, so that the model
keeps the opset it was exported with.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..pictures.fit import HEIGHT, WIDTH
from .contract import INPUT, OUTPUT
from .ports import Ports
from .preprocessing import Preprocessing, resizing_weights

if TYPE_CHECKING:
    import onnx

LEAST_OPSET = 9

_INNER = "adopted/"
"""Before every name of the third-party graph, so that none is taken twice."""

_IR_VERSION = 8
"""Initializers need not be inputs as well since version 4; kept low for older runtimes."""


@dataclass(slots=True)
class _Chain:
    """Nodes one after the other."""

    last: str
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def add(self, operator: str, *more: npt.NDArray[Any], first: bool = False, **how: Any) -> None:
        """Apply an operator to the last result and constants; ``first``: constants come first."""
        from onnx import helper, numpy_helper  # noqa: PLC0415 (of the training extra)

        name = f"{operator.lower()}_{len(self.nodes)}"
        names = [f"{name}_{number}" for number in range(len(more))]
        self.constants += [
            numpy_helper.from_array(np.ascontiguousarray(value), constant)
            for value, constant in zip(more, names, strict=True)
        ]
        inputs = [*names, self.last] if first else [self.last, *names]
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **how))
        self.last = name


def wrap(
    model: "onnx.ModelProto",
    ports: Ports,
    preprocessing: Preprocessing,
    *,
    dim: int,
    one_by_one: bool,
) -> "onnx.ModelProto":
    """Return a model of our contract around a third-party one, which is not changed.

    Args:
        model: the third-party model.
        ports: its input and output.
        preprocessing: what it takes.
        dim: length of an embedding.
        one_by_one: run it on each picture by itself, for one that can't take a batch.
    """
    import onnx  # noqa: PLC0415 (of the training extra)

    inner = onnx.compose.add_prefix(model, _INNER, rename_functions=False)
    chain = _Chain(INPUT)
    _prepare(chain, ports, preprocessing)
    if one_by_one:
        chain.nodes.append(_scan(inner, ports, preprocessing, dim, chain.last))
        chain.last = "scanned"
    else:
        _connect(chain, inner, ports)
    if _gives_half(model, ports.output):
        chain.add("Cast", to=onnx.TensorProto.FLOAT)
    chain.add("Flatten", axis=1)
    chain.add("LpNormalization", axis=1, p=2)
    return _finish(model, chain, dim)


def _prepare(chain: _Chain, ports: Ports, preprocessing: Preprocessing) -> None:
    """From uint8[n, 256, 128, 3] RGB to the model's input, for any n."""
    from onnx import TensorProto  # noqa: PLC0415 (of the training extra)

    if preprocessing.channels == "bgr":
        chain.add("Gather", np.array([2, 1, 0]), axis=3)
    chain.add("Transpose", perm=[0, 3, 1, 2])
    chain.add("Cast", to=TensorProto.FLOAT)
    if preprocessing.height != HEIGHT:
        chain.add("MatMul", resizing_weights(HEIGHT, preprocessing.height), first=True)
    if preprocessing.width != WIDTH:
        chain.add("MatMul", resizing_weights(WIDTH, preprocessing.width).T)
    factor, shift = preprocessing.factors
    chain.add("Mul", factor.reshape(1, 3, 1, 1))
    chain.add("Add", shift.reshape(1, 3, 1, 1))
    if ports.layout == "nhwc":
        chain.add("Transpose", perm=[0, 2, 3, 1])
    if ports.half:
        chain.add("Cast", to=TensorProto.FLOAT16)


def _connect(chain: _Chain, inner: "onnx.ModelProto", ports: Ports) -> None:
    """Put the third-party graph behind the chain."""
    from onnx import helper  # noqa: PLC0415 (of the training extra)

    given = _INNER + ports.input
    chain.nodes.append(helper.make_node("Identity", [chain.last], [given], "given"))
    chain.nodes += inner.graph.node
    chain.constants += inner.graph.initializer
    chain.last = _INNER + ports.output


def _scan(
    inner: "onnx.ModelProto", ports: Ports, preprocessing: Preprocessing, dim: int, given: str
) -> Any:
    """Make a node that runs the third-party graph once a picture: [n, ...] to "scanned" [n, d]."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 (of the training extra)

    height, width = preprocessing.height, preprocessing.width
    one = [3, height, width] if ports.layout == "nchw" else [height, width, 3]
    made = TensorProto.FLOAT16 if _gives_half(inner, _INNER + ports.output) else TensorProto.FLOAT
    taken = TensorProto.FLOAT16 if ports.half else TensorProto.FLOAT
    body = helper.make_graph(
        [
            helper.make_node("Reshape", ["one", "batch_of_one"], [_INNER + ports.input], "given"),
            *inner.graph.node,
            helper.make_node("Reshape", [_INNER + ports.output, "row"], ["made"], "made"),
        ],
        "one picture",
        [helper.make_tensor_value_info("one", taken, one)],
        [helper.make_tensor_value_info("made", made, [dim])],
        [
            numpy_helper.from_array(np.array([1, *one]), "batch_of_one"),
            numpy_helper.from_array(np.array([dim]), "row"),
            *inner.graph.initializer,
        ],
    )
    return helper.make_node("Scan", [given], ["scanned"], "scan", body=body, num_scan_inputs=1)


def _finish(model: "onnx.ModelProto", chain: _Chain, dim: int) -> "onnx.ModelProto":
    """Make the model, with the opsets, local functions and metadata of the third party's."""
    from onnx import TensorProto, helper  # noqa: PLC0415 (of the training extra)

    chain.nodes[-1].output[0] = OUTPUT
    graph = helper.make_graph(
        chain.nodes,
        model.graph.name or "adopted",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", HEIGHT, WIDTH, 3])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", dim])],
        chain.constants,
    )
    wrapped = helper.make_model(
        graph,
        opset_imports=model.opset_import,
        ir_version=max(_IR_VERSION, model.ir_version),
        functions=model.functions,
        producer_name=model.producer_name,
    )
    wrapped.metadata_props.extend(model.metadata_props)
    return wrapped


def _gives_half(model: "onnx.ModelProto", output: str) -> bool:
    from onnx import TensorProto  # noqa: PLC0415 (of the training extra)

    kinds = {port.name: port.type.tensor_type.elem_type for port in model.graph.output}
    return bool(kinds[output] == TensorProto.FLOAT16)

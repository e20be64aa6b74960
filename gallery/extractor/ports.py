"""Where a third-party model is connected: its input and its output, as its graph declares them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ModelError

if TYPE_CHECKING:
    import onnx

Layout = Literal["nchw", "nhwc"]


@dataclass(frozen=True, slots=True)
class Ports:
    """An input and an output.

    Attributes:
        input: name of the input: float32 or float16, four dimensions.
        output: name of the output.
        layout: order of the input's dimensions.
        batch: the input's batch where it is fixed, None where it is free.
        height: of the input where it is fixed.
        width: of the input where it is fixed.
        half: whether the input is float16.
    """

    input: str
    output: str
    layout: Layout
    batch: int | None
    height: int | None
    width: int | None
    half: bool


def find_ports(model: "onnx.ModelProto", output: str | None, *, where: str) -> Ports:
    """Read a graph's input and output.

    Args:
        model: the third-party model.
        output: which output holds the embeddings; needed only where there are several.
        where: named in errors.

    Raises:
        ModelError: they are not those of a picture's extractor.
    """
    port = _only_input(model, where)
    half = _is_half(port, where)
    batch, *sizes = _dims(port)
    layout = _layout(sizes, where)
    height, width = sizes[1:] if layout == "nchw" else sizes[:2]
    name = _choose_output(model, output, where)
    return Ports(port.name, name, layout, batch, height, width, half)


def _only_input(model: "onnx.ModelProto", where: str) -> Any:
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [port for port in model.graph.input if port.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(port.name for port in inputs) or "none"
        raise ModelError(
            f"{where}: has {len(inputs)} inputs ({names}); one, of pictures, is needed"
        )
    return inputs[0]


def _is_half(port: Any, where: str) -> bool:
    import onnx  # noqa: PLC0415 (of the training extra)

    kind = port.type.tensor_type.elem_type
    if kind not in {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}:
        name = onnx.TensorProto.DataType.Name(kind).lower()
        raise ModelError(f"{where}: the input {port.name} is {name}; float or float16 is needed")
    return bool(kind == onnx.TensorProto.FLOAT16)


def _dims(port: Any) -> list[int | None]:
    """An input's dimensions; None is a free one."""
    dims = port.type.tensor_type.shape.dim
    return [dim.dim_value if dim.dim_value > 0 else None for dim in dims]


def _layout(sizes: list[int | None], where: str) -> Layout:
    """Where the channels are; ONNX's own convention where the graph doesn't say."""
    if len(sizes) == 3 and sizes[0] in {3, None} and not (sizes[0] is None and sizes[2] == 3):
        return "nchw"
    if len(sizes) == 3 and sizes[2] == 3:
        return "nhwc"
    shown = ", ".join(["n", *("?" if size is None else str(size) for size in sizes)])
    raise ModelError(
        f"{where}: the input is [{shown}]; [n, 3, height, width] or [n, height, width, 3] is needed"
    )


def _choose_output(model: "onnx.ModelProto", output: str | None, where: str) -> str:
    names = [str(port.name) for port in model.graph.output]
    if output is None and len(names) == 1:
        return names[0]
    if output is None:
        raise ModelError(
            f"{where}: has the outputs {', '.join(names)}; say which holds the embeddings"
        )
    if output not in names:
        raise ModelError(f"{where}: has no output {output!r}; its outputs are {', '.join(names)}")
    return output

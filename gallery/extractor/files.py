"""Model files read and written as graphs, which takes onnx, of the training extra."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelError, first_line
from .spec import METADATA_KEY, ModelSpec

if TYPE_CHECKING:
    import onnx


def check_out(out: Path) -> None:
    """Refuse a file that is there, or whose folder isn't.

    Raises:
        ModelError: either.
    """
    if out.exists():
        raise ModelError(
            f"{out}: exists already; name another file with --out, since galleries know a model by "
            "its content"
        )
    if not out.parent.is_dir():
        raise ModelError(f"{out}: can't be written, {out.parent} is no folder")


def read_graph(source: Path, *, doing: str) -> "onnx.ModelProto":
    """Load a graph with the weights that lie beside it.

    Args:
        source: the ONNX file.
        doing: what it is for, as the beginning of a sentence, such as "adopting".

    Raises:
        ModelError: it is missing or no ONNX file, or onnx isn't installed.
    """
    if not source.is_file():
        raise ModelError(f"{source}: no such model file")
    try:
        import onnx  # noqa: PLC0415 (of the training extra)
    except ImportError as error:
        raise ModelError(f"{doing} needs onnx: pip install 'reid-gallery[train]'") from error
    try:
        return onnx.load(source)
    except Exception as error:  # protobuf's and onnx's errors share no base below Exception
        reason = first_line(error)
        raise ModelError(f"{source}: not an ONNX file that can be read ({reason})") from error


def save_graph(model: "onnx.ModelProto", path: Path, spec: ModelSpec) -> None:
    """Write a graph with this specification in place of any that it has.

    Raises:
        ModelError: the graph isn't sound.
        OSError: it can't be written.
    """
    import onnx  # noqa: PLC0415 (of the training extra)

    others = [entry for entry in model.metadata_props if entry.key != METADATA_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, spec.to_json()
    try:
        onnx.checker.check_model(model)
        onnx.save(model, path)
    except (onnx.checker.ValidationError, ValueError) as error:  # ValueError: above 2 GiB
        reason = first_line(error)
        raise ModelError(
            f"the wrapped model is not sound ({reason}); nothing was written"
        ) from error

"""Where models are found: a file that is named, or the one that is shipped."""

from importlib.resources import files
from pathlib import Path

from .. import models
from ..errors import ModelError

DEFAULT = "default.onnx"
"""The shipped model, in the package ``models`` beside this one."""


def resolve_model(model: str | Path | None = None) -> Path:
    """Return the path of the model to use.

    Args:
        model: an ONNX file; None for the shipped default.

    Raises:
        ModelError: there is no such file.
    """
    if model is not None:
        path = Path(model).expanduser()
        if not path.is_file():
            raise ModelError(f"{path}: no such model file")
        return path
    shipped = Path(str(files(models) / DEFAULT))
    if not shipped.is_file():
        raise ModelError(
            "this installation ships no default model; give one with --model FILE.onnx, or train "
            "one with reid-gallery train"
        )
    return shipped

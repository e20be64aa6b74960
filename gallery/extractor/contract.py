"""The contract of every model file: one input, one output, and what they hold."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..counted import counted
from ..embeddings import find_not_unit
from ..errors import ModelError, PictureError
from ..pictures.fit import HEIGHT, WIDTH
from ..pictures.read import Crop

INPUT = "pictures"
"""uint8[n, 256, 128, 3] RGB, any n."""

OUTPUT = "embeddings"
"""float32[n, d], unit rows."""

Embeddings = npt.NDArray[np.float32]


_ADVICE = "export or adopt the model with this program"


class Port(Protocol):
    """An input or output as ONNX Runtime describes it; a free dimension is a name or None."""

    name: str
    type: str
    shape: Sequence[int | str | None]


def output_dim(inputs: Sequence[Port], outputs: Sequence[Port], *, where: str) -> int:
    """Check a model's inputs and outputs against the contract; return the embeddings' length.

    Raises:
        ModelError: they differ; the text says how, and names ``where``.
    """
    if not _fits(inputs, INPUT, "tensor(uint8)", (HEIGHT, WIDTH, 3)):
        wanted = f"{INPUT}: tensor(uint8)[n, {HEIGHT}, {WIDTH}, 3]"
        raise ModelError(f"{where}: the input must be {wanted}, not {_text(inputs)}; {_ADVICE}")
    if not _fits(outputs, OUTPUT, "tensor(float)", (None,)):
        wanted = f"{OUTPUT}: tensor(float)[n, d]"
        raise ModelError(f"{where}: the output must be {wanted}, not {_text(outputs)}; {_ADVICE}")
    dim = outputs[0].shape[1]
    if not isinstance(dim, int):
        raise ModelError(f"{where}: the output must have a fixed length d, not {_text(outputs)}")
    return dim


def check_fitted(pictures: npt.NDArray[np.uint8]) -> None:
    """Refuse anything but uint8[n, 256, 128, 3].

    Raises:
        PictureError: it is something else.
    """
    if pictures.dtype != np.uint8 or pictures.shape[1:] != (HEIGHT, WIDTH, 3):
        raise PictureError(
            f"fitted pictures must be uint8[n, {HEIGHT}, {WIDTH}, 3], not "
            f"{pictures.dtype}{list(pictures.shape)}; use embed for crops of any size"
        )


def check_crop(crop: Crop, number: int) -> None:
    """Refuse anything but uint8[h, w, 3].

    Raises:
        PictureError: it is something else; the text names the crop by its ``number``.
    """
    if not isinstance(crop, np.ndarray) or crop.dtype != np.uint8 or crop.shape[2:] != (3,):
        found = f"{crop.dtype}{list(crop.shape)}" if isinstance(crop, np.ndarray) else type(crop)
        raise PictureError(f"crop {number} must be uint8[h, w, 3] RGB, not {found}")


def check_embeddings(embeddings: Embeddings, *, rows: int, dim: int, where: str) -> None:
    """Refuse a model's output that isn't ``rows`` unit vectors.

    Raises:
        ModelError: the model breaks its contract.
    """
    if embeddings.shape != (rows, dim):
        raise ModelError(
            f"{where}: gave {list(embeddings.shape)} for {counted(rows, 'picture')}, not "
            f"[{rows}, {dim}]; it isn't a model of this program's contract"
        )
    wrong, lengths = find_not_unit(embeddings)
    if wrong.size:
        raise ModelError(
            f"{where}: embedding {wrong[0]} has length {lengths[wrong[0]]:.4g}, not 1; "
            "normalisation must be inside the graph: export the model again"
        )


def _fits(ports: Sequence[Port], name: str, dtype: str, tail: tuple[int | None, ...]) -> bool:
    """Whether there is one port, of this name and type, with a free batch before ``tail``.

    None in ``tail`` stands for any size.
    """
    if len(ports) != 1 or ports[0].name != name or ports[0].type != dtype:
        return False
    batch, *sizes = ports[0].shape or [0]
    return (
        not isinstance(batch, int)
        and len(sizes) == len(tail)
        and all(t is None or t == size for t, size in zip(tail, sizes, strict=True))
    )


def _text(ports: Sequence[Port]) -> str:
    return ", ".join(f"{p.name}: {p.type}{list(p.shape)}" for p in ports) or "none"

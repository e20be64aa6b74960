"""Adoption: any person extractor in ONNX becomes a model file of our contract."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..atomic import replacing
from ..errors import ModelError, first_line
from .agreement import check_agreement, noise_pictures
from .contract import Embeddings
from .files import check_out, read_graph, save_graph
from .hashing import hash_file
from .onnx_extractor import Extractor
from .ports import Ports, find_ports
from .preprocessing import Preprocessing
from .session import CPU, open_session
from .spec import METADATA_KEY, ModelSpec
from .wrapping import LEAST_OPSET, wrap

if TYPE_CHECKING:
    import onnx

UNKNOWN_LICENCE = "not stated; ask who made the model"

_CHECKED = 8

Build = Callable[[bool], "onnx.ModelProto"]
"""Wraps a model, for whole batches (False) or picture by picture (True)."""


def adopt(
    source: Path,
    out: Path,
    *,
    preprocessing: Preprocessing,
    output: str | None = None,
    name: str = "",
    licence: str = UNKNOWN_LICENCE,
) -> ModelSpec:
    """Wrap a third-party extractor in our contract, check it, and write it.

    The model takes float32 or float16 pictures, ``[n, 3, h, w]`` or ``[n, h, w, 3]``, and gives
    ``[n, d]`` or ``[n, d, 1, 1]``, of any length. One that takes a single picture at a time, or
    whose answers depend on what else is in the batch, is run on each picture by itself. Weights in
    files beside the graph are taken into the one file.

    Args:
        source: the ONNX file; not changed.
        out: the file to write; there must be none yet.
        preprocessing: what the model takes.
        output: which output holds the embeddings; needed only where there are several.
        name: of the model; by default that of the file.
        licence: note on who may use it for what.

    Returns:
        What the file says of itself; it has no calibration.

    Raises:
        ModelError: the file is no such model, or gives something else once it is wrapped; nothing
            is written.
    """
    check_out(out)
    model = _read(source)
    ports = find_ports(model, output, where=str(source))
    _check_size(ports, preprocessing, where=str(source))
    pictures = noise_pictures(_CHECKED)
    wanted = _run_bare(source, ports, preprocessing.apply(pictures))
    spec = ModelSpec(
        name=name or source.stem,
        backbone="not stated",
        dim=wanted.shape[1],
        training={"adopted": _origin(source, model, preprocessing)},
        licence=licence,
    )

    def build(one_by_one: bool) -> "onnx.ModelProto":
        return wrap(model, ports, preprocessing, dim=spec.dim, one_by_one=one_by_one)

    try:
        with replacing(out) as part:
            _write_checked(part, build, spec, pictures, wanted)
    except OSError as error:
        raise ModelError(f"{out}: can't be written ({error.strerror or error})") from error
    return spec


def _read(source: Path) -> "onnx.ModelProto":
    model = read_graph(source, doing="adopting")
    opset = next((i.version for i in model.opset_import if i.domain in {"", "ai.onnx"}), 0)
    if opset < LEAST_OPSET:
        raise ModelError(
            f"{source}: of opset {opset}; export it again with opset {LEAST_OPSET} or later"
        )
    if any(entry.key == METADATA_KEY for entry in model.metadata_props):
        raise ModelError(f"{source}: is a model of this program already; use it as it is")
    return model


def _check_size(ports: Ports, preprocessing: Preprocessing, *, where: str) -> None:
    given = (preprocessing.height, preprocessing.width)
    fixed = (ports.height or given[0], ports.width or given[1])
    if fixed != given:
        raise ModelError(
            f"{where}: takes pictures of {fixed[0]}x{fixed[1]}, not {given[0]}x{given[1]}; "
            "give that with --size"
        )
    if ports.batch not in {None, 1}:
        raise ModelError(
            f"{where}: takes {ports.batch} pictures at a time, neither one nor any number; "
            "export it again with a free batch"
        )


def _run_bare(source: Path, ports: Ports, pixels: npt.NDArray[np.float32]) -> Embeddings:
    """Run the third-party model as it is, picture by picture; return float32[n, d] unit rows."""
    session = open_session(source, None, [CPU])
    taken = pixels.astype(np.float16 if ports.half else np.float32)
    if ports.layout == "nchw":
        taken = taken.transpose(0, 3, 1, 2)
    rows = []
    for number in range(len(taken)):
        try:
            row = session.run([ports.output], {ports.input: taken[number : number + 1]})[0]
        except Exception as error:  # its errors share no base below Exception
            reason = first_line(error)
            raise ModelError(f"{source}: fails on a picture ({reason})") from error
        rows.append(_as_row(row, where=str(source)))
    return np.stack(rows)


def _as_row(output: npt.NDArray[Any], *, where: str) -> Embeddings:
    shape = output.shape
    if shape[:1] != (1,) or len(shape) not in {2, 4} or any(size != 1 for size in shape[2:]):
        raise ModelError(
            f"{where}: gives {list(shape)} for one picture; [1, d] or [1, d, 1, 1] is needed"
        )
    row: Embeddings = output.reshape(-1).astype(np.float32)
    length = float(np.linalg.norm(row))
    if not 0 < length < np.inf:
        raise ModelError(f"{where}: an embedding has length {length}, and no direction")
    return np.divide(row, length, dtype=np.float32)


def _origin(
    source: Path, model: "onnx.ModelProto", preprocessing: Preprocessing
) -> Mapping[str, Any]:
    """Say what was adopted, and how."""
    with source.open("rb") as file:
        sha256 = hash_file(file)
    return {
        "file": source.name,
        "sha256": sha256,
        "producer": " ".join([model.producer_name, model.producer_version]).strip(),
        "preprocessing": asdict(preprocessing),
    }


def _write_checked(
    path: Path, build: Build, spec: ModelSpec, pictures: npt.NDArray[np.uint8], wanted: Embeddings
) -> None:
    """Write the wrapped model: for whole batches if it can take them, else picture by picture."""
    for one_by_one in (False, True):
        save_graph(build(one_by_one), path, spec)
        try:
            check_agreement(Extractor.load(path), pictures, wanted)
        except ModelError:
            if one_by_one:
                raise
        else:
            return

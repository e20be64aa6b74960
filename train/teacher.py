"""Another extractor's embeddings of the training pictures, to learn from.

They are read from an ``.npz`` that holds ``paths`` (absolute) and ``embeddings``, float[m, t], or
made by a model of our contract, an adopted one among them, and then kept in such a file.
"""

from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..gallery.atomic import replacing
from ..gallery.counted import counted
from ..gallery.errors import TrainingError
from ..gallery.extractor.mirroring import embed_both_ways
from ..gallery.extractor.onnx_extractor import Extractor
from ..gallery.pictures.fit import fit
from ..gallery.pictures.read import read_crop
from .saying import log

Embeddings = npt.NDArray[np.float32]

_UNREADABLE = (OSError, EOFError, BadZipFile, ValueError, TypeError)
"""What `numpy.load` raises of anything but an ``.npz``; the last when one array is entered."""

_AT_A_TIME = 32
_TOLD_EVERY = 100 * _AT_A_TIME


def load_teacher(file: Path, paths: Sequence[Path], *, kept: Path) -> Tensor:
    """Return a teacher's embeddings, float32[n, t], in the order of ``paths``.

    Args:
        file: an ``.npz`` of embeddings, or an ``.onnx`` model.
        paths: of all training pictures.
        kept: an ``.npz``, where a model's embeddings are kept and found again.

    Raises:
        TrainingError: the file can't be read, isn't of this form, or lacks one of the pictures; or
            what lies where a model's embeddings are to be kept was not made here.
        ModelError: the model isn't of our contract.
    """
    if file.suffix.lower() != ".onnx":
        return torch.from_numpy(_select(file, paths))
    teacher = Extractor.load(file)
    if not _was_made_by(kept, teacher, paths):
        _refuse_to_replace(kept)
        pictures = counted(len(paths), "picture")
        log(f"the teacher {file} embeds {pictures}, each as it is and mirrored")
        names = [str(path.resolve()) for path in paths]
        rows = _embed_with_mirrored(teacher, paths)
        try:
            with replacing(kept) as temporary:
                np.savez(temporary, paths=names, embeddings=rows, teacher=teacher.sha256)
        except OSError as error:
            raise TrainingError(f"{kept}: can't be written ({error.strerror or error})") from error
    return torch.from_numpy(_select(kept, paths))


def _was_made_by(kept: Path, teacher: Extractor, paths: Sequence[Path]) -> bool:
    """Whether the file holds this teacher's embeddings of all the pictures."""
    try:
        with np.load(kept, allow_pickle=False) as arrays:
            names = set(arrays["paths"].tolist())
            same = str(arrays["teacher"]) == teacher.sha256
    except (*_UNREADABLE, KeyError):
        return False
    return same and names.issuperset(str(path.resolve()) for path in paths)


def _refuse_to_replace(kept: Path) -> None:
    """Embeddings that were made elsewhere may have taken hours.

    Raises:
        TrainingError: the file holds such.
    """
    if _holds_others(kept):
        raise TrainingError(
            f"{kept}: was not made here, and the teacher's embeddings would replace it; move it, "
            "or name another folder for the run"
        )


def _holds_others(kept: Path) -> bool:
    """Whether it can be read and doesn't say whose embeddings it holds; what is torn holds none."""
    try:
        with np.load(kept, allow_pickle=False) as arrays:
            return "teacher" not in arrays
    except TypeError:  # one array
        return True
    except _UNREADABLE:
        return False


def _embed_with_mirrored(teacher: Extractor, paths: Sequence[Path]) -> Embeddings:
    """Mean of a picture's embedding and its mirror image's, float32[n, t] unit rows."""
    parts = []
    for start in range(0, len(paths), _AT_A_TIME):
        if start and start % _TOLD_EVERY == 0:
            log(f"the teacher has embedded {start} of {len(paths)} pictures")
        fitted = np.stack([fit(read_crop(p)) for p in paths[start : start + _AT_A_TIME]])
        parts.append(embed_both_ways(teacher, fitted))
    return np.concatenate(parts)


def _select(file: Path, paths: Sequence[Path]) -> Embeddings:
    """Read the rows of ``paths`` from an ``.npz``, every one checked."""
    names, embeddings = _read(file)
    rows = {name: row for row, name in enumerate(names)}
    missing = [path for path in paths if str(path.resolve()) not in rows]
    if missing:
        raise TrainingError(
            f"{file}: lacks {len(missing)} of {len(paths)} pictures ({missing[0]}, ...); "
            "embed all training pictures with the teacher first, or give its .onnx file"
        )
    wanted = embeddings[[rows[str(path.resolve())] for path in paths]]
    if not np.isfinite(wanted).all():
        raise TrainingError(f"{file}: holds embeddings that are not numbers; make it again")
    return wanted


def _read(file: Path) -> tuple[list[str], Embeddings]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            names: list[str] = arrays["paths"].tolist()
            embeddings = np.asarray(arrays["embeddings"], dtype=np.float32)
    except (*_UNREADABLE, KeyError, AttributeError) as error:
        raise TrainingError(
            f"{file}: neither a teacher's .npz with paths and embeddings, nor an .onnx ({error})"
        ) from error
    if embeddings.shape[:1] != (len(names),) or embeddings.ndim != 2:
        raise TrainingError(
            f"{file}: {len(names)} paths and embeddings of shape {embeddings.shape}; "
            "there must be one row a path"
        )
    return names, embeddings

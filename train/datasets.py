"""Crops kept decoded, augmented when a batch asks for them, and a teacher's view of them."""

from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..gallery.errors import PictureError, TrainingError
from ..gallery.pictures.read import Crop, read_crop
from .augment import Augmentation
from .splitting import Split, TrainingPicture, split_people

__all__ = [
    "CropCache",
    "PictureDataset",
    "Split",
    "TrainingPicture",
    "load_teacher",
    "split_people",
]


class CropCache:
    """Decoded crops kept in memory up to a limit; bad pictures are found at the start."""

    def __init__(self, paths: Sequence[Path], *, limit_mib: int) -> None:
        self.paths = list(paths)
        self.failed: list[str] = []
        self._crops: dict[int, Crop] = {}
        room = limit_mib * 2**20
        for number, path in enumerate(self.paths):
            try:
                crop = read_crop(path)
            except PictureError as error:
                self.failed.append(str(error))
                continue
            if crop.nbytes <= room:
                room -= crop.nbytes
                self._crops[number] = crop

    def __getitem__(self, number: int) -> Crop:
        """Return crop ``number``, uint8[h, w, 3]."""
        return self._crops[number] if number in self._crops else read_crop(self.paths[number])


class PictureDataset(Dataset[tuple[Tensor, int]]):
    """Augmented pictures; an item is asked for as (position, seed) so that it can be repeated."""

    def __init__(self, crops: CropCache, augmentation: Augmentation) -> None:
        self.crops, self.augmentation = crops, augmentation

    def __getitem__(self, item: tuple[int, int]) -> tuple[Tensor, int]:
        """Return uint8[h, w, 3] and the position."""
        position, seed = item
        return torch.from_numpy(self.augmentation(self.crops[position], seed)), position


def load_teacher(file: Path, paths: Sequence[Path]) -> Tensor:
    """Read a teacher's embeddings, float32[n, t], in the order of ``paths``.

    The file is an ``.npz`` with ``paths`` (absolute) and ``embeddings``, float[m, t].

    Raises:
        TrainingError: it can't be read, isn't of this form, or lacks one of the pictures.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            names: list[str] = arrays["paths"].tolist()
            embeddings = np.asarray(arrays["embeddings"], dtype=np.float32)
    except (
        OSError,
        EOFError,
        BadZipFile,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise TrainingError(
            f"{file}: not a teacher's .npz with paths and embeddings ({error})"
        ) from error
    if embeddings.shape[:1] != (len(names),) or embeddings.ndim != 2:
        raise TrainingError(
            f"{file}: {len(names)} paths and embeddings of shape {embeddings.shape}; "
            "there must be one row a path"
        )
    rows = {name: row for row, name in enumerate(names)}
    missing = [path for path in paths if str(path.resolve()) not in rows]
    if missing:
        raise TrainingError(
            f"{file}: lacks {len(missing)} of {len(paths)} pictures ({missing[0]}, ...); "
            "embed all training pictures with the teacher first"
        )
    wanted = embeddings[[rows[str(path.resolve())] for path in paths]]
    if not np.isfinite(wanted).all():
        raise TrainingError(f"{file}: holds embeddings that are not numbers; make it again")
    return torch.from_numpy(wanted)

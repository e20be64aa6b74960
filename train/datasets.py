"""Crops kept decoded, augmented when a batch asks for them, and a teacher's view of them."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..gallery.errors import PictureError
from ..gallery.pictures.read import Crop, read_crop
from .augment import Augmentation


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


class PictureDataset(Dataset[tuple[Tensor, int] | PictureError]):
    """Augmented pictures; an item is asked for as (position, seed) so that it can be repeated.

    Args:
        crops: the pictures.
        augmentation: what is done to those with labels.
        labelled: how many have; those from there on are only fitted, so that a student sees what
            its teacher saw.
    """

    def __init__(self, crops: CropCache, augmentation: Augmentation, *, labelled: int) -> None:
        self.crops, self.augmentation, self.labelled = crops, augmentation, labelled

    def __getitem__(self, item: tuple[int, int]) -> tuple[Tensor, int] | PictureError:
        """Return uint8[h, w, 3] and the position, or why the picture can't be read any more.

        Raised in a worker it would reach the user as the worker's traceback.
        """
        position, seed = item
        try:
            crop, augmentation = self.crops[position], self.augmentation
        except PictureError as error:
            return error
        changed = augmentation(crop, seed) if position < self.labelled else augmentation.fit(crop)
        return torch.from_numpy(changed), position

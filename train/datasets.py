"""Training people: several sources joined, some people held out, crops kept decoded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..gallery.errors import LayoutError, PictureError, TrainingError
from ..gallery.pictures.labelled import LabelledPicture, Reading
from ..gallery.pictures.layouts import read_layout
from ..gallery.pictures.manifest import read_manifest
from ..gallery.pictures.read import Crop, read_crop
from .augment import Augmentation

_DISTRACTOR_LAYOUTS = {"market1501", "grid"}
"""In these, pid 0000 stands for whoever is none of the people."""


@dataclass(frozen=True, slots=True)
class TrainingPicture:
    """One picture; ``person`` and ``camera`` are unique across sources.

    A picture of an unknown camera has one of its own: so it is never left out as the same
    camera's, and never found by itself in validation.
    """

    path: Path
    person: str
    camera: str


@dataclass(frozen=True, slots=True)
class Split:
    """People to train on, and others to validate on; no person is in both.

    Attributes:
        training: pictures to train on.
        validation: pictures of the people held out.
        left_out: files that could not be labelled, with the reason.
    """

    training: list[TrainingPicture]
    validation: list[TrainingPicture]
    left_out: list[str]


def read_source(folder: Path, layout: str) -> Reading:
    """Read a folder in a layout, or a manifest where ``folder`` is a CSV file.

    Distractors (boxes that hold nobody in particular) are not of one person, and left out.

    Raises:
        LayoutError: the folder or manifest can't be read.
    """
    reading = read_manifest(folder) if folder.suffix == ".csv" else read_layout(layout, folder)
    if layout not in _DISTRACTOR_LAYOUTS:
        return reading
    people = [picture for picture in reading.pictures if picture.pid != "0000"]
    return replace(reading, pictures=people)


def split_people(
    sources: Sequence[tuple[Path, str]], *, validation_share: float, seed: int
) -> Split:
    """Join sources and hold out people: the same people for the same seed and sources.

    Args:
        sources: (folder or manifest, layout) each; ids of different sources never meet.
        validation_share: of each source's people, in [0, 1).
        seed: of the choice.

    Raises:
        LayoutError: fewer than three people remain to train on.
    """
    split = Split([], [], [])
    for number, (folder, layout) in enumerate(sources):
        reading = read_source(folder, layout)
        pictures = [_own(picture, number, n) for n, picture in enumerate(reading.pictures)]
        people = sorted({p.person for p in pictures})
        order = np.random.default_rng((seed, number)).permutation(len(people))
        held_out = {people[n] for n in order[: round(validation_share * len(people))]}
        split.training.extend(p for p in pictures if p.person not in held_out)
        split.validation.extend(p for p in pictures if p.person in held_out)
        split.left_out.extend(f"{path}: {reason}" for path, reason in reading.failed)
    if len({p.person for p in split.training}) < 3:
        raise LayoutError("training needs pictures of at least 3 people")
    return split


def _own(picture: LabelledPicture, source: int, position: int) -> TrainingPicture:
    """Make a picture's ids unique across sources."""
    camera = f"?{position}" if picture.camera is None else picture.camera
    return TrainingPicture(picture.path, f"{source}:{picture.pid}", f"{source}:{camera}")


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

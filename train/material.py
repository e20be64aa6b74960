"""What a run trains and validates on: pictures, labels, a teacher's embeddings, batches."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..gallery.errors import TrainingError
from .batches import Plan, load_batches, plan_batches
from .config import Phase, TrainConfig
from .datasets import CropCache
from .objective import check_weights
from .run_folder import TEACHER, RunData, read_description, read_fingerprint
from .splitting import Split, TrainingPicture, split_people
from .teacher import load_teacher

_VALIDATION_MIB = 1024


def split_data(data: RunData, config: TrainConfig) -> Split:
    """Say who is trained on and who is held out; see `split_people`."""
    return split_people(
        data.sources,
        validation_share=config.data.validation_share,
        seed=config.seed,
        drop_quantile=config.data.drop_quantile,
    )


def split_of_run(run: Path) -> Split:
    """Say whom a run trained on and whom it held out.

    Raises:
        TrainingError: there is no run, or its pictures are not those that it began with, so that
            people it was trained on could be taken for held out.
    """
    config, data = read_description(run)
    split = split_data(data, config)
    if fingerprint(split) != read_fingerprint(run):
        raise TrainingError(
            f"{run}: its pictures changed since it began, so nobody can say whom it held out; "
            "bring them back"
        )
    return split


class Material:
    """Reads everything that a run needs, so that what is bad is refused before it begins.

    Attributes:
        split: people to train on, and others held out.
        training: crops of ``split.training``.
        validation: crops of ``split.validation``.
        people: names, in the order of their class labels.
        labels: int64[n], the class of each training picture.
        teacher: float32[n, t] embeddings of the training pictures, or None.
        fingerprint: of which pictures there are, of whom, and how large their files are.

    Raises:
        TrainingError: pictures can't be read, the teacher's file lacks some, or they don't fill
            one batch.
        LayoutError: the sources don't have the layouts they were said to have.
        ConfigError: the loss and whether there is a teacher contradict each other.
    """

    def __init__(self, data: RunData, config: TrainConfig, out: Path) -> None:
        check_weights(config.loss, teacher=data.teacher is not None)
        self._config = config
        self.split = split_data(data, config)
        self.training = CropCache(
            [p.path for p in self.split.training], limit_mib=config.data.cache_mib
        )
        self.validation = CropCache(
            [p.path for p in self.split.validation], limit_mib=_VALIDATION_MIB
        )
        _refuse_bad_pictures(self.training.failed + self.validation.failed)
        self.people = sorted({p.person for p in self.split.training})
        numbers = {person: number for number, person in enumerate(self.people)}
        self.labels = torch.tensor([numbers[p.person] for p in self.split.training])
        self.teacher = self._load_teacher(data, out)
        self.fingerprint = fingerprint(self.split)
        self.plan(0)

    def _load_teacher(self, data: RunData, out: Path) -> Tensor | None:
        paths = [p.path for p in self.split.training]
        return load_teacher(data.teacher, paths, kept=out / TEACHER) if data.teacher else None

    def plan(self, epoch: int) -> Plan:
        """Which pictures make the batches of an epoch; the same at every call."""
        return plan_batches(
            self.labels.tolist(),
            [p.camera for p in self.split.training],
            self._config,
            epoch=epoch,
            tracklets=[p.tracklet for p in self.split.training],
        )

    def batches(
        self, plan: Plan, phase: Phase, *, epoch: int, first: int, rank: int, count: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield an epoch's batches from ``first`` on; see `load_batches`."""
        return load_batches(
            self.training,
            plan,
            self._config,
            phase,
            epoch=epoch,
            first=first,
            rank=rank,
            world_size=count,
        )


def _refuse_bad_pictures(failed: Sequence[str]) -> None:
    if failed:
        raise TrainingError(
            f"{len(failed)} pictures can't be read; move them away first: " + "; ".join(failed[:5])
        )


def fingerprint(split: Split) -> str:
    """Hash what each picture is called, whom it shows and how long its file is."""
    digest = hashlib.sha256()
    for held_out, pictures in enumerate((split.training, split.validation)):
        for line in sorted(_identify(picture) for picture in pictures):
            digest.update(f"{held_out}\t{line}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _identify(picture: TrainingPicture) -> str:
    name = "/".join(picture.path.parts[-2:])
    return f"{name}\t{picture.person}\t{picture.path.stat().st_size}"

"""What a run trains and validates on: pictures, labels, a teacher's embeddings, batches."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from ..gallery.counted import counted
from ..gallery.errors import PictureError, TrainingError
from ..gallery.pictures.folders import walk_pictures
from ..gallery.pictures.manifest import is_manifest
from ..gallery.pictures.read import content_hash, read_bytes
from .batches import Plan, add_unlabelled, load_batches, plan_batches
from .config import Phase, TrainConfig
from .datasets import CropCache
from .objective import check_weights
from .preparation.views import are_views_of
from .run_folder import TEACHER, RunData, read_description, read_fingerprint
from .saying import log
from .splitting import Split, TrainingPicture, split_people
from .teacher import load_teacher

Item = TypeVar("Item")
Contents = Mapping[Path, str | None]
"""What pictures hold, hashed; None of what can't be read."""

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
    if fingerprint(split, find_unlabelled(data)) != read_fingerprint(run):
        raise TrainingError(
            f"{run}: its pictures changed since it began, so nobody can say whom it held out; "
            "bring them back"
        )
    return split


class Material:
    """Reads everything that a run needs, so that what is bad is refused before it begins.

    Attributes:
        split: people to train on, and others held out.
        training: crops of ``split.training``, then the unlabelled ones.
        validation: crops of ``split.validation``.
        people: names, in the order of their class labels.
        labels: int64[n], the class of each of these pictures; -1 of the unlabelled ones.
        teacher: float32[n, t] embeddings of these pictures, or None.
        fingerprint: of which pictures there are, of whom, and how large their files are.

    Raises:
        TrainingError: pictures can't be read, the teacher's file lacks some, or they don't fill
            one batch; or there are unlabelled ones and no teacher, or people who are held out are
            on some.
        LayoutError: the sources don't have the layouts they were said to have.
        ConfigError: the loss and whether there is a teacher contradict each other.
    """

    def __init__(self, data: RunData, config: TrainConfig, out: Path) -> None:
        check_weights(config.loss, teacher=data.teacher is not None)
        self._config = config
        self.split = split_data(data, config)
        unlabelled = find_unlabelled(data)
        held_out = {picture.path: _content(picture.path) for picture in self.split.validation}
        _warn_of_pictures_in_both(self.split, held_out)
        _refuse_held_out(unlabelled, held_out)
        _warn_of_other_views(data)
        self.training = CropCache(
            [p.path for p in self.split.training] + unlabelled, limit_mib=config.data.cache_mib
        )
        self.validation = CropCache(
            [p.path for p in self.split.validation], limit_mib=_VALIDATION_MIB
        )
        _refuse_bad_pictures(self.training.failed + self.validation.failed)
        self.people = sorted({p.person for p in self.split.training})
        numbers = {person: number for number, person in enumerate(self.people)}
        labels = [numbers[p.person] for p in self.split.training]
        self.labels = torch.tensor(labels + [-1] * len(unlabelled))
        self.teacher = self._load_teacher(data, out)
        self.fingerprint = fingerprint(self.split, unlabelled)
        self.plan(0)

    def _load_teacher(self, data: RunData, out: Path) -> Tensor | None:
        if not data.teacher:
            return None
        return load_teacher(data.teacher, self.training.paths, kept=out / TEACHER)

    def plan(self, epoch: int, *, begun_at: int = 0) -> Plan:
        """Which pictures make the batches of an epoch; the same at every call.

        Args:
            epoch: from 0.
            begun_at: batches of the run before it.
        """
        labelled = len(self.split.training)
        plan = plan_batches(
            self.labels[:labelled].tolist(),
            [p.camera for p in self.split.training],
            self._config,
            epoch=epoch,
            tracklets=[p.tracklet for p in self.split.training],
        )
        unlabelled = range(labelled, len(self.labels))
        if not unlabelled:
            return plan
        return add_unlabelled(plan, unlabelled, self._config, begun_at=begun_at)

    def share_planned(self) -> float:
        """How much of what an epoch could draw its batches have: little where few have the most."""
        labelled, data = len(self.split.training), self._config.data
        each = data.pictures_per_person
        counts = Counter(self.labels[:labelled].tolist()).values()
        whole = sum(-(-(data.balance_to or count) // each) * each for count in counts)
        return sum(p < labelled for batch in self.plan(0) for p in batch) / whole

    def sample(self, *, per_person: int, unlabelled: int) -> list[int]:
        """Choose pictures of everybody, and some of those without labels.

        Args:
            per_person: at most so many, spread over the person's pictures.
            unlabelled: at most so many, spread over them.

        Returns:
            Positions, as in ``labels``, ascending.
        """
        labelled = len(self.split.training)
        of_person: dict[int, list[int]] = {}
        for position, label in enumerate(self.labels[:labelled].tolist()):
            of_person.setdefault(label, []).append(position)
        chosen = [n for mine in of_person.values() for n in spread(mine, per_person)]
        return sorted(chosen) + spread(range(labelled, len(self.labels)), unlabelled)

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
            labelled=len(self.split.training),
            rank=rank,
            world_size=count,
        )


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most ``count`` of them, at even distances."""
    count = min(count, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def _refuse_bad_pictures(failed: Sequence[str]) -> None:
    if failed:
        raise TrainingError(
            f"{counted(len(failed), 'picture')} can't be read; move what is damaged away first: "
            + "; ".join(failed[:5])
        )


def _warn_of_pictures_in_both(split: Split, held_out: Contents) -> None:
    """A picture may come through two sources, as two people: a folder, and a copy of it."""
    trained_on = {_content(picture.path) for picture in split.training if held_out} - {None}
    both = [path for path, content in held_out.items() if content in trained_on]
    if both:
        log(
            f"warning: training has {counted(len(both), 'picture')} of held-out people as well, as "
            f"of others (the first is {both[0]}); figures of those held out will be too good"
        )


def _refuse_held_out(unlabelled: Sequence[Path], held_out: Contents) -> None:
    """A teacher tells of a person as labels do: the figures of these would no longer be honest."""
    contents = set(held_out.values()) - {None}
    both = [path for path in unlabelled if contents and _content(path) in contents]
    if both:
        raise TrainingError(
            f"{both[0]}: is the picture, or a copy of it, of somebody who is held out, as are "
            f"{len(both) - 1} others of those without labels; give a folder of other people, or "
            "what train views makes"
        )


def _content(path: Path) -> str | None:
    """Hash of the bytes; None of what can't be read, which is refused by itself."""
    try:
        return content_hash(read_bytes(path))
    except PictureError:
        return None


def _warn_of_other_views(data: RunData) -> None:
    manifests = [place for place, _ in data.sources if is_manifest(place)]
    for folder in data.unlabelled:
        if not are_views_of(folder, manifests):
            log(
                f"warning: {folder} holds views of another manifest; where it doesn't hold out the "
                "same people, figures of those held out here will be too good"
            )


def find_unlabelled(data: RunData) -> list[Path]:
    """The pictures of the folders without labels, in the order of their names.

    Raises:
        TrainingError: there is no teacher to speak of them, or a folder has none, or some that
            can't be looked at.
        LayoutError: there is no such folder.
    """
    if data.unlabelled and not data.teacher:
        raise TrainingError(
            f"{data.unlabelled[0]}: of pictures without labels only a teacher can tell; give "
            "--teacher too"
        )
    found = []
    for folder in data.unlabelled:
        pictures, failed = walk_pictures(folder)
        _refuse_bad_pictures([reason for _, reason in failed])
        if not pictures:
            raise TrainingError(f"{folder}: holds no picture")
        found += pictures
    return found


def fingerprint(split: Split, unlabelled: Sequence[Path] = ()) -> str:
    """Hash what each picture is called, whom it shows and how long its file is."""
    digest = hashlib.sha256()
    for held_out, pictures in enumerate((split.training, split.validation)):
        for line in sorted(_identify(picture) for picture in pictures):
            digest.update(f"{held_out}\t{line}\n".encode(errors="surrogateescape"))
    for path in unlabelled:
        line = f"{'/'.join(path.parts[-2:])}\t{path.stat().st_size}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _identify(picture: TrainingPicture) -> str:
    name = "/".join(picture.path.parts[-2:])
    return f"{name}\t{picture.person}\t{picture.path.stat().st_size}"

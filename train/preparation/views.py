"""Views: pictures made of others, for which only a teacher knows what should come out.

A student that copies a teacher on the pictures of two places copies it there alone. "A good teacher
is patient and consistent" (Beyer et al. 2022): shown the very same picture, however far from the
real ones, teacher and student can be compared, and no label has to stay true. So these views go
where an augmentation of labelled pictures may not: the clothes of two people on one, other colours
of each garment, another background, light and cameras of no place in the data.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from ...gallery.atomic import replacing
from ...gallery.errors import LayoutError
from ...gallery.loading import map_ahead
from ...gallery.pictures.fit import fit
from ...gallery.pictures.labelled import LabelledPicture
from ...gallery.pictures.manifest import read_manifest
from ...gallery.pictures.read import Crop, content_hash, read_crop
from .view_changes import HEIGHT, OF_ONE, OF_TWO, WIDTH, Pixels, Random

_OTHERS = 3
"""Pictures at hand to take parts from."""
_QUALITY = 92
_ASPECTS = 0.32, 0.6
"""Width over height, from a person with closed legs to one who strides."""
_MADE_OF = "made-of.txt"
"""Beside the views: the hash of what they were made of, so that nothing else is mixed in."""


def make_views(
    manifest: Path,
    out: Path,
    *,
    each: int,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Make views of all pictures to train on; what was made before is kept, so it can be stopped.

    Nobody held out is in them. They are called ``SOURCE/NUMBER-VIEW.jpg``, so that those of one
    picture follow one another, and the same manifest makes the same ones again.

    Args:
        manifest: of pictures that are split, as `prepare` writes it.
        out: the folder of the views, made if need be.
        each: views of a picture, at least 1.
        progress: called with the number of pictures done.

    Returns:
        How many there are.

    Raises:
        LayoutError: the manifest can't be read or has no split, or the folder holds views of
            others, more views of a picture or other things, or can't be written.
        PictureError: a picture can't be read.
    """
    pictures = _to_train_on(manifest)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _pin(out, manifest)
        _refuse_more(out, each)
        for source in {_source(picture) for picture in pictures}:
            (out / source).mkdir(exist_ok=True)
        work = partial(_make_views_of, pictures, out, each)
        for _ in map_ahead(work, range(len(pictures))):
            progress(1)
    except OSError as error:
        raise LayoutError(f"{out}: can't be written ({error.strerror or error})") from error
    return len(pictures) * each


def _to_train_on(manifest: Path) -> list[LabelledPicture]:
    reading = read_manifest(manifest)
    if reading.failed:
        raise LayoutError(reading.failed[0][1])
    if any(picture.split is None for picture in reading.pictures):
        raise LayoutError(
            f"{manifest}: does not say of every picture whether it is held out; make it with "
            "reid-gallery prepare"
        )
    pictures = [picture for picture in reading.pictures if picture.split == "training"]
    if len(pictures) < _OTHERS:
        raise LayoutError(
            f"{manifest}: has {len(pictures)} pictures to train on; {_OTHERS} it takes"
        )
    return pictures


def are_views_of(folder: Path, manifests: Sequence[Path]) -> bool:
    """Whether all views that a folder holds, at any depth, are of one of these manifests.

    Raises:
        OSError: a manifest can't be read.
    """
    notes = {note.read_text("utf-8", "replace").strip() for note in folder.rglob(_MADE_OF)}
    return not notes or notes <= set(map(_digest, manifests))


def _digest(manifest: Path) -> str:
    return content_hash(manifest.read_bytes())


def _pin(out: Path, manifest: Path) -> None:
    """Note what the views are of, or see that it is the same."""
    note = out / _MADE_OF
    if not note.exists():
        if any(not path.name.startswith(".") for path in out.iterdir()):
            raise LayoutError(
                f"{out}: holds other things, which would be taken for views; name a new folder"
            )
        with replacing(note) as partial_note:
            partial_note.write_text(_digest(manifest) + "\n", encoding="utf-8")
    elif not are_views_of(out, [manifest]):
        raise LayoutError(
            f"{out}: holds views of another manifest, whose people may be held out in this one; "
            "name another folder, or remove it"
        )


def _refuse_more(out: Path, each: int) -> None:
    """What lies beyond ``each`` would be trained on all the same."""
    numbers = [path.stem.rpartition("-")[2] for path in out.glob("*/*.jpg")]
    there = 1 + max((int(number) for number in numbers if number.isdecimal()), default=-1)
    if there > each:
        raise LayoutError(
            f"{out}: holds up to {there} views of a picture; give --each {there}, or another folder"
        )


def _source(picture: LabelledPicture) -> str:
    """The name of a source's folder, which is below ``out`` and not hidden."""
    name = picture.source or "people"
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
    return f"_{safe[1:]}" if safe.startswith(".") else safe


def _make_views_of(pictures: Sequence[LabelledPicture], out: Path, each: int, number: int) -> None:
    picture = pictures[number]
    files = [out / _source(picture) / f"{number:06d}-{view}.jpg" for view in range(each)]
    lacking = [(view, file) for view, file in enumerate(files) if not file.exists()]
    if not lacking:
        return
    crop = read_crop(picture.path)
    for view, file in lacking:
        random = np.random.default_rng((view, number))
        drawn = random.integers(len(pictures), size=_OTHERS)
        made = make_view(crop, [read_crop(pictures[other].path) for other in drawn], random)
        with replacing(file) as partial_file:
            Image.fromarray(made).save(partial_file, quality=_QUALITY)


def make_view(crop: Crop, others: Sequence[Crop], random: Random) -> Crop:
    """Make one view.

    Args:
        crop: uint8[h, w, 3] RGB of any size, the picture it is mainly of.
        others: pictures of other people, to take parts from.
        random: the source of all chance.

    Returns:
        uint8[192, w, 3], half of the time w = 96.
    """
    pixels = _pixels(crop, random)
    for probability, take in OF_TWO:
        if random.random() < probability:
            other = _pixels(others[int(random.integers(len(others)))], random)
            pixels = take(pixels, other, random).astype(np.float32)
    for probability, change in OF_ONE:
        if random.random() < probability:
            pixels = np.clip(change(pixels, random), 0, 1).astype(np.float32)
    return _box(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8), random)


def _box(view: Crop, random: Random) -> Crop:
    """Half of the time, a detector's narrower or wider box.

    Fitting it adds margins, which a teacher that takes pictures stretched never sees.
    """
    if random.random() < 0.5:
        return view
    size = round(HEIGHT * random.uniform(*_ASPECTS)), HEIGHT
    return np.asarray(Image.fromarray(view).resize(size, Image.Resampling.BILINEAR))


def _pixels(crop: Crop, random: Random) -> Pixels:
    fitted = fit(crop, height=HEIGHT, width=WIDTH)
    if random.random() < 0.5:
        fitted = fitted[:, ::-1]
    return np.ascontiguousarray(fitted, dtype=np.float32) / np.float32(255)

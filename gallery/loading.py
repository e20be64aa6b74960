"""Pictures read, hashed, decoded and fitted in threads, in order, while the extractor works."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from .errors import PictureError
from .pictures.fit import fit
from .pictures.read import Crop, content_hash, decode_crop, read_bytes

Item = TypeVar("Item")
Done = TypeVar("Done")

_THREADS = 2
_AHEAD = 64
"""Pictures decoded before they are asked for: bounds the memory, whatever their number."""


@dataclass(frozen=True, slots=True)
class LoadedPicture(Generic[Item]):
    """One picture, ready to embed.

    Attributes:
        item: what it was loaded for.
        content: sha256 of the file.
        fitted: uint8[256, 128, 3].
    """

    item: Item
    content: str
    fitted: Crop


@dataclass(frozen=True, slots=True)
class BadPicture(Generic[Item]):
    """One picture that can't be used, and why."""

    item: Item
    problem: str


def load_picture(item: Item, source: Path | Crop) -> LoadedPicture[Item] | BadPicture[Item]:
    """Load one picture, a file or an array; a problem is reported, not raised."""
    try:
        if not isinstance(source, Path):
            _check_array(source)
            return LoadedPicture(item, content_hash(source), fit(source))
        content = read_bytes(source)
        fitted = fit(decode_crop(content, where=str(source)))
    except PictureError as error:
        return BadPicture(item, str(error))
    return LoadedPicture(item, content_hash(content), fitted)


def _check_array(crop: Crop) -> None:
    if crop.dtype != np.uint8 or crop.shape[2:] != (3,) or not crop.size:
        found = f"{crop.dtype}{list(crop.shape)}"
        raise PictureError(f"an array must be uint8[h, w, 3] RGB, not {found}")


def load_pictures(
    items: Iterable[Item], source_of: Callable[[Item], Path | Crop]
) -> Iterator[LoadedPicture[Item] | BadPicture[Item]]:
    """Load pictures in the order of ``items``, some ahead of need."""
    sources = ((item, source_of(item)) for item in items)
    return map_ahead(lambda pair: load_picture(*pair), sources)


def map_ahead(work: Callable[[Item], Done], items: Iterable[Item]) -> Iterator[Done]:
    """Do ``work`` on each item in threads; results come in the order of ``items``.

    Some dozens are done ahead of need, never more, however many there are.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="load") as pool:
        waiting = deque(pool.submit(work, item) for item in islice(remaining, _AHEAD))
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(work, item) for item in islice(remaining, 1))
        finally:  # what nobody asks for any more: Ctrl-C would wait for all of it
            pool.shutdown(cancel_futures=True)


def separate(
    batch: Iterable[LoadedPicture[Item] | BadPicture[Item]],
) -> tuple[list[LoadedPicture[Item]], list[BadPicture[Item]]]:
    """Part good pictures from bad ones, each in its order."""
    good, bad = [], []
    for picture in batch:
        if isinstance(picture, BadPicture):
            bad.append(picture)
        else:
            good.append(picture)
    return good, bad


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a stream into lists of ``size``; the last may be shorter."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch

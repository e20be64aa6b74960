"""Picture files embedded by a model; kept in a folder, if wanted, for the next time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..atomic import replacing
from ..embeddings import find_not_unit
from ..errors import LayoutError, PictureError
from ..extractor import Extractor
from ..loading import in_batches, load_pictures, separate
from ..pictures.read import changed

Vectors = npt.NDArray[np.float32]
Progress = Callable[[int], None]

_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A trial's pictures as one model sees them.

    Attributes:
        model: its name.
        sha256: its identity; ``external`` or None if it isn't a file of this program's.
        vectors: float32[n, d] unit rows.
    """

    model: str
    sha256: str | None
    vectors: Vectors


def embed_files(
    extractor: Extractor,
    files: Sequence[Path],
    *,
    progress: Progress = lambda done: None,
    contents: Sequence[str | None] = (),
    cache: Path | None = None,
) -> Vectors:
    """Embed picture files in their order.

    Args:
        extractor: the model.
        files: n pictures.
        progress: called with the number of pictures embedded since the last call.
        contents: n sha256, in hex, of what the files have to hold; None where it isn't known, and
            none at all where any will do.
        cache: a folder in which embeddings are kept by model and files (their paths, sizes and
            times); what is found there isn't computed again.

    Returns:
        float32[n, d] unit rows.

    Raises:
        PictureError: a picture is missing, can't be read, or is another one by now.
        LayoutError: the cache can't be read or written, or what it holds isn't unit rows.
    """
    _check_present(files)
    kept = None if cache is None else _name(_made(cache), extractor, files)
    if kept is not None and kept.is_file():
        return _read(kept, (len(files), extractor.dim))
    vectors = _embed(extractor, files, contents or [None] * len(files), progress)
    if kept is not None:
        _write(kept, vectors)
    return vectors


def _embed(
    extractor: Extractor,
    files: Sequence[Path],
    contents: Sequence[str | None],
    progress: Progress,
) -> Vectors:
    rows = [np.empty((0, extractor.dim), np.float32)]
    expected = zip(files, contents, strict=True)
    for batch in in_batches(load_pictures(expected, lambda pair: pair[0]), _BATCH):
        good, bad = separate(batch)
        problems = [one.problem for one in bad]
        for loaded in good:
            path, held = loaded.item
            if held not in {None, loaded.content}:
                problems.append(str(changed(path)))
        if problems:
            raise PictureError(f"{problems[0]}; mend it or leave it out: every picture is needed")
        rows.append(extractor.embed_fitted([loaded.fitted for loaded in good]))
        progress(len(batch))
    return np.concatenate(rows)


def _check_present(files: Sequence[Path]) -> None:
    """A missing picture is told at once, not after minutes."""
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise PictureError(
            f"{missing[0]}: no such picture ({len(missing)} of {len(files)} are missing)"
        )


def _made(cache: Path) -> Path:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LayoutError(f"{cache}: can't be made ({error.strerror or error})") from error
    return cache


def _name(cache: Path, extractor: Extractor, files: Sequence[Path]) -> Path:
    digest = sha256(extractor.sha256.encode())
    for path in files:
        status = path.stat()
        stamp = f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\n"
        digest.update(stamp.encode("utf-8", "surrogateescape"))
    return cache / f"{extractor.sha256[:12]}-{digest.hexdigest()[:16]}.npy"


def _read(path: Path, shape: tuple[int, int]) -> Vectors:
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:  # the last of an empty file
        raise LayoutError(f"{path}: can't be read as embeddings; delete it ({error})") from error
    if vectors.shape != shape or vectors.dtype != np.float32:
        raise LayoutError(f"{path}: not the embeddings its name says; delete it")
    wrong, lengths = find_not_unit(vectors)
    if len(wrong):
        raise LayoutError(
            f"{path}: damaged, row {wrong[0]} has length {lengths[wrong[0]]:.4g}, not 1; delete it"
        )
    return np.asarray(vectors)


def _write(path: Path, vectors: Vectors) -> None:
    try:
        with replacing(path) as temporary:
            np.save(temporary, vectors, allow_pickle=False)
    except OSError as error:
        raise LayoutError(f"{path}: can't be written ({error.strerror or error})") from error

"""Prepare data sets for training: one manifest, and a report beside it."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ...gallery.errors import ConfigError, LayoutError
from ...gallery.extractor import Extractor
from ...gallery.pictures.manifest import is_manifest, write_manifest
from ..config import DataConfig
from ..sources import check_source
from .counts import count_balance
from .duplicates import find_near
from .joining import join
from .looking import look_at
from .report import Prepared, write_report
from .suspects import find_suspects


def prepare(
    data: Sequence[tuple[Path, str]],
    out: Path,
    *,
    config: DataConfig,
    seed: int = 0,
    extractor: Extractor | None = None,
    sample: int = 6000,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[Prepared, Path]:
    """Join data sets in one manifest that can be trained on and enrolled, with a report.

    Args:
        data: (folder, store or manifest, layout) each.
        out: the manifest, ``.csv``; its report goes into a folder beside, named ``...-report``.
        config: tells the share to hold out, and what the report says of balancing.
        seed: of the choice of held-out people; training takes them from the manifest.
        extractor: looks for wrong labels; None looks for none.
        sample: how many pictures it embeds at most.
        progress: called with the number of pictures done.

    Returns:
        What was found, and the report's page.

    Raises:
        LayoutError: a data set can't be read, or ``out`` not be written.
        StoreError: a gallery can't be read.
        ConfigError: ``data`` is empty.
    """
    if not data:
        raise ConfigError("no data set was named; name folders, galleries or manifests")
    for place, layout in data:
        check_source(place, layout)
    folder = out.with_name(f"{out.stem}-report")
    _check_out(out, folder)
    joined = join(data, validation_share=config.validation_share, seed=seed)
    look = look_at(joined.pictures, progress)
    if not look.pictures:
        raise LayoutError(f"{data[0][0]}: no picture can be read ({look.failed[0]})")
    prepared = Prepared(
        look=look,
        near=find_near(np.array(look.codes)),
        balance=count_balance(
            look.pictures, drop_quantile=config.drop_quantile, balance_to=config.balance_to
        ),
        suspects=None
        if extractor is None
        else find_suspects(look.pictures, extractor, sample=sample, seed=seed, progress=progress),
        ignored=joined.ignored,
        failed=joined.failed + look.failed,
    )
    return prepared, _write(out, folder, prepared)


def _check_out(out: Path, folder: Path) -> None:
    if not is_manifest(out):
        raise LayoutError(f"{out}: a manifest is a CSV; give it a name that ends in .csv")
    if not out.parent.is_dir():
        raise LayoutError(f"{out}: there is no folder {out.parent}; make it first")
    for path in (out, folder):
        if path.exists():
            raise LayoutError(f"{path}: is there already; remove it, or name another manifest")


def _write(out: Path, folder: Path, prepared: Prepared) -> Path:
    """Write report and manifest; the manifest comes last, and only with a whole report."""
    # A killed program leaves no half of a report behind that the next one would be refused for.
    written = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(written, ignore_errors=True)
    try:
        written.mkdir()
        page = write_report(written, out, prepared)
        written = written.rename(folder)
        write_manifest(out, prepared.look.pictures)
    except BaseException as error:
        shutil.rmtree(written, ignore_errors=True)
        if isinstance(error, OSError):
            raise LayoutError(f"{out}: can't be written ({error.strerror or error})") from error
        raise
    return folder / page.name

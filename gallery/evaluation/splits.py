"""Which pictures of a data set are queries and which are the gallery.

These have nothing random in them; see `random_splits` for those that have.
"""

from dataclasses import dataclass
from pathlib import Path

from ..errors import LayoutError
from ..pictures.labelled import LabelledPicture
from ..pictures.whole import read_whole_folder


@dataclass(frozen=True, slots=True)
class Split:
    """One set of queries asked of one gallery."""

    query: list[LabelledPicture]
    gallery: list[LabelledPicture]


def market1501_splits(folder: Path, seed: int) -> list[Split]:
    """``query/`` against ``bounding_box_test/``; there is nothing random, ``seed`` is not used.

    Junk (pid -1) is out; the distractors (pid 0000) stay (Zheng et al. 2015).
    """
    return [_query_and_test("market1501", folder)]


def dukemtmc_splits(folder: Path, seed: int) -> list[Split]:
    """``query/`` against ``bounding_box_test/``, as Market-1501 (Zheng et al. 2017).

    The 408 people of the gallery who are never asked about are its distractors.
    """
    return [_query_and_test("dukemtmc", folder)]


_MSMT17_FOLDERS = ("test", "mask_test_v2")


def msmt17_splits(folder: Path, seed: int) -> list[Split]:
    """``list_query.txt`` against ``list_gallery.txt``, pictures in ``test/`` (Wei et al. 2018).

    Version 2, with faces masked, has them in ``mask_test_v2/``. A line is a path and a number.
    """
    test = next((folder / name for name in _MSMT17_FOLDERS if (folder / name).is_dir()), None)
    if test is None:
        raise LayoutError(f"{folder}: not MSMT17; it has no {' nor '.join(_MSMT17_FOLDERS)}")
    known = {picture.path: picture for picture in read_whole_folder("msmt17", test)}
    return [
        Split(
            _listed(folder / "list_query.txt", test, known),
            _listed(folder / "list_gallery.txt", test, known),
        )
    ]


def _query_and_test(layout: str, folder: Path) -> Split:
    query = read_whole_folder(layout, folder / "query")
    return Split(query, read_whole_folder(layout, folder / "bounding_box_test"))


def _listed(file: Path, folder: Path, known: dict[Path, LabelledPicture]) -> list[LabelledPicture]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LayoutError(f"{file}: can't be read ({error}); MSMT17 comes with it") from error
    paths = [folder / line.split()[0] for line in lines if line.strip()]
    missing = [path for path in paths if path not in known]
    if missing:
        raise LayoutError(f"{missing[0]}: named in {file.name}, but not there ({len(missing)})")
    return [known[path] for path in paths]

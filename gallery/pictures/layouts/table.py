"""The table of all layouts."""

from ...errors import LayoutError
from .cuhk01 import read_cuhk01
from .cuhk03 import read_cuhk03
from .dukemtmc import read_dukemtmc
from .folders import read_folders
from .grid import read_grid
from .labels import Reader
from .lpw import read_lpw
from .market1501 import read_market1501
from .msmt17 import read_msmt17
from .prid2011 import read_prid2011
from .viper import read_viper

LAYOUTS: dict[str, Reader] = {
    "folders": read_folders,
    "lpw": read_lpw,
    "market1501": read_market1501,
    "dukemtmc": read_dukemtmc,
    "msmt17": read_msmt17,
    "cuhk03": read_cuhk03,
    "cuhk01": read_cuhk01,
    "viper": read_viper,
    "grid": read_grid,
    "prid2011": read_prid2011,
}

_DISTRACTORS = {"market1501": frozenset({"0000"}), "grid": frozenset({"0000"})}


def find_layout(name: str) -> Reader:
    """The reader of the layout called ``name``.

    Raises:
        LayoutError: there is none.
    """
    if name not in LAYOUTS:
        raise LayoutError(f"layout {name!r} is unknown; choose one of {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


def distractors_of(name: str) -> frozenset[str]:
    """The pids that in the layout called ``name`` stand for whoever is none of the people."""
    return _DISTRACTORS.get(name, frozenset())

"""Data sets' conventions: one small reader a layout, told apart by its name in the table."""

from .guessing import warn_of_another_layout
from .labels import NameLabels, Reader
from .reading import label_picture, read_layout
from .table import LAYOUTS, distractors_of, find_layout

__all__ = [
    "LAYOUTS",
    "NameLabels",
    "Reader",
    "distractors_of",
    "find_layout",
    "label_picture",
    "read_layout",
    "warn_of_another_layout",
]

"""reid-gallery: enroll full-body person crops, ask who someone is, correct mistakes, retrain."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .gallery.errors import ReidGalleryError as ReidGalleryError
    from .gallery.facade import Gallery as Gallery
    from .gallery.types import Answer as Answer
    from .gallery.types import EnrollReport as EnrollReport
    from .gallery.types import Match as Match
    from .gallery.types import Sighting as Sighting

__version__ = "0.1.0"

# ONNX Runtime, from 1.29 on, reports sessions and their times to its makers over the network, and
# notes a number of this device in the user's home. It asks for this once, when it is first loaded;
# who wants it sets another value.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_PLACES = {
    "Gallery": "facade",
    "ReidGalleryError": "errors",
    "Answer": "types",
    "EnrollReport": "types",
    "Match": "types",
    "Sighting": "types",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that ``reid-gallery --help`` loads no numpy."""
    if name in _PLACES:
        return getattr(import_module(f".gallery.{_PLACES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List what is imported on first use, too."""
    return sorted({*globals(), *_PLACES})

"""The models to measure, by the names under which their figures stand."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import LayoutError, ModelError
from ..extractor import Extractor, resolve_model
from .embedding import Progress, Vectors, embed_files
from .trials import Trial

SHIPPED = "default"
"""What the shipped model is called where models are named."""


def load_models(models: Iterable[Path]) -> dict[str, Extractor]:
    """Load model files, by their names; a name that is taken gets the beginning of the sha256.

    Raises:
        ModelError: a file is missing or no model, or one is named twice.
    """
    loaded: dict[str, Extractor] = {}
    for model in models:
        shipped = str(model) == SHIPPED and not model.exists()
        extractor = Extractor.load(resolve_model(None if shipped else model))
        if any(extractor.sha256 == other.sha256 for other in loaded.values()):
            raise ModelError(f"{model}: named twice; a model can't be compared with itself")
        name = extractor.spec.name
        loaded[name if name not in loaded else f"{name} {extractor.sha256[:8]}"] = extractor
    return loaded


def embed_trial(
    trial: Trial,
    extractors: dict[str, Extractor],
    *,
    progress: Progress,
    cache: Path | None = None,
) -> dict[str, Vectors]:
    """Embed a trial's pictures by each model; see `embedding.embed_files`."""
    return {
        name: embed_files(extractor, trial.files, progress=progress, cache=cache)
        for name, extractor in extractors.items()
    }


def part_paths(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Part models from data: folders and CSV files are data.

    Raises:
        LayoutError: one is neither.
    """
    for path in paths:
        if not path.exists() and str(path) != SHIPPED:
            raise LayoutError(f"{path}: no such model file, folder or manifest")
    data = [path for path in paths if path.is_dir() or path.suffix.lower() == ".csv"]
    return [path for path in paths if path not in data], data

"""The models to measure, by the names under which their figures stand."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import LayoutError, ModelError
from ..extractor import Extractor, resolve_model
from ..pictures.manifest import is_manifest
from .embedding import Embedded, Progress, embed_files
from .trials import Trial


def load_models(models: Iterable[Path | None]) -> dict[str, Extractor]:
    """Load models by file or name; one whose own name is taken gets the beginning of its sha256.

    Args:
        models: as `resolve_model` takes them.

    Raises:
        ModelError: one is missing or no model, or two are the same.
    """
    loaded: dict[str, Extractor] = {}
    for model in models:
        extractor = Extractor.load(resolve_model(model))
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
) -> list[Embedded]:
    """Embed a trial's pictures by each model; see `embedding.embed_files`."""
    return [
        Embedded(
            name,
            extractor.sha256,
            embed_files(extractor, trial.files, progress=progress, cache=cache),
        )
        for name, extractor in extractors.items()
    ]


def part_paths(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Part models from data: folders and CSV files are data, other files and names are models.

    Raises:
        LayoutError: one is neither there nor the name of a model.
    """
    models, data = [], []
    for path in paths:
        if path.is_dir() or is_manifest(path):
            data.append(path)
        elif path.exists() or _is_model_name(path):
            models.append(path)
        else:
            raise LayoutError(f"{path}: no such model (file or name), folder or manifest")
    return models, data


def _is_model_name(path: Path) -> bool:
    try:
        return bool(resolve_model(path))
    except ModelError:
        return False

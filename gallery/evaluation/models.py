"""The models to measure, by the names under which their figures stand."""

from collections.abc import Iterable
from pathlib import Path

from ..errors import ModelError
from ..extractor import Extractor, resolve_model
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
            embed_files(
                extractor, trial.files, contents=trial.contents, progress=progress, cache=cache
            ),
        )
        for name, extractor in extractors.items()
    ]

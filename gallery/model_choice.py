"""Which extractor a store is used with: the one that its vectors were made by."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from .errors import ModelError, ModelMismatchError
from .extractor import Extractor, resolve_model
from .extractor.models import known_models
from .store.generations import EXTERNAL, Generation, ModelPin
from .store.store import Store
from .types import PictureLike

Load = Callable[[Path], Extractor]


def pin_of(extractor: Extractor) -> ModelPin:
    """What a store remembers of an extractor."""
    calibration = extractor.spec.calibration
    return ModelPin(
        model=extractor.sha256,
        model_name=extractor.spec.name,
        model_path=str(extractor.path.absolute()),
        dim=extractor.dim,
        calibration=None if calibration is None else json.dumps(calibration),
    )


def external_pin(dim: int) -> ModelPin:
    """What a store remembers of embeddings made elsewhere."""
    return ModelPin(model=EXTERNAL, model_name=EXTERNAL, model_path=None, dim=dim)


def known_pin(model: str) -> ModelPin | None:
    """What a store remembers of the model of this sha256, if it is among those that have names."""
    named = _named(model)
    return None if named is None else pin_of(Extractor.load(named))


def _named(model: str) -> Path | None:
    """The file of this sha256 among the models that have names."""
    return next((known.path for known in known_models() if known.sha256 == model), None)


def choose_extractor(
    store: Store,
    generation: Generation | None,
    model: PictureLike | None,
    load: Load = Extractor.load,
) -> Extractor:
    """Load the extractor to use with a store.

    Args:
        store: the store, for errors.
        generation: its current one, None when it is empty.
        model: the file that the user named, if any.
        load: how a file is loaded.

    Raises:
        ModelMismatchError: the file named is not the one the store was made with.
        ModelError: no file of that model is to be found.
    """
    if generation is None:
        return load(resolve_model(model))
    if generation.external:
        raise ModelMismatchError(
            f"{store.directory.root}: its vectors were made by an extractor elsewhere, so it "
            "can't embed pictures; enroll and query embeddings (compare takes --model)"
        )
    if model is not None:
        extractor = load(resolve_model(model))
        store.check_pin(generation, pin_of(extractor))
        return extractor
    return _find(store, generation, load)


def _find(store: Store, generation: Generation, load: Load) -> Extractor:
    """Load the pinned model: where it was last seen, or among those that have names."""
    seen = generation.model_path
    if seen and os.path.isfile(seen):  # noqa: PTH113 - Path.is_file fails where one may not look
        extractor = load(Path(seen))
        if extractor.sha256 == generation.model:
            return extractor
    if named := _named(generation.model):
        return load(named)
    raise ModelError(
        f"{store.directory.root}: made with the model {generation.model_name} (sha256 "
        f"{generation.model[:12]}...), which is not at {generation.model_path or 'hand'}; "
        "say where it is with --model, or move the store over with rebuild --model NEW.onnx "
        "(rebuild --model default for the shipped one)"
    )

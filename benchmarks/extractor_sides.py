"""The extractors that are measured side by side, and how each sees a picture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Union

import numpy as np
import numpy.typing as npt
from reid_gallery.gallery.atomic import replacing
from reid_gallery.gallery.errors import ModelError
from reid_gallery.gallery.evaluation.embedding import embed_files
from reid_gallery.gallery.extractor import Extractor, resolve_model
from stretched import read_stretched

if TYPE_CHECKING:
    from openvino_model import OpenVinoModel

Vectors = npt.NDArray[np.float32]
Model = Union[Extractor, "OpenVinoModel"]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One model, run in one way.

    Attributes:
        name: its own; the same in every table.
        note: how it is run, where that has to be said.
        model: loaded.
        stretched: pictures are stretched to 256x128; else they are fitted, as the product does.
    """

    name: str
    note: str
    model: Model
    stretched: bool = False

    @property
    def label(self) -> str:
        """Its name and note."""
        return f"{self.name}, {self.note}" if self.note else self.name

    @property
    def precision(self) -> str | None:
        """Of an OpenVINO model, what it computes in."""
        return None if isinstance(self.model, Extractor) else self.model.precision


def load_models(paths: Iterable[Path]) -> dict[str, Model]:
    """Load ``.xml`` files by OpenVINO, in 32 bits, and all others as the product does."""
    models: dict[str, Model] = {}
    for path in paths:
        model, name = _load(path)
        models[name if name not in models else f"{name} {model.sha256[:8]}"] = model
    return models


def speed_sides(models: dict[str, Model]) -> list[Side]:
    """Every model; an OpenVINO one again where OpenVINO itself would choose fewer bits."""
    sides = []
    for name, model in models.items():
        if isinstance(model, Extractor):
            sides.append(Side(name, "", model))
            continue
        chosen = type(model)(model.path)
        sides.append(Side(name, model.precision, model))
        if chosen.precision != model.precision:
            sides.append(Side(name, chosen.precision, chosen))
    return sides


def accuracy_sides(models: dict[str, Model]) -> list[Side]:
    """Every model as it was trained to see: ours fitted, others' stretched.

    An adopted model comes twice, since the product would fit its pictures.
    """
    sides = []
    for name, model in models.items():
        ours = isinstance(model, Extractor)
        if ours:
            sides.append(Side(name, "", model))
        if not ours or "adopted" in model.spec.training:
            sides.append(Side(name, "stretched", model, stretched=True))
    return sides


def embed_side(side: Side, files: Sequence[Path], cache: Path | None) -> Vectors:
    """Embed files, float32[n, d] unit rows; what the cache has of the model isn't done again."""
    if not side.stretched:
        return embed_files(side.model, files, cache=cache)
    kept = None if cache is None else cache / _cache_name(side, files)
    if kept is not None and kept.is_file():
        return np.load(kept, allow_pickle=False)
    vectors = np.concatenate([side.model.embed_fitted(p) for p in read_stretched(files)])
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as temporary:
            np.save(temporary, vectors, allow_pickle=False)
    return vectors


def _load(path: Path) -> tuple[Model, str]:
    if path.suffix != ".xml":
        extractor = Extractor.load(resolve_model(path))
        return extractor, extractor.spec.name
    if not path.is_file() or not path.with_suffix(".bin").is_file():
        raise ModelError(f"{path}: needs this file and its weights, the .bin file beside it")
    try:
        from openvino_model import OpenVinoModel  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ModelError(f"{path}: needs OpenVINO; pip install openvino") from error
    return OpenVinoModel(path, precision="f32"), path.stem


def _cache_name(side: Side, files: Sequence[Path]) -> str:
    """By the model, what it computes in, and the files' paths, sizes and times."""
    digest = sha256(f"{side.model.sha256} {side.precision}".encode())
    for path in files:
        status = path.stat()
        digest.update(f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return f"{side.model.sha256[:12]}-{digest.hexdigest()[:16]}-stretched.npy"

"""Where models are found: a file, the shipped ones, and those that the user keeps.

A new store is made with the model that is named, else with the one that `use_model` chose, else
with the shipped one. A store that exists stays with its own.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..atomic import replacing
from ..errors import ModelError
from ..store.directory import default_store
from .hashing import hash_file

DEFAULT = "default"
"""The shipped model's name: ``default.onnx`` in the package ``models`` beside this one."""

_SHIPPED = Path(__file__).parent.parent / "models"

_CHOICE = "choice.txt"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that has a name.

    Attributes:
        name: that of its file, without the ending.
        path: of the file.
        shipped: whether it came with the program; else the user keeps it.
        chosen: whether new stores are made with it.
    """

    name: str
    path: Path
    shipped: bool
    chosen: bool

    @property
    def sha256(self) -> str:
        """What galleries know it by; read from the file each time.

        Raises:
            ModelError: the file is gone, or can't be read.
        """
        try:
            with self.path.open("rb") as file:
                return hash_file(file)
        except OSError as error:
            raise ModelError(f"{self.path}: can't be read ({error.strerror or error})") from error


def resolve_model(model: str | Path | None = None) -> Path:
    """Return the path of the model to use.

    Args:
        model: an ONNX file, or a name that `known_models` lists; None for the chosen one.

    Raises:
        ModelError: there is no such file.
    """
    known = {known.name: known for known in known_models()}
    if model is not None:
        path = _at_home(model)
        if path.is_file():
            return path
        if str(model) in known:
            return known[str(model)].path
        raise ModelError(f"{path}: no such model file, nor a name that model list shows")
    name = chosen_name()
    if name in known:
        return known[name].path
    if name != DEFAULT:
        raise ModelError(
            f"{models_folder()}: the chosen model {name!r} is gone; choose with model use"
        )
    raise ModelError(
        "this installation ships no default model; give one with --model FILE.onnx, or train "
        "one with reid-gallery train"
    )


def known_models() -> list[KnownModel]:
    """List the models that have names: the shipped ones, then those that the user keeps."""
    chosen = chosen_name()
    return [KnownModel(path.stem, path, shipped, path.stem == chosen) for path, shipped in _files()]


def use_model(model: str | Path) -> KnownModel:
    """Make new stores with a model from now on.

    Args:
        model: a name that `known_models` lists; or a file, of which a copy is kept.

    Raises:
        ModelError: it is neither, another model has its name, or it can't be kept.
    """
    known = {known.name: known for known in known_models()}
    name = str(model) if str(model) in known else _keep(_at_home(model), known)
    try:
        models_folder().mkdir(parents=True, exist_ok=True)
        with replacing(models_folder() / _CHOICE) as part:
            part.write_text(name + "\n", encoding="utf-8")
    except OSError as error:
        raise ModelError(
            f"{models_folder()}: can't be written ({error.strerror or error})"
        ) from error
    return next(known for known in known_models() if known.name == name)


def _at_home(model: str | Path) -> Path:
    return Path(os.path.expanduser(model))  # noqa: PTH111 - Path fails on an unknown user


def chosen_name() -> str:
    """The name of the model for new stores."""
    try:
        return (models_folder() / _CHOICE).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return DEFAULT


def models_folder() -> Path:
    """Where the models lie that the user keeps: below the user's data directory."""
    return default_store().with_name("reid-gallery-models")


def _files() -> Iterator[tuple[Path, bool]]:
    for folder, is_shipped in ((_SHIPPED, True), (models_folder(), False)):
        for path in sorted(folder.glob("[!.]*.onnx")):
            yield path, is_shipped


def _keep(path: Path, known: dict[str, KnownModel]) -> str:
    """Copy a model among the user's own; return its name."""
    from .onnx_extractor import Extractor  # noqa: PLC0415 (heavy, and finding needs it not)

    if not path.is_file():
        names = ", ".join(known) or "none"
        raise ModelError(f"{path}: neither a model file nor a name of model list ({names})")
    if path.name.startswith("."):
        raise ModelError(f"{path}: is hidden, and so would be its name; rename the file")
    sha256 = Extractor.load(path).sha256
    if path.stem in known:
        if Extractor.load(known[path.stem].path).sha256 != sha256:
            raise ModelError(f"{path}: another model is called {path.stem!r}; rename the file")
        return path.stem
    try:
        models_folder().mkdir(parents=True, exist_ok=True)
        with replacing(models_folder() / f"{path.stem}.onnx") as part:
            shutil.copyfile(path, part)
    except OSError as error:
        raise ModelError(
            f"{models_folder()}: can't be written ({error.strerror or error})"
        ) from error
    return path.stem

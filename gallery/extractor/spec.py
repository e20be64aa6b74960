"""What is known of an extractor: a `ModelSpec`, kept as JSON in the model file's metadata."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ModelError
from ..pictures.fit import HEIGHT, WIDTH

SCHEMA_VERSION = 1
"""Raised when an older reader would misunderstand; a mere addition keeps it."""

METADATA_KEY = "reid-gallery.model-spec"
"""The ONNX metadata entry that holds the JSON."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What a model file says of itself.

    Keys that this version doesn't know are kept in ``extra`` and written back: a later version may
    add to a schema, and passing a model through an older one must not lose it. Another schema
    version is refused.

    Attributes:
        name: what people call the model.
        backbone: the architecture, a timm name where it is one.
        dim: length of an embedding.
        input_size: (height, width) of the input, in pixels.
        training: data sets, recipe, epochs: whatever it takes to repeat it; JSON.
        metrics: figures by name, or by test set and name; JSON.
        calibration: what turns a wanted FPIR into a threshold; JSON, None before calibration.
        licence: who may use it for what.
        schema_version: of this record.
        extra: unknown keys of a later version; JSON.

    Raises:
        ModelError: on building it with values that can't be; all are listed.
    """

    name: str
    backbone: str
    dim: int
    input_size: tuple[int, int] = (HEIGHT, WIDTH)
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] | None = None
    licence: str
    schema_version: int = SCHEMA_VERSION
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mistakes = [*self._wrong_texts(), *self._wrong_sizes(), *self._copy_trees()]
        if mistakes:
            raise ModelError("a model's specification has mistakes: " + "; ".join(mistakes))

    def to_json(self) -> str:
        """Return one line of JSON that `from_json` turns into an equal specification."""
        known = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        extra = known.pop("extra")
        return json.dumps({**known, **extra}, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ModelSpec":
        """Read what `to_json` wrote, here or in another version of this program.

        Raises:
            ModelError: it isn't JSON, is of another schema version, or has mistakes.
        """
        try:
            tree = json.loads(text)
        except ValueError as error:
            raise ModelError(f"the model's specification is not JSON ({error})") from error
        if not isinstance(tree, dict):
            raise ModelError("the model's specification is not a JSON object")
        version = tree.get("schema_version")
        if version != SCHEMA_VERSION or isinstance(version, bool):
            raise ModelError(
                f"the model's specification has schema version {version!r}, and this program reads "
                f"{SCHEMA_VERSION}; upgrade reid-gallery, or export the model again"
            )
        return cls(**_arguments(tree))

    def _wrong_texts(self) -> list[str]:
        return [
            f"{name} must be a text that isn't empty, not {value!r}"
            for name in ("name", "backbone", "licence")
            if not isinstance(value := getattr(self, name), str) or not value.strip()
        ]

    def _wrong_sizes(self) -> list[str]:
        wrong = []
        if not _is_positive_int(self.dim):
            wrong.append(f"dim must be a whole number from 1, not {self.dim!r}")
        size = self.input_size
        if not (isinstance(size, tuple) and len(size) == 2 and all(map(_is_positive_int, size))):
            wrong.append(f"input_size must be height and width in pixels, not {size!r}")
        return wrong

    def _copy_trees(self) -> list[str]:
        """Replace the trees by copies of plain JSON; say which aren't JSON."""
        wrong = []
        for name in ("training", "metrics", "calibration", "extra"):
            value = getattr(self, name)
            if name == "calibration" and value is None:
                continue
            try:
                copy = json.loads(json.dumps(value, allow_nan=False))
            except (TypeError, ValueError) as error:
                wrong.append(f"{name} is not JSON ({error})")
                continue
            if not isinstance(copy, dict):
                wrong.append(f"{name} must be an object, not {value!r}")
            object.__setattr__(self, name, copy)
        return wrong


def _is_positive_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _arguments(tree: dict[str, Any]) -> dict[str, Any]:
    fields = [f for f in dataclasses.fields(ModelSpec) if f.name != "extra"]
    required = [
        f.name
        for f in fields
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in required if name not in tree]
    if missing:
        raise ModelError(f"the model's specification lacks {', '.join(missing)}")
    known = {f.name: tree[f.name] for f in fields if f.name in tree}
    if isinstance(known.get("input_size"), list):
        known["input_size"] = tuple(known["input_size"])
    return {**known, "extra": {key: tree[key] for key in tree if key not in known}}

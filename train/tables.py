"""From nested dicts to dataclasses: types checked, unknown keys refused, mistakes collected."""

import dataclasses
import typing
from typing import Any, Literal

from ..gallery.errors import ConfigError


def require(config: object, *demands: tuple[str, str, bool]) -> None:
    """Raise a `ConfigError` that lists each (field, demand, whether it is met) that isn't met."""
    wrong = [
        f"{name} must be {demand}, not {getattr(config, name)!r}"
        for name, demand, met in demands
        if not met
    ]
    if wrong:
        raise ConfigError("; ".join(wrong))


def build(kind: Any, tree: Any, prefix: str, mistakes: list[str]) -> Any:
    """One dataclass from one table; mistakes are appended, the value is then None."""
    if not isinstance(tree, dict):
        mistakes.append(f"{prefix.rstrip('.') or 'the top'} must be a table, not {tree!r}")
        return None
    before = len(mistakes)
    hints = typing.get_type_hints(kind)
    known = ", ".join(hints)
    mistakes += [f"{prefix}{k} is unknown; known here: {known}" for k in tree if k not in hints]
    mistakes += [f"{prefix}{k} is missing" for k in _required(kind) if k not in tree]
    values = {
        key: _convert(hints[key], value, f"{prefix}{key}", mistakes)
        for key, value in tree.items()
        if key in hints
    }
    if len(mistakes) > before:
        return None
    try:
        return kind(**values)
    except ConfigError as error:
        mistakes.append(f"{prefix.rstrip('.') or 'the top'}: {error}")
        return None


def _required(kind: Any) -> list[str]:
    missing = dataclasses.MISSING
    return [
        f.name
        for f in dataclasses.fields(kind)
        if f.default is missing and f.default_factory is missing
    ]


def _convert(hint: Any, value: Any, name: str, mistakes: list[str]) -> Any:
    if dataclasses.is_dataclass(hint):
        return build(hint, value, f"{name}.", mistakes)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and isinstance(value, list):
        return tuple(
            _convert(arguments[0], item, f"{name}[{n}]", mistakes) for n, item in enumerate(value)
        )
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is hint or (origin is Literal and value in arguments):
        return value
    expected = {tuple: "a list", Literal: " or ".join(map(repr, arguments))}.get(
        origin, getattr(hint, "__name__", hint)
    )
    mistakes.append(f"{name} must be {expected}, not {value!r}")
    return None

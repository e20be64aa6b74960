"""Writing TOML: what `tomllib` reads back to the same values."""

import json
from collections.abc import Mapping
from typing import Any


def to_toml(tree: Mapping[str, Any], prefix: str = "") -> str:
    """Write nested mappings of numbers, texts, truths and lists; a None is left out.

    A list of mappings becomes an array of tables.
    """
    plain = {key: v for key, v in tree.items() if v is not None and not _is_table(v)}
    text = "".join(f"{key} = {_value(value)}\n" for key, value in plain.items())
    for key, value in tree.items():
        if isinstance(value, Mapping):
            text += f"\n[{prefix}{key}]\n" + to_toml(value, f"{prefix}{key}.")
        elif _is_table(value):
            for item in value:
                text += f"\n[[{prefix}{key}]]\n" + to_toml(item, f"{prefix}{key}.")
    return text


def _is_table(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return repr(value)  # of int and float: inf, nan and 1e-05 are TOML, too

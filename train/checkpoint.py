"""Checkpoints: one safetensors file each, its JSON in the header, replaced atomically.

A checkpoint holds everything that the next step depends on, so that a run that was killed goes on
to the same weights as one that never was. (What is random in a step depends on the step's number
alone.) No pickle is written or read.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from ..gallery.atomic import replacing
from ..gallery.errors import TrainingError

_KEY = "reid-gallery"


def save_checkpoint(
    path: Path,
    *,
    modules: Mapping[str, nn.Module],
    optimizer: Optimizer,
    state: Mapping[str, Any],
) -> None:
    """Write modules, optimizer and ``state`` (JSON) to ``path``.

    Raises:
        TrainingError: it can't be written (a full disk), or a tensor holds what is no number; the
            previous checkpoint is untouched.
    """
    tensors = {
        f"{name}.{key}": value
        for name, module in modules.items()
        for key, value in module.state_dict().items()
    }
    tensors |= _optimizer_tensors(optimizer)
    kept = f"the last good one is still {path}" if path.exists() else "there is no earlier one"
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise TrainingError(f"{path}: {name} is no longer made of numbers; {kept}")
    # Copies of their own, in plain order: what shares memory can't be written.
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    try:
        with replacing(path, sync=True) as temporary:
            save_file(tensors, temporary, metadata={_KEY: json.dumps(dict(state))})
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path}: the checkpoint can't be written ({error}); {kept}") from error


def read_state(path: Path) -> dict[str, Any]:
    """Read only a checkpoint's JSON.

    Raises:
        TrainingError: the file is missing or broken.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return cast(dict[str, Any], json.loads((file.metadata() or {})[_KEY]))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise TrainingError(f"{path}: not a checkpoint of this program ({error})") from error


def load_checkpoint(
    path: Path, *, modules: Mapping[str, nn.Module], optimizer: Optimizer | None = None
) -> dict[str, Any]:
    """Restore modules, and the optimizer where given; return the JSON state.

    Raises:
        TrainingError: the file is missing or broken, or of another architecture.
    """
    state = read_state(path)
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    for name, module in modules.items():
        try:
            module.load_state_dict(_below(tensors, name))
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise TrainingError(
                f"{path}: made with another architecture or other data ({reason})"
            ) from error
    if optimizer is not None:
        _restore_optimizer(optimizer, _below(tensors, "optimizer"))
    return state


def _below(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): v for key, v in tensors.items() if key.startswith(prefix)}


def _optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    return {
        f"optimizer.{number}.{key}": torch.as_tensor(value)
        for number, slots in optimizer.state_dict()["state"].items()
        for key, value in slots.items()
    }


def _restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, slot = key.split(".", 1)
        slots.setdefault(int(number), {})[slot] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": slots, "param_groups": groups})
    for parameter, own in optimizer.state.items():
        for slot, value in own.items():
            if value.shape == parameter.shape:  # laid out in memory as if it had never left it
                own[slot] = torch.empty_like(parameter).copy_(value)

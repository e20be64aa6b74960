"""A run's numbers for TensorBoard, where it is installed."""

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

FOLDER = "tensorboard"
"""In a run's folder."""


class Board:
    """Begins to write with the first record, so that a run that fails to start leaves nothing."""

    def __init__(self, out: Path) -> None:
        self._out = out

    @cached_property
    def _writer(self) -> Any:
        """TensorBoard's; None where it is not installed."""
        try:
            return import_module("torch.utils.tensorboard").SummaryWriter(str(self._out / FOLDER))
        except ImportError:
            return None

    def write(self, record: Mapping[str, Any]) -> None:
        """Add one record's numbers; see `run_folder.read_metrics`."""
        if self._writer is None:
            return
        for name, value in record.items():
            if isinstance(value, Mapping):
                self._add({f"{name}/{key}": v for key, v in value.items()}, record["step"])
        self._add({n: v for n, v in record.items() if isinstance(v, int | float)}, record["step"])
        self._writer.flush()

    def _add(self, numbers: Mapping[str, Any], step: int) -> None:
        for name, value in numbers.items():
            if isinstance(value, int | float) and name != "step":
                self._writer.add_scalar(name, value, step)

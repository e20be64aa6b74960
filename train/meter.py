"""How fast a run is, and what its losses are, since the last report."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

REPORT_SECONDS = 20.0
_SHOW_SECONDS = 0.5
_NO_LOSSES = ("learning_rate", "gradient_norm", "scale")


class Meter:
    """Means of what was added since it was made."""

    def __init__(self) -> None:
        self._started = self._shown = time.monotonic()
        self._sums: dict[str, float] = defaultdict(float)
        self._steps = 0
        self.pictures = 0
        self.waited = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the meter was made, never zero."""
        return max(time.monotonic() - self._started, 1e-9)

    @property
    def due(self) -> bool:
        """Whether it is time for a report."""
        return self.elapsed > REPORT_SECONDS

    @property
    def to_be_shown(self) -> bool:
        """Whether it is time to show something to who is watching."""
        return time.monotonic() - self._shown > _SHOW_SECONDS

    def note_shown(self) -> None:
        """Note that it was shown."""
        self._shown = time.monotonic()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside as waiting for data."""
        started = time.monotonic()
        yield
        self.waited += time.monotonic() - started

    def add(self, pictures: int, values: Mapping[str, float]) -> None:
        """Count one step, and what `Learner.step` returned."""
        self.pictures += pictures
        self._steps += 1
        for name, value in values.items():
            self._sums[name] += value

    def means(self) -> dict[str, float]:
        """Mean of each value over the steps."""
        return {name: value / self._steps for name, value in self._sums.items()}

    def record(self) -> dict[str, Any]:
        """What `run_folder.read_metrics` says of losses and speed."""
        means = {name: round(value, 8) for name, value in self.means().items()}
        return {
            "pictures_per_s": round(self.pictures / self.elapsed, 1),
            "waiting_share": round(self.waited / self.elapsed, 4),
            **{name: means[name] for name in _NO_LOSSES if name in means},
            "losses": {n: value for n, value in means.items() if n not in _NO_LOSSES},
        }

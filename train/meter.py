"""How fast a run is, and what its losses are, since the last report."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

REPORT_SECONDS = 20.0


class Meter:
    """Means of what was added since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()
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

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside as waiting for data."""
        started = time.monotonic()
        yield
        self.waited += time.monotonic() - started

    def add(self, pictures: int, parts: Mapping[str, float]) -> None:
        """Count one step."""
        self.pictures += pictures
        self._steps += 1
        for name, value in parts.items():
            self._sums[name] += value

    def means(self) -> dict[str, float]:
        """Mean of each part over the steps."""
        return {name: value / self._steps for name, value in self._sums.items()}

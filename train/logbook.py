"""What a run tells: to who is watching, to ``metrics.jsonl`` and to TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from .board import Board
from .config import TrainConfig
from .display import make_display
from .meter import Meter
from .pace import Progress, position, seconds_left
from .run_folder import write_metrics


class Logbook:
    """Written by the first process only; the others' are silent and write nothing."""

    def __init__(self, out: Path, config: TrainConfig, *, main: bool) -> None:
        self._out, self._config, self._main = out, config, main
        self._display = make_display(main=main)
        self._board = Board(out)
        self.say = self._display.say

    def __enter__(self) -> "Logbook":
        """Begin to show how training goes."""
        self._display.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._display.__exit__(kind, error, trace)

    def note(self, at: Progress, seconds: float, record: Mapping[str, Any]) -> None:
        """Write a record; see `run_folder.read_metrics`."""
        if not self._main:
            return
        whole = {"epoch": at.epoch, "step": at.step, "seconds": round(seconds, 1), **record}
        write_metrics(self._out, whole)
        self._board.write(whole)

    def note_training(
        self, at: Progress, meter: Meter, *, share: float, seconds: float, end_s: float | None
    ) -> None:
        """Write and show what a meter measured; see `show` for the rest."""
        phase = self._config.phases[at.phase]
        where = {"batch": at.batch, "phase": at.phase, "height": phase.height, "width": phase.width}
        self.note(at, seconds, {**where, **meter.record()})
        self.show(at, meter, share=share, seconds=seconds, end_s=end_s, now=True)

    def show(
        self,
        at: Progress,
        meter: Meter,
        *,
        share: float,
        seconds: float,
        end_s: float | None,
        now: bool = False,
    ) -> None:
        """Show how it goes, on a terminal every half second, else only when told so.

        Args:
            at: where the run is.
            meter: what it measured of late.
            share: of the present phase that is done.
            seconds: of the run so far.
            end_s: the run's seconds at which training ends, where that is known.
            now: show it on any display.
        """
        if not (now or (self._display.live and meter.to_be_shown)):
            return
        meter.note_shown()
        phase_s = (seconds - at.phase_seconds) / max(share, 1e-6)
        left_s = (
            seconds_left(self._config, at, share, phase_s=phase_s)
            if end_s is None
            else end_s - seconds
        )
        done = position(self._config, at, share) / self._config.epochs
        self._display.show({"epoch": at.epoch, **meter.record()}, share=done, left_s=left_s)

"""Beginning a run and going on with one: its folder, its lock, its processes."""

from collections.abc import Iterator, Set
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from .config import TrainConfig
from .initial import settle_start
from .loop import Run
from .memory import keep_freed_memory
from .processes import Processes
from .run_folder import (
    CONFIG,
    DESCRIPTION,
    LOCK,
    RunData,
    make_folder,
    only_run_in,
    read_description,
    write_description,
)

_MADE_AT_START = (LOCK, CONFIG, DESCRIPTION)


@contextmanager
def start_run(
    out: Path, config: TrainConfig, data: RunData, *, began: float | None = None
) -> Iterator[Run]:
    """Begin a new run in the folder ``out``, which no other process can train in meanwhile.

    Args:
        out: made if need be.
        config: of the run.
        data: what to train on.
        began: `time.monotonic` at which a time budget begins to count; by default now.

    Raises:
        TrainingError: there is a run in it already, or it can't be made, or pictures can't be read.
        LayoutError: the sources don't have the layouts they were said to have.
        ConfigError: the backbone or its initial weights can't be had.
    """
    config = replace(config, model=settle_start(config.model))
    processes = _meet(config)
    if processes.main:
        make_folder(out)
    there = {name for name in _MADE_AT_START if (out / name).exists()}
    with _held(out, processes):
        try:
            run = Run(out, config, data, processes, began=began)
            if processes.main:
                write_description(out, config, data, fingerprint=run.material.fingerprint)
        except BaseException:
            if processes.main:
                _remove_traces(out, but=there)
            raise
        yield run


@contextmanager
def resume_run(out: Path) -> Iterator[Run]:
    """Go on with the run in the folder ``out`` from its last checkpoint.

    Raises:
        TrainingError: there is no run in it, another process trains in it, its checkpoint doesn't
            fit, or the data are not what they were.
        ConfigError: its configuration was edited and has mistakes.
    """
    config, data = read_description(out)
    processes = _meet(config)
    with _held(out, processes):
        if processes.main:
            for torn in out.glob(".*.part*"):  # a kill fell into its writing
                torn.unlink()
        yield Run(out, config, data, processes, resuming=True)


def _meet(config: TrainConfig) -> Processes:
    frozen = any(phase.frozen_stages for phase in config.phases)
    processes = Processes(config.precision, frozen_stages=frozen)
    if processes.device.type == "cpu":
        keep_freed_memory()
    return processes


@contextmanager
def _held(out: Path, processes: Processes) -> Iterator[None]:
    with only_run_in(out) if processes.main else nullcontext():
        processes.wait()
        yield
        processes.close()


def _remove_traces(out: Path, *, but: Set[str]) -> None:
    """A start that failed leaves what was there before, and the teacher's embeddings.

    They may have taken hours; the next start finds them.
    """
    for name in _MADE_AT_START:
        if name not in but:
            (out / name).unlink(missing_ok=True)
    with suppress(OSError):  # there is something else in it
        out.rmdir()

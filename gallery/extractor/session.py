"""ONNX Runtime's sessions: the settings that were measured to be best."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import ModelError, first_line
from .graphs import find_graph, graph_key, keeping_graph

CPU = "CPUExecutionProvider"

SPINNING = {"session.force_spinning_stop": "1", "session.intra_op.spin_duration_us": "50"}
"""Threads spin for so long while they wait for the next layer, and not at all after a run, where
search and decoding want the processor. Never to spin makes a single picture a fifth slower on an
idle machine; to spin for as long as ONNX Runtime does by itself makes it a third dearer on a busy
one. A version that knows no duration spins until the run ends."""


def open_session(
    path: Path, threads: int | None, providers: Sequence[str], *, sha256: str = ""
) -> Any:
    """Load with all graph optimisations.

    Measured on an EfficientNet-Lite0: fewer of them load 16 ms sooner and then lose 17 ms with the
    first picture, and take nearly three times as long with every later one.

    Args:
        path: the ONNX file.
        threads: that one picture's computation may use; None: one a core.
        providers: ONNX Runtime's execution providers, best first.
        sha256: of the file. With it, on processors, the optimised graph is kept and found again;
            see `graphs`.

    Raises:
        ModelError: ONNX Runtime can't load it, or hasn't a provider.
    """
    import onnxruntime  # noqa: PLC0415 (most of a cold start, and most commands don't need it)

    _check_providers(providers, onnxruntime.get_available_providers())

    def load(file: Path, **settings: Any) -> Any:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # its errors are raised as well; stderr is for our own words
        for name, value in SPINNING.items():
            options.add_session_config_entry(name, value)
        if threads is not None:
            options.intra_op_num_threads = threads
        for name, value in settings.items():
            setattr(options, name, value)
        return onnxruntime.InferenceSession(str(file), options, providers=list(providers))

    def load_by_kept_graph() -> Any:
        key = graph_key(sha256, onnxruntime.__version__)
        if graph := find_graph(key):
            level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            return load(graph, graph_optimization_level=level)
        with keeping_graph(key, path) as made:
            return load(path, **({"optimized_model_filepath": str(made)} if made else {}))

    if sha256 and list(providers) == [CPU]:
        with suppress(Exception):  # a full disk, or a bad model: then it is said below
            return load_by_kept_graph()
    try:
        return load(path)
    except Exception as error:  # its errors share no base below Exception
        reason = first_line(error)
        raise ModelError(f"{path}: not a model that ONNX Runtime can load ({reason})") from error


def _check_providers(providers: Sequence[str], there: Sequence[str]) -> None:
    """Refuse what ONNX Runtime would replace by its processor's provider with a warning."""
    missing = [provider for provider in providers if provider not in there]
    if missing:
        raise ModelError(
            f"this ONNX Runtime has no {missing[0]}, only {', '.join(there)}; install the package "
            "that has it, such as onnxruntime-openvino, in place of onnxruntime"
        )

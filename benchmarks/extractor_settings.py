"""How ONNX Runtime's settings, and OpenVINO reading the same file, change an extractor's speed.

    python benchmarks/extractor_settings.py [MODEL.onnx] [--rounds 9]

Embeds 64 drawn pictures one at a time and in batches, every setting in turns; a first round isn't
counted. The table has milliseconds a picture by the wall clock and of processor time, medians, and
in brackets the ratio of wall clocks to the settings that ship. OpenVINO runs where it
is installed (``pip install openvino``), in 32 bits, a picture a request, as many side by
side as it finds best; as ONNX Runtime's provider behind our own `Extractor` where that is (``pip
install onnxruntime-openvino openvino`` in place of onnxruntime).

A second table has what a process takes that opens the model and embeds one picture, with the
optimised graph that is kept for it and without, in turns, each in a process of its own: the time
until then and memory in all, without what Python and its imports take.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from growth import in_own_process, resident
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.extractor.hashing import hash_file
from reid_gallery.gallery.extractor.session import CPU, SPINNING, open_session
from reid_gallery.gallery.figures import draw_figures
from reid_gallery.gallery.pictures.fit import fit
from reid_gallery.gallery.pictures.read import read_crop
from sides import in_turn, timed

BATCHES = (1, 16, 32)
OPENVINO = "OpenVINOExecutionProvider"
NEVER = {"session.intra_op.allow_spinning": "0"}

Pictures = npt.NDArray[np.uint8]
Run = Callable[[Pictures], object]
"""Embeds uint8[n, 256, 128, 3]."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    path, pictures = resolve_model(arguments.model), _draw()
    runs = {**_onnxruntime(path), **_openvino(path), **_provider(path, pictures)}
    print(f"| | {' | '.join(f'{size} at a time: ms, CPU ms' for size in BATCHES)} |")
    print("|---|" + "---|" * len(BATCHES))
    columns = [_measure(runs, pictures, size, arguments.rounds) for size in BATCHES]
    for name in runs:
        print(f"| {name} | {' | '.join(column[name] for column in columns)} |")
    _tell_opening(path, arguments.rounds)


def _tell_opening(path: Path, rounds: int) -> None:
    sides = {"with the graph that is kept": True, "without": False}
    in_own_process(_open, path, True)  # keeps it, if it wasn't
    opened = {name: [] for name in sides}
    for _ in range(rounds):
        for name, kept in sides.items():
            opened[name].append(in_own_process(_open, path, kept))
    print("\n| opening and one picture | ms | CPU ms | MB |\n|---|---|---|---|")
    for name, seen in opened.items():
        wall, cpu, memory = (median(one[key] for one in seen) for key in ("wall", "cpu", "mb"))
        print(f"| {name} | {1000 * wall:.0f} | {1000 * cpu:.0f} | {memory:.0f} |")


def _open(path: Path, kept: bool) -> dict[str, float]:
    """In a process of its own; ``kept``: with the optimised graph, as `Extractor.load` does."""
    with path.open("rb") as file:
        sha256 = hash_file(file) if kept else ""
    picture = np.zeros((1, 256, 128, 3), np.uint8)
    before = resident("VmRSS")

    def work() -> None:
        session = open_session(path, None, [CPU], sha256=sha256)
        session.run(None, {session.get_inputs()[0].name: picture})

    wall, cpu = timed(work)
    return {"wall": wall, "cpu": cpu, "mb": resident("VmHWM") - before}


def _draw() -> Pictures:
    with tempfile.TemporaryDirectory() as folder:
        drawn = draw_figures(Path(folder) / "people", people=32, cameras=2, per_camera=1, seed=0)
        return np.stack([fit(read_crop(picture.path)) for picture in drawn])


def _measure(runs: Mapping[str, Run], pictures: Pictures, size: int, rounds: int) -> dict[str, str]:
    """One column: all pictures in batches of one size."""
    batches = [pictures[start : start + size] for start in range(0, len(pictures), size)]
    tasks = {name: lambda _, run=run: [run(some) for some in batches] for name, run in runs.items()}
    taken = {name: turns[1:] for name, turns in in_turn(tasks, rounds + 1).items()}
    shipped = next(iter(taken.values()))
    cells = {}
    for name, turns in taken.items():
        wall, cpu = (1000 * median(column) / len(pictures) for column in zip(*turns, strict=True))
        ratio = median(own / base for (own, _), (base, _) in zip(turns, shipped, strict=True))
        cells[name] = f"{wall:.2f}, {cpu:.2f} ({ratio:.2f})"
    return cells


def _onnxruntime(path: Path) -> dict[str, Run]:
    basic = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return {
        "**as it ships**": _session(path, SPINNING),
        "never spinning": _session(path, NEVER),
        "spinning as ONNX Runtime does": _session(path, {}),
        "one thread": _session(path, SPINNING, intra_op_num_threads=1),
        "without the arena": _session(path, SPINNING, enable_cpu_mem_arena=False),
        "basic optimisations only": _session(path, SPINNING, graph_optimization_level=basic),
    }


def _session(path: Path, entries: Mapping[str, str], **settings: Any) -> Run:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    for name, value in settings.items():
        setattr(options, name, value)
    session = onnxruntime.InferenceSession(str(path), options, providers=[CPU])
    (taken,) = session.get_inputs()
    return lambda pictures: session.run(None, {taken.name: pictures})


def _provider(path: Path, pictures: Pictures) -> dict[str, Run]:
    """OpenVINO behind our `Extractor`; its embeddings are to be those of what ships."""
    if OPENVINO not in onnxruntime.get_available_providers():
        return {}
    extractor, shipped = Extractor.load(path, providers=[OPENVINO, CPU]), Extractor.load(path)
    cosines = (extractor.embed_fitted(pictures) * shipped.embed_fitted(pictures)).sum(axis=1)
    name = f"OpenVINO as ONNX Runtime's provider, cosine at least {cosines.min():.6f}"
    return {name: extractor.embed_fitted}


def _openvino(path: Path) -> dict[str, Run]:
    if find_spec("openvino") is None:
        return {}
    import openvino  # noqa: PLC0415 (where it is installed)

    core = openvino.Core()
    model = core.read_model(path)

    def compiled(hint: str) -> openvino.CompiledModel:
        wanted = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": "f32"}
        return core.compile_model(model, "CPU", wanted)

    one, queue = (
        compiled("LATENCY").create_infer_request(),
        openvino.AsyncInferQueue(compiled("THROUGHPUT")),
    )

    def run(pictures: Pictures) -> None:
        if len(pictures) == 1:
            one.infer([pictures])
            return
        for picture in pictures:
            queue.start_async([picture[None]])
        queue.wait_all()

    return {f"OpenVINO {openvino.__version__.split('-')[0]}, 32 bits": run}


if __name__ == "__main__":
    main()

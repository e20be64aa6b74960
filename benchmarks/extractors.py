r"""Extractors side by side: accuracy, pictures a second, memory and cold start, in one run.

    python benchmarks/extractors.py person-reidentification-retail-0277.xml \
        person-reidentification-retail-0288.xml osnet.onnx default \
        --protocol market1501 MARKET1501 --protocol viper VIPER --protocol grid GRID \
        --cache VECTORS --plot extractors.png

A model is a ``.xml`` file of OpenVINO (``pip install openvino``), or an ONNX file or a name that
``reid-gallery model list`` shows; anyone's ONNX file is adopted first (docs/models.md). Ratios and
differences are to the first model named. Without ``--protocol`` only speed is measured.

- Speed: all models in turns, on drawn pictures, fitted alike. "1" is one picture after the other,
  "32" as many at once; "from file" decodes and fits them too, the 32 in threads as ``enroll`` does.
  A model of ours runs as the product runs it; OpenVINO with its hints for latency and throughput.
  Where OpenVINO would compute in fewer than 32 bits on this processor, it is measured in both.
- Cold start, and the peak memory of that process: import, load, one picture from its file.
- Accuracy: protocols of ``reid-gallery evaluate``, 95 % intervals by identity. OpenVINO's models,
  in 32 bits, see stretched pictures, as they were trained; ours fitted ones; an adopted model is
  asked both ways.
  ``--cache`` keeps embeddings, those of fitted pictures where ``evaluate --cache`` looks for them.
"""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from extractor_sides import Side, accuracy_sides, embed_side, load_models, speed_sides
from extractor_speed import measure_speed, speed_table
from reid_gallery.gallery.errors import ReidGalleryError
from reid_gallery.gallery.evaluation.embedding import Embedded
from reid_gallery.gallery.evaluation.measuring import Measurement, measure
from reid_gallery.gallery.evaluation.protocols import PROTOCOLS, read_trial
from reid_gallery.gallery.evaluation.trials import Trial
from reid_gallery.gallery.reports.measurements import summary_table


def measure_accuracy(trial: Trial, sides: Sequence[Side], cache: Path | None) -> list[Measurement]:
    """Measure every side on one data set."""
    embedded = []
    for side in sides:
        print(f"{trial.name}: {side.label}", file=sys.stderr, flush=True)
        vectors = embed_side(side, trial.files, cache)
        embedded.append(Embedded(side.label, side.model.sha256, vectors))
    return measure(trial, embedded)


def machine() -> str:
    """The day, what computes, how busy it is, and the versions that matter."""
    versions = []
    for package in ("onnxruntime", "openvino"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {len(os.sched_getaffinity(0))} cores, "
        f"load {load}, {', '.join(versions)}"
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    fields = {key.strip(): value for key, _, value in (line.partition(": ") for line in lines)}
    flags = fields.get("flags", "").split()
    known = ("amx_bf16", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")
    widest = next((name for name in known if name in flags), "no AVX2")
    return f"{fields.get('model name', platform.machine())} ({widest})"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument(
        "--protocol", nargs=2, action="append", default=[], metavar=("NAME", "DATA"),
        help=f"a data set: one of {', '.join(PROTOCOLS)}, and its folder; may be repeated",
    )  # fmt: skip
    parser.add_argument("--cache", type=Path, help="keep embeddings in this folder")
    parser.add_argument("--plot", type=Path, help="draw accuracy against milliseconds")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each speed (default 9)")
    arguments = parser.parse_args()
    if arguments.plot and not arguments.protocol:
        parser.error("--plot shows accuracy: name the data with --protocol")
    if arguments.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return arguments


def run(arguments: argparse.Namespace) -> None:
    """Measure, print the tables, draw."""
    trials = [read_trial(name, Path(folder)) for name, folder in arguments.protocol]
    models = load_models(arguments.models)
    print(f"{machine()}\n", flush=True)
    timed = speed_sides(models)
    speeds = measure_speed(timed, arguments.rounds)
    print(speed_table(timed, speeds), flush=True)
    if not trials:
        return
    asked = accuracy_sides(models)
    measured = [measure_accuracy(trial, asked, arguments.cache) for trial in trials]
    print(f"\n{summary_table([one for by_side in measured for one in by_side])}")
    if arguments.plot:
        from extractor_plot import draw_scatter  # noqa: PLC0415

        ms = {side.model: speeds[side.label].ms for side in timed}
        draw_scatter(arguments.plot, [ms[side.model] for side in asked], measured)


def main() -> None:
    """Parse the command line and run; what is wrong with the input is said in a line."""
    try:
        run(_parse())
    except ReidGalleryError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()

"""One run's weights at other sizes and in 8 bits: files for a scatter of accuracy over time.

    python benchmarks/sizes.py RUN FILES
    python benchmarks/extractors.py FILES/*.onnx --protocol all-to-all HELD_OUT.csv \
        --plot sizes.png

``HELD_OUT.csv`` has the people that the run held out. Each file shrinks its pictures to its size
itself. The weights stay as they are, trained at one size: at the others they would do better had
they been trained there, and do the less well the farther it is.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import onnx
from reid_gallery.gallery.errors import ReidGalleryError
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.extractor.metadata import write_with_spec
from reid_gallery.train.config import Phase
from reid_gallery.train.export import ServedModel, build_graph, load_served_model
from reid_gallery.train.int8 import quantize, sample_pictures
from reid_gallery.train.material import split_of_run
from reid_gallery.train.run_folder import BEST, MODEL

SIZES = ((256, 128), (224, 112), (192, 96), (160, 80), (128, 64))
"""Heights and widths; all of a shape, which pictures are fitted into."""


def main() -> None:
    """Write two files a size, and say which."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run that is done")
    parser.add_argument("out", type=Path, help="folder for the files")
    arguments = parser.parse_args()
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for file in write_sizes(arguments.run, arguments.out):
            print(file, flush=True)
    except ReidGalleryError as error:
        raise SystemExit(str(error)) from error


def write_sizes(run: Path, out: Path) -> Iterator[Path]:
    """Export a run's averaged weights at each size, in 32 and in 8 bits; yield the files.

    Raises:
        TrainingError: the run isn't done, or its pictures changed.
        ModelError: a file can't be written.
    """
    spec = replace(Extractor.load(run / MODEL).spec, calibration=None, metrics={})
    model = load_served_model(run / BEST)[0].model
    pictures = sample_pictures(split_of_run(run).training)
    for height, width in SIZES:
        floats, in_8_bits = out / f"{height}x{width}.onnx", out / f"{height}x{width}-int8.onnx"
        served = ServedModel(model, Phase(epochs=1, height=height, width=width)).eval()
        onnx.save(build_graph(served), floats)
        quantize(floats, in_8_bits, pictures)
        for file in (floats, in_8_bits):
            write_with_spec(file, file, replace(spec, name=f"{spec.name}-{file.stem}"))
            yield file


if __name__ == "__main__":
    main()

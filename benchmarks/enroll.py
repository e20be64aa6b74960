"""Enrolling real pictures against the extractor alone on the same pictures, decoded beforehand.

    python benchmarks/enroll.py FOLDER --layout market1501 --count 512

Both sides take turns, in batches of the same size. The ratio that counts is floor / ours: the
share of the extractor's own pictures a second that an enrolment reaches, reading, decoding,
hashing and committing included. ``--memory`` runs enrolments of COUNT and 4 x COUNT pictures in
processes of their own and tells the peak of each.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.loading import load_pictures
from reid_gallery.gallery.pictures.fit import fit
from reid_gallery.gallery.pictures.labelled import LabelledPicture, Reading
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.gallery.pictures.sources import collect
from sides import Seconds, in_turn

MEMORY_TIMES = (1, 4)


def main() -> None:
    """Measure and print."""
    arguments = _parse()
    reading = collect([str(arguments.folder)], layout=arguments.layout)
    pictures = reading.pictures[: arguments.count]
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        if arguments.memory:
            for times in MEMORY_TIMES:
                _print_memory(reading.pictures[: times * arguments.count], Path(scratch))
        _print_speed(pictures, Path(scratch), arguments.runs)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layout", default="folders")
    parser.add_argument("--count", type=int, default=512, help="pictures")
    parser.add_argument("--runs", type=int, default=5, help="turns of each side")
    parser.add_argument("--memory", action="store_true", help="peak memory at 1x and 4x as many")
    parser.add_argument("--scratch", type=Path, help="where the stores are made; on a disk")
    return parser.parse_args()


def _print_speed(pictures: list[LabelledPicture], scratch: Path, runs: int) -> None:
    extractor = Extractor.load(resolve_model(None))
    fitted = np.stack([fit(read_crop(picture.path)) for picture in pictures])
    extractor.embed_fitted(fitted[:16])  # the first run is slower
    taken = in_turn(
        {
            "extractor alone": lambda run: extractor.embed_fitted(fitted),
            "enroll": lambda run: _enroll(scratch / f"store{run}", extractor, pictures),
            "read, decode, fit": lambda run: _load(pictures),
        },
        runs,
    )
    floor_wall, floor_cpu = _medians(taken["extractor alone"])
    print(f"{len(pictures)} pictures, {runs} turns, load {os.getloadavg()[0]:.1f}; medians")
    print("| side | pictures/s | CPU ms a picture | of the floor, wall | of the floor, CPU |")
    print("|---|---|---|---|---|")
    for name, side in taken.items():
        wall, cpu = _medians(side)
        print(
            f"| {name} | {len(pictures) / wall:.0f} | {cpu / len(pictures) * 1000:.2f} "
            f"| {floor_wall / wall:.3f} | {floor_cpu / cpu:.3f} |"
        )
    turns = zip(taken["extractor alone"], taken["enroll"], strict=True)
    ratios = sorted(floor[0] / ours[0] for floor, ours in turns)
    print(f"floor / enroll, wall, by turn: {', '.join(f'{ratio:.3f}' for ratio in ratios)}")


def _enroll(root: Path, extractor: Extractor, pictures: list[LabelledPicture]) -> None:
    with Gallery.open(root, model=extractor.path, load=lambda path: extractor) as gallery:
        report = gallery.enroll_reading(Reading(pictures))
    if len(report.enrolled) + len(report.skipped) + len(report.conflicting) != len(pictures):
        raise SystemExit(f"{len(report.failed)} pictures failed; choose a folder of sound ones")


def _load(pictures: list[LabelledPicture]) -> None:
    for _ in load_pictures(pictures, lambda picture: picture.path):
        pass


def _medians(side: list[Seconds]) -> Seconds:
    walls, processors = zip(*side, strict=True)
    return median(walls), median(processors)


def _print_memory(pictures: list[LabelledPicture], scratch: Path) -> None:
    """Enroll in a fresh process, since a process's peak never falls."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        megabytes = pool.apply(_peak_of_enrolling, (scratch, pictures))
    print(f"{len(pictures)} pictures: peak {megabytes:.0f} MB", flush=True)


def _peak_of_enrolling(scratch: Path, pictures: list[LabelledPicture]) -> float:
    _enroll(scratch / f"memory{len(pictures)}", Extractor.load(resolve_model(None)), pictures)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

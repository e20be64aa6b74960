"""Enrolling real pictures against the extractor alone on the same pictures, decoded beforehand.

    python benchmarks/enroll.py FOLDER --layout market1501 --count 512
    python benchmarks/enroll.py FOLDER --count 192 --flat 100000

Both sides take turns, in batches of the same size. The ratio that counts is ours / floor in
pictures a second: the share of the extractor's own speed that an enrolment reaches, reading,
decoding, hashing and committing included.

``--flat`` enrolls so many pictures in a process of its own and tells how much memory it has after
the first tenth and at the end: its own, which the system can't drop, and in all, with what is
mapped. What grows by design is told by itself: the list of paths, which is read before the first
picture, and the numbers that the report gives back. Those pictures are FOLDER's again and again,
each file with a comment of its own, so that no two are the same; they are written below
``--scratch`` and take about 8 KB each. ``--flat-model`` is the extractor there: with a small one a
million takes minutes, and all but the extractor's own work is as it would be.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.loading import load_pictures
from reid_gallery.gallery.pictures.fit import fit
from reid_gallery.gallery.pictures.labelled import LabelledPicture, Reading
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.gallery.pictures.sources import collect
from rows import Aim, Row, heading, tell
from sides import Seconds, in_turn

MB = 2**20


def main() -> None:
    """Measure and print."""
    arguments = _parse()
    reading = collect([str(arguments.folder)], layout=arguments.layout)
    pictures = reading.pictures[: arguments.count]
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        _tell_speed(pictures, Path(scratch), arguments.runs)
        if arguments.flat:
            drawn = _write_distinct(pictures, Path(scratch) / "distinct", arguments.flat)
            model = resolve_model(arguments.flat_model)
            _tell_memory(drawn, Path(scratch) / "flat", arguments.flat, model)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layout", default="folders")
    parser.add_argument("--count", type=int, default=512, help="pictures")
    parser.add_argument("--runs", type=int, default=5, help="turns of each side")
    parser.add_argument("--flat", type=int, help="enroll so many and watch the memory")
    parser.add_argument("--flat-model", type=Path, help="embeds them; by default the chosen one")
    parser.add_argument("--scratch", type=Path, help="where the stores are made; on a disk")
    return parser.parse_args()


def _tell_speed(pictures: list[LabelledPicture], scratch: Path, runs: int) -> None:
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
    heading(f"enrolling {len(pictures)} pictures, {runs} turns, medians")
    medians = {name: _medians(side) for name, side in taken.items()}
    floor_wall, floor_cpu = medians["extractor alone"]
    for name, aim in (("enroll", Aim(least=0.95)), ("read, decode, fit", None)):
        wall, cpu = medians[name]
        row = Row(
            what=f"{name} / extractor alone, pictures a second",
            size=len(pictures),
            floor=len(pictures) / floor_wall,
            ours=len(pictures) / wall,
            unit="/s",
            cpu=cpu / floor_cpu,
            aim=aim,
            why=_why(medians),
        )
        tell(row)


def _why(medians: dict[str, Seconds]) -> str:
    """What an enrolment has to do beside embedding, on cores that the extractor keeps busy."""
    wall, cpu = medians["extractor alone"]
    reading, whole = (medians[name][1] / cpu for name in ("read, decode, fit", "enroll"))
    return (
        f"the extractor alone keeps {cpu / wall:.2f} of {os.cpu_count()} cores busy; enrolling "
        f"takes {whole:.2f} of its processor time, reading, decoding and fitting alone "
        f"{reading:.2f}, and the store's work has its share of the same cores"
    )


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


def _write_distinct(pictures: list[LabelledPicture], folder: Path, count: int) -> Path:
    """Write ``count`` files, a folder a person, no two of the same bytes."""
    for number, picture in enumerate(islice(cycle(pictures), count)):
        path = folder / picture.pid / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(read_crop(picture.path)).save(path, quality=92, comment=str(number))
    return folder


@dataclass
class _Watch:
    """Told of progress, it looks how much memory this process has.

    Attributes:
        seen: after so many pictures, so many bytes of its own and in all.
    """

    seen: list[tuple[int, int, int]] = field(default_factory=list)

    def __call__(self, done: int) -> None:
        """``done`` more pictures are enrolled."""
        _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
        before = self.seen[-1][0] if self.seen else 0
        page = resource.getpagesize()
        self.seen.append((before + done, (resident - shared) * page, resident * page))


def _tell_memory(folder: Path, store: Path, count: int, model: Path) -> None:
    """Enroll in a fresh process, which has nothing else in memory."""
    heading(f"enrolling {count:,} pictures: memory after the first tenth, and at the end")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        seen, kept = pool.apply(_watch_enrolling, (folder, store, model))
    _, *first = next(moment for moment in seen if moment[0] >= count / 10)
    _, *last = seen[-1]
    for what, floor, ours in zip(("of its own", "with what is mapped"), first, last, strict=True):
        row = Row(
            what=f"enroll pictures, memory {what}: at the end / after a tenth",
            size=count,
            floor=floor / MB,
            ours=ours / MB,
            unit="MB",
            aim=Aim(most=1.1) if what == "of its own" else None,
            why="the paths and numbers of all pictures are kept for the report",
        )
        tell(row)
    for name, (floor, ours) in kept.items():
        what = f"enroll pictures, bytes a picture of {name}"
        tell(Row(what=what, size=count, floor=floor / count, ours=ours / count, unit="B"))


def _watch_enrolling(
    folder: Path, store: Path, model: Path
) -> tuple[list[tuple[int, int, int]], dict[str, tuple[int, int]]]:
    """What was seen; and what is kept of all pictures beside the least that could be, in bytes."""
    watch = _Watch()
    with Gallery.open(store, model=model) as gallery:
        reading = collect([str(folder)])
        report = gallery.enroll_reading(reading, progress=watch)
    if report.failed or report.skipped or report.conflicting:
        raise SystemExit(f"not all pictures were enrolled: {report}")
    numbers = np.array(report.enrolled)
    names = sum(len(os.fsencode(picture.path)) for picture in reading.pictures)
    kept = {
        "collected paths and labels / the path": (names, _bytes_of(lambda: collect([str(folder)]))),
        "the report / a number": (numbers.nbytes, _bytes_of(lambda: tuple(numbers.tolist()))),
    }
    return watch.seen, kept


def _bytes_of(work: Callable[[], object]) -> int:
    """How large is what it makes; made again, since to be watched would change what is measured."""
    tracemalloc.start()
    made = work()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del made
    return size


if __name__ == "__main__":
    main()

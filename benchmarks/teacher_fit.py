"""How well extractors copy their teacher, by kind of picture: what it is that limits them.

    python benchmarks/openvino_embeddings.py person-reidentification-retail-0277.xml teacher.npz \
        market1501/bounding_box_train views fresh viper
    python benchmarks/teacher_fit.py teacher.npz --kind "views trained on" views \
        --kind "fresh views" fresh --kind VIPeR viper MODEL.onnx [MODEL.onnx ...]

A student that fits pictures it was trained on no better than others of their kind lacks neither
pictures nor people of that kind: it lacks capacity, or time. One that fits strangers worse lacks
pictures like theirs.

``correlation`` is that of the student's cosines with the teacher's, over all pairs of a kind's
pictures; ``shared`` is how many of a picture's ten nearest are the same in both; in brackets 95 %
intervals, bootstrapped by picture. Of each folder so many pictures are taken at even distances.
Fresh views are what ``reid-gallery train views`` makes with a larger ``--each``, or of a manifest
of other people.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from openset import resample
from reid_gallery.gallery.errors import ReidGalleryError
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.health.people import unit
from reid_gallery.gallery.pictures.folders import walk_pictures
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.train.material import spread
from reid_gallery.train.teacher import load_teacher

NEAREST = 10
RESAMPLES = 200
Vectors = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


def main() -> None:
    """Embed, compare, print a table."""
    arguments = _parse()
    file = arguments.teacher
    models = [Extractor.load(path) for path in arguments.models]
    names = [f"{path.parent.name}/{path.name}" for path in arguments.models]
    print(f"correlation / of the {NEAREST} nearest shared\n")
    print("| pictures | n | " + " | ".join(names) + " |")
    print("|---|---|" + "---|" * len(models))
    for kind, folder in arguments.kind:
        paths = _some(Path(folder), arguments.count)
        taught = unit(load_teacher(file, paths, kept=file).numpy())
        fits = [_fit(model.embed(map(read_crop, paths)), taught) for model in models]
        told = " | ".join(" / ".join(fit) for fit in fits)
        print(f"| {kind} | {len(paths):,} | {told} |", flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("teacher", type=Path, help="embeddings of all of these pictures")
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--kind", nargs=2, action="append", metavar=("NAME", "FOLDER"))
    parser.add_argument("--count", type=int, default=1500, help="pictures of a kind, at most")
    arguments = parser.parse_args()
    if not arguments.kind:
        parser.error("name at least one --kind NAME FOLDER")
    if arguments.teacher.suffix.lower() != ".npz":
        parser.error(f"{arguments.teacher}: embeddings are wanted, an .npz")
    return arguments


def _some(folder: Path, count: int) -> list[Path]:
    paths, failed = walk_pictures(folder)
    if failed or len(paths) <= NEAREST:
        reason = failed[0][1] if failed else f"more than {NEAREST} pictures it takes"
        raise ReidGalleryError(f"{folder}: {reason}")
    return spread(paths, count)


def _fit(student: Vectors, teacher: Vectors) -> tuple[str, str]:
    """Return the correlation of all pairs' cosines, and the mean number of nearest shared."""
    ours, theirs = student @ student.T, teacher @ teacher.T
    nearest = zip(_nearest(ours), _nearest(theirs), strict=True)
    shared = np.array([len(set(mine) & set(yours)) for mine, yours in nearest])
    weights = resample(np.arange(len(shared)), RESAMPLES)
    return span(_correlations(ours, theirs, weights), 3), span(weights @ shared / len(shared), 1)


def _correlations(ours: Vectors, theirs: Vectors, weights: Floats) -> Floats:
    """float64[b], over all pairs of two pictures, each weighed by float64[b, n] of both."""
    apart = 1 - np.eye(len(ours))

    def mean(values: Floats) -> Floats:
        summed = ((weights @ (values * apart)) * weights).sum(axis=1)
        return np.asarray(summed / (weights.sum(axis=1) ** 2 - (weights**2).sum(axis=1)))

    x, y = ours.astype(np.float64), theirs.astype(np.float64)
    mean_x, mean_y = mean(x), mean(y)
    spread_x, spread_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    return np.asarray((mean(x * y) - mean_x * mean_y) / np.sqrt(spread_x * spread_y))


def span(values: Floats, digits: int) -> str:
    """The first value, and the 95 % interval of the others."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return f"{values[0]:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _nearest(cosines: Vectors) -> list[list[int]]:
    others = cosines - 9 * np.eye(len(cosines), dtype=np.float32)
    nearest: list[list[int]] = np.argsort(-others, axis=1)[:, :NEAREST].tolist()
    return nearest


if __name__ == "__main__":
    main()

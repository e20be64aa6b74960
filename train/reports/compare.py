"""Several runs side by side: how well each recognises held-out people, and what it costs."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from ...gallery.errors import TrainingError
from ...gallery.evaluation.embedding import embed_files
from ...gallery.evaluation.intervals import Interval
from ...gallery.extractor import Extractor
from ..held_out import rank_held_out
from ..material import split_of_run
from ..run_folder import INT8_MODEL, MODEL
from ..saying import log
from ..splitting import TrainingPicture
from .cost import count_flops, count_parameters, measure_speeds

BATCH_SIZES = (1, 16)


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """One model file of a run.

    Attributes:
        name: the run's folder; with "int8" where it is the quantised file.
        backbone: the architecture.
        map: held-out mAP, in [0, 1], mean over the sources.
        map_interval: 95 %, resampled by person.
        rank1: held-out rank-1, in [0, 1].
        rank1_interval: as ``map_interval``.
        people: held out.
        same_people: whether they are those of the first run; else its figures can't be compared.
        parameters: numbers in the file.
        flops: operations of one picture, two for each multiplication with its addition.
        pictures_per_s: by batch size, of ONNX Runtime on this machine, all models in turns.
    """

    name: str
    backbone: str
    map: float
    map_interval: Interval
    rank1: float
    rank1_interval: Interval
    people: int
    same_people: bool
    parameters: int
    flops: int
    pictures_per_s: dict[int, float]


def compare_runs(runs: Sequence[Path]) -> list[ComparedModel]:
    """Measure the exported files of runs, the 8-bit ones too; in the order of the runs.

    Raises:
        TrainingError: a run has no exported model or a stale 8-bit one, or held nobody out, or its
            pictures changed.
    """
    files = [(run, file) for run in runs for file in _files(run)]
    held_out = {run: split_of_run(run).validation for run in runs}
    extractors = [Extractor.load(file) for _, file in files]
    _refuse_stale(files, extractors)
    speeds = {size: measure_speeds(extractors, size) for size in BATCH_SIZES}
    first = _identify(held_out[runs[0]])
    compared = []
    for number, ((run, file), extractor) in enumerate(zip(files, extractors, strict=True)):
        log(f"asking {file} for {len(held_out[run])} held-out pictures")
        embeddings = embed_files(extractor, [picture.path for picture in held_out[run]])
        result = rank_held_out(embeddings, held_out[run])
        if result is None:
            raise TrainingError(f"{run}: held nobody out who was seen by two cameras")
        graph = onnx.load(file)
        compared.append(
            ComparedModel(
                name=_name(run, file),
                backbone=extractor.spec.backbone,
                map=result.figure("map"),
                map_interval=result.interval("map"),
                rank1=result.figure("cmc_1"),
                rank1_interval=result.interval("cmc_1"),
                people=result.people,
                same_people=_identify(held_out[run]) == first,
                parameters=count_parameters(graph),
                flops=count_flops(graph),
                pictures_per_s={size: speeds[size][number] for size in BATCH_SIZES},
            )
        )
    return compared


def _files(run: Path) -> list[Path]:
    if not (run / MODEL).is_file():
        raise TrainingError(f"{run}: has no {MODEL}; export it with train export {run}")
    return [run / name for name in (MODEL, INT8_MODEL) if (run / name).is_file()]


def _refuse_stale(files: Sequence[tuple[Path, Path]], extractors: Sequence[Extractor]) -> None:
    """Every 8-bit file must be of the float file beside it, which stands before it."""
    for number, (run, file) in enumerate(files):
        if file.name != INT8_MODEL:
            continue
        if extractors[number].spec.training.get("quantised_from") != extractors[number - 1].sha256:
            raise TrainingError(
                f"{file}: made of another {MODEL} than the one beside it; make it again with "
                f"train export {run} --int8"
            )


def _name(run: Path, file: Path) -> str:
    name = run.resolve().name
    return f"{name} int8" if file.name == INT8_MODEL else name


def _identify(pictures: Sequence[TrainingPicture]) -> str:
    """Hash who is held out and by which pictures, wherever they lie."""
    lines = sorted(f"{'/'.join(p.path.parts[-2:])}\t{p.person}\n" for p in pictures)
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()

"""Whether a model file does what every model of this program must do, and how fast."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..decision import parse_calibration
from ..errors import ModelError, first_line
from .agreement import MIN_COSINE, noise_pictures
from .onnx_extractor import Extractor

_PICTURES = 16
_SECONDS = 2.0
"""How long each speed is measured at least."""


@dataclass(frozen=True, slots=True)
class ModelFinding:
    """One thing that was looked at.

    Attributes:
        what: it should be.
        problem: what it is instead; empty where it is right.
        skipped: why it could not be looked at; empty where it was.
    """

    what: str
    problem: str = ""
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """What was found of a model file.

    Attributes:
        path: of the file.
        sha256: of the file, hex.
        name: of the model.
        dim: length of an embedding.
        megabytes: of the file, 10^6.
        licence: note on who may use it for what.
        calibrated: whether it can tell the unknown from the known.
        findings: what was looked at.
        pictures_per_s: by batch size, on this machine now; of fitted pictures. Empty where the
            rows aren't unit vectors.
    """

    path: Path
    sha256: str
    name: str
    dim: int
    megabytes: float
    licence: str
    calibrated: bool
    findings: list[ModelFinding]
    pictures_per_s: dict[int, float]

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong."""
        return not any(finding.problem for finding in self.findings)


def check_model(path: Path) -> ModelCheck:
    """Load a model, embed some pictures in several ways, and look at what comes.

    Raises:
        ModelError: the file can't be loaded, or isn't of the contract (see `contract`).
    """
    extractor = Extractor.load(path)
    pictures = noise_pictures(_PICTURES)
    calibration, calibrated = _check_calibration(extractor)
    findings = [
        ModelFinding("one input uint8[n, 256, 128, 3], one output float32[n, d]"),
        _check_graph(path),
        *_check_embeddings(extractor, pictures),
        calibration,
    ]
    return ModelCheck(
        path=path,
        sha256=extractor.sha256,
        name=extractor.spec.name,
        dim=extractor.dim,
        megabytes=path.stat().st_size / 1e6,
        licence=extractor.spec.licence,
        calibrated=calibrated,
        findings=findings,
        pictures_per_s=_speeds(extractor, pictures),
    )


def _speeds(extractor: Extractor, pictures: npt.NDArray[np.uint8]) -> dict[int, float]:
    with suppress(ModelError):  # rows that aren't unit vectors are among the findings
        return {size: measure_speed(extractor, pictures, size) for size in (1, len(pictures))}
    return {}


def measure_speed(
    extractor: Extractor,
    pictures: npt.NDArray[np.uint8],
    batch_size: int,
) -> float:
    """Return pictures a second, of uint8[n, 256, 128, 3] embedded again and again.

    Args:
        extractor: the model.
        pictures: n of them.
        batch_size: at a time.
    """
    extractor.embed_fitted(pictures[:batch_size], batch_size=batch_size)  # the first is slower
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < _SECONDS:
        extractor.embed_fitted(pictures, batch_size=batch_size)
        done += len(pictures)
    return done / (time.perf_counter() - began)


def _check_graph(path: Path) -> ModelFinding:
    what = "a graph that ONNX's checker accepts"
    try:
        import onnx  # noqa: PLC0415 (of the training extra)
    except ImportError:
        return ModelFinding(what, skipped="needs onnx: pip install 'reid-gallery[train]'")
    try:
        onnx.checker.check_model(str(path))
    except (onnx.checker.ValidationError, ValueError) as error:
        return ModelFinding(what, problem=first_line(error))
    return ModelFinding(what)


def _check_embeddings(extractor: Extractor, pictures: npt.NDArray[np.uint8]) -> list[ModelFinding]:
    unit = ModelFinding("unit rows")
    try:
        together = extractor.embed_fitted(pictures, batch_size=_PICTURES)
        alone = extractor.embed_fitted(pictures, batch_size=1)
    except ModelError as error:
        return [ModelFinding(unit.what, problem=str(error))]
    again = extractor.embed_fitted(pictures, batch_size=_PICTURES)
    others = np.where(np.eye(_PICTURES, dtype=bool), 1.0, together @ together.T)
    return [
        unit,
        _compare("the same embedding in a batch and alone", (together * alone).sum(1).min()),
        _compare("the same embedding every time", (together * again).sum(1).min()),
        ModelFinding(
            "different embeddings of different pictures",
            problem="" if others.min() < MIN_COSINE else "all pictures of noise are alike to it",
        ),
    ]


def _compare(what: str, cosine: Any) -> ModelFinding:
    problem = f"a cosine of {cosine:.6f}, and {MIN_COSINE} is needed"
    return ModelFinding(what, problem="" if cosine >= MIN_COSINE else problem)


def _check_calibration(extractor: Extractor) -> tuple[ModelFinding, bool]:
    what = "a calibration that can be read"
    if extractor.spec.calibration is None:
        return ModelFinding(what, skipped="it has none, so it calls nobody known or unknown"), False
    try:
        calibrated = parse_calibration(extractor.spec.calibration) is not None
    except ModelError as error:
        return ModelFinding(what, problem=str(error)), False
    problem = "" if calibrated else "it is of another version of this program"
    return ModelFinding(what, problem=problem), calibrated

"""Several models on one trial: retrieval, verification, and the differences between the models."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .comparing import Difference, compare_results
from .intervals import Interval
from .protocols import ProtocolResult, evaluate_trial
from .reranking import Reranking
from .scoring import ApConvention
from .trials import Trial
from .verification import VerificationResult, verify_trial

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Measurement:
    """One model on one trial.

    Attributes:
        model: its name.
        vectors: float32[n, d], the embeddings of the trial's pictures.
        retrieval: figures of ranking.
        verification: the coin's pairs and the cross-view ones; empty if not asked for.
        first: the measurement that this one is compared with, or None.
    """

    model: str
    vectors: Vectors
    retrieval: ProtocolResult
    verification: tuple[VerificationResult, ...] = ()
    first: "Measurement | None" = None

    @property
    def trial(self) -> Trial:
        """What was asked."""
        return self.retrieval.trial

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """Of the retrieval's figures."""
        return self.retrieval.intervals()

    @cached_property
    def differences(self) -> dict[str, Difference]:
        """From the first model; empty for that one itself."""
        return compare_results(self.first.retrieval, self.retrieval) if self.first else {}


def measure(
    trial: Trial,
    embeddings: Mapping[str, Vectors],
    *,
    pairs: bool = False,
    reranking: Reranking | None = None,
    ap_convention: ApConvention = "sum",
) -> list[Measurement]:
    """Measure models on a trial; the others are compared with the first.

    Args:
        trial: what is asked.
        embeddings: by model's name, float32[n, d] unit rows of the trial's pictures.
        pairs: verify pairs of pictures as well.
        reranking: as in `evaluate_trial`.
        ap_convention: as in `evaluate_retrieval`.
    """
    measured: list[Measurement] = []
    for model, vectors in embeddings.items():
        measured.append(
            Measurement(
                model=model,
                vectors=vectors,
                retrieval=evaluate_trial(
                    trial, vectors, ap_convention=ap_convention, reranking=reranking
                ),
                verification=verify_trial(trial, vectors) if pairs else (),
                first=measured[0] if measured else None,
            )
        )
    return measured

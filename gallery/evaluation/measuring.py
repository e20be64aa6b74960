"""Several models on one trial: retrieval, verification, and the differences between the models."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .comparing import Difference, compare_results
from .embedding import Embedded
from .intervals import Interval
from .reranking import Reranking
from .scoring import ApConvention
from .trial_results import TrialResult, evaluate_trial
from .trials import Trial
from .verification import VerificationResult, verify_trial


@dataclass(frozen=True, eq=False)
class Measurement:
    """One model on one trial.

    Attributes:
        embedded: the model, and the trial's pictures as it sees them.
        retrieval: figures of ranking.
        verification: the coin's pairs and the cross-view ones; empty if not asked for, and where
            the ranking is re-ranked, which pairs by themselves can't be.
        first: the measurement that this one is compared with, or None.
    """

    embedded: Embedded
    retrieval: TrialResult
    verification: tuple[VerificationResult, ...] = ()
    first: "Measurement | None" = None

    @property
    def model(self) -> str:
        """The model's name, and whether its ranking was re-ranked."""
        return self.embedded.model + (", re-ranked" if self.retrieval.reranking else "")

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
    models: Sequence[Embedded],
    *,
    pairs: bool = False,
    reranking: Reranking | None = None,
    ap_convention: ApConvention = "sum",
) -> list[Measurement]:
    """Measure models on a trial; the others are compared with the first.

    Args:
        trial: what is asked.
        models: the trial's pictures as each of them sees them.
        pairs: verify pairs of pictures as well.
        reranking: as in `evaluate_trial`; then every model is measured with it as well, and that
            is compared with the same model without.
        ap_convention: as in `evaluate_retrieval`.
    """
    measured: list[Measurement] = []
    for embedded in models:
        plain = Measurement(
            embedded=embedded,
            retrieval=evaluate_trial(trial, embedded.vectors, ap_convention=ap_convention),
            verification=verify_trial(trial, embedded.vectors) if pairs else (),
            first=measured[0] if measured else None,
        )
        measured.append(plain)
        if reranking is not None:
            retrieval = evaluate_trial(
                trial, embedded.vectors, ap_convention=ap_convention, reranking=reranking
            )
            measured.append(Measurement(embedded, retrieval, first=plain))
    return measured

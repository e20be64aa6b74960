"""The queries worth looking at: the best, the worst, and the most confident wrong answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from .counting import Rows, Scores
from .measuring import Measurement
from .relevance import Relevance
from .retrieval import RetrievalResult
from .scoring import Scorer, score_blocks
from .trial_results import make_scorer

SHOWN = 10
"""Gallery pictures listed a query."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One query and the best of its gallery; rows are the trial's.

    Attributes:
        query: the row that asked.
        average_precision: of it.
        first_rank: rank of the best picture of the person.
        items: int64[up to 10], rows, best first, junk left out.
        scores: float32, theirs.
    """

    query: int
    average_precision: float
    first_rank: int
    items: Rows
    scores: Scores


@dataclass(frozen=True, slots=True)
class Examples:
    """Queries of a measurement's first split, of one person each.

    Attributes:
        best: highest average precision.
        worst: lowest average precision.
        confident: whose first picture is of another person, the highest score first.
    """

    best: list[Example]
    worst: list[Example]
    confident: list[Example]


def find_examples(measured: Measurement, *, count: int = 8) -> Examples:
    """Find up to ``count`` queries of each kind."""
    query, gallery = measured.trial.splits[0]
    pids, views = np.array(measured.trial.pids), np.array(measured.trial.views)
    relevance = Relevance(pids[query], pids[gallery], views[query], views[gallery])
    scorer = make_scorer(measured.embedded.vectors, query, gallery, measured.retrieval.reranking)
    result = measured.retrieval.splits[0]
    finder = _Finder(result, scorer, relevance, query, gallery)
    by_precision = np.argsort(-result.average_precision, kind="stable")
    wrong = np.flatnonzero(result.first_rank > 1)
    strangers = _best_strangers(scorer, relevance)
    confident = wrong[np.argsort(-strangers[wrong], kind="stable")]
    return Examples(
        finder.take(by_precision, count),
        finder.take(by_precision[::-1], count),
        finder.take(confident, count),
    )


class _Finder:
    def __init__(
        self,
        result: RetrievalResult,
        scorer: Scorer,
        relevance: Relevance,
        query: Rows,
        gallery: Rows,
    ) -> None:
        self._result, self._scorer, self._relevance = result, scorer, relevance
        self._query, self._gallery = query, gallery

    def take(self, order: Rows, count: int) -> list[Example]:
        """Make examples of the first queries of ``order``, one a person."""
        return [self._make(number) for number in islice(self._of_different_people(order), count)]

    def _of_different_people(self, order: Rows) -> Iterable[int]:
        seen: set[str] = set()
        for number in order.tolist():
            pid = str(self._result.pids[number])
            if pid not in seen:
                seen.add(pid)
                yield number

    def _make(self, number: int) -> Example:
        row = int(self._result.query_rows[number])
        scores = np.empty((1, self._scorer.items), dtype=np.float32)
        self._scorer.score(np.array([row]), scores)
        judged = self._relevance.judge(row, row + 1)
        junk = np.setdiff1d(judged.same_pid, judged.relevant)
        scores[0, junk] = -np.inf
        best = np.argsort(-scores[0], kind="stable")[: min(SHOWN, len(scores[0]) - len(junk))]
        return Example(
            query=int(self._query[row]),
            average_precision=float(self._result.average_precision[number]),
            first_rank=int(self._result.first_rank[number]),
            items=self._gallery[best],
            scores=scores[0, best],
        )


def _best_strangers(scorer: Scorer, relevance: Relevance) -> npt.NDArray[np.float32]:
    """Of every valid query, the highest score of a picture of someone else."""
    found = [np.empty(0, dtype=np.float32)]
    for _, judged, scores in score_blocks(scorer, relevance):
        scores[judged.same_pid_owners, judged.same_pid] = -np.inf
        found.append(scores.max(axis=1))
    return np.concatenate(found)

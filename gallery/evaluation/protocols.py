"""The public protocols, from a data set's folder to figures with their denominators."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import EmbeddingError, LayoutError
from .intervals import Interval, bootstrap_interval
from .retrieval import RANKS, RetrievalResult, evaluate_retrieval
from .scoring import ApConvention
from .splits import RANDOM_SPLITS, Split, grid_splits, market1501_splits, viper_splits

Embed = Callable[[Sequence[Path]], npt.NDArray[Any]]
"""From n picture files to float32[n, d] unit rows in the same order."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a data set is asked: a sentence for people, and the splits of a folder and a seed."""

    description: str
    splits: Callable[[Path, int], list[Split]]


_HALVES = f"{RANDOM_SPLITS} random halves of the people"

PROTOCOLS: dict[str, Protocol] = {
    "market1501": Protocol("single query; distractors stay, junk is out", market1501_splits),
    "viper": Protocol(f"{_HALVES}, either camera asking the other", viper_splits),
    "grid": Protocol(f"{_HALVES}, distractors in the gallery", grid_splits),
}


@dataclass(frozen=True, eq=False)
class ProtocolResult:
    """Figures of one protocol, averaged over its splits; ``print`` gives the table.

    Attributes:
        name: one of `PROTOCOLS`.
        splits: one result a split, in the protocol's order.
        seed: what random splits were drawn from.
    """

    name: str
    splits: tuple[RetrievalResult, ...]
    seed: int

    def figures(self) -> dict[str, float]:
        """Mean over splits of every figure of `RetrievalResult.figures`, in [0, 1]."""
        by_split = [split.figures() for split in self.splits]
        return {name: float(np.mean([one[name] for one in by_split])) for name in by_split[0]}

    def intervals(self, *, level: float = 0.95, seed: int = 0) -> dict[str, Interval]:
        """Interval of every figure: people are resampled, with all their queries of all splits."""
        pids = np.concatenate([split.pids for split in self.splits])
        by_split = [split.per_query() for split in self.splits]
        return {
            name: bootstrap_interval(
                np.concatenate([one[name] for one in by_split]), pids, level=level, seed=seed
            )
            for name in by_split[0]
        }

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.name}: {PROTOCOLS[self.name].description}",
                self._denominators(),
                *self._rows(),
                "Means over splits; 95 % intervals bootstrapped by identity.",
            ]
        )

    __repr__ = __str__

    def _denominators(self) -> str:
        valid = _range([split.valid_queries for split in self.splits])
        skipped = _range([split.skipped_queries for split in self.splits])
        size = _range([split.gallery_size for split in self.splits])
        count = len(self.splits)
        return (
            f"{count} split{'s' if count > 1 else ''} (seed {self.seed}), in each: "
            f"{valid} valid queries, {skipped} skipped, gallery of {size} pictures"
        )

    def _rows(self) -> list[str]:
        figures, intervals = self.figures(), self.intervals()
        return [
            f"  {label:<24}{figures[name]:6.1%}  [{intervals[name].low:.1%}, "
            f"{intervals[name].high:.1%}]"
            for name, label in _LABELS.items()
        ]


_LABELS = (
    {"map": "mAP", "minp": "mINP"}
    | {f"cmc_{rank}": f"CMC@{rank} by picture" for rank in RANKS}
    | {f"identity_cmc_{rank}": f"CMC@{rank} by identity" for rank in RANKS}
)


def evaluate_protocol(
    name: str,
    folder: Path,
    embed: Embed,
    *,
    seed: int = 0,
    ap_convention: ApConvention = "sum",
) -> ProtocolResult:
    """Run one of `PROTOCOLS` on a data set unpacked in its own layout.

    Args:
        name: which protocol.
        folder: where its pictures lie, as `splits` says.
        embed: makes the embeddings; called once, each picture in it once.
        seed: of the random splits.
        ap_convention: as in `evaluate_retrieval`.

    Raises:
        LayoutError: the protocol is unknown, or the folder isn't of that data set.
        EmbeddingError: ``embed`` didn't return one unit row a picture.
    """
    if name not in PROTOCOLS:
        raise LayoutError(f"protocol {name!r} is unknown; choose one of {', '.join(PROTOCOLS)}")
    splits = PROTOCOLS[name].splits(folder, seed)
    if not all(split.query and split.gallery for split in splits):
        raise LayoutError(f"{folder}: too few people for the protocol {name!r}")
    vectors, row_of = _embed_once(splits, embed)

    def evaluate(split: Split) -> RetrievalResult:
        return evaluate_retrieval(
            vectors[[row_of[picture.path] for picture in split.query]],
            vectors[[row_of[picture.path] for picture in split.gallery]],
            query_pids=[picture.pid for picture in split.query],
            gallery_pids=[picture.pid for picture in split.gallery],
            query_cameras=[picture.camera for picture in split.query],
            gallery_cameras=[picture.camera for picture in split.gallery],
            ap_convention=ap_convention,
        )

    return ProtocolResult(name, tuple(evaluate(split) for split in splits), seed)


def _embed_once(splits: list[Split], embed: Embed) -> tuple[npt.NDArray[Any], dict[Path, int]]:
    paths = list(
        dict.fromkeys(
            picture.path for split in splits for picture in (*split.query, *split.gallery)
        )
    )
    vectors = np.asarray(embed(paths))
    if vectors.ndim != 2 or len(vectors) != len(paths):
        raise EmbeddingError(
            f"embed returned shape {vectors.shape} for {len(paths)} pictures; "
            "it needs one row a picture"
        )
    return vectors, {path: row for row, path in enumerate(paths)}


def _range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"

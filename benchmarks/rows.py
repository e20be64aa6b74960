"""Rows of the table that ``make bench`` ends with: what was measured, beside its floor and its aim.

Every program prints its rows as it measures them. Where ``BENCH_ROWS`` names a file they are added
to that as well, a JSON line each, for ``bench.py`` to make one table of.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Literal, Self

from sides import Seconds

FILE = "BENCH_ROWS"


@dataclass(frozen=True, kw_only=True)
class Aim:
    """How far a figure should get.

    Attributes:
        most: it should be no more than this, or
        least: no less than this.
        of: of which figure; ``ours`` is in the row's unit.
        size: how many sightings the aim is for; None: any number.
    """

    most: float | None = None
    least: float | None = None
    of: Literal["ratio", "ours"] = "ratio"
    size: int | None = None

    def met(self, figure: float) -> bool:
        """Whether a figure gets so far; written so that NaN doesn't."""
        enough = self.least is None or figure >= self.least
        return enough and (self.most is None or figure <= self.most)

    def words(self, unit: str) -> str:
        """Such as ``<= 0.35 at 1,000,000``."""
        sign, limit = ("<=", self.most) if self.least is None else (">=", self.least)
        size = "" if self.size is None else f" at {self.size:,}"
        return f"{sign} {limit:g}{f' {unit}' if self.of == 'ours' else ''}{size}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        what: is measured.
        size: at how many sightings.
        floor: the bare code's figure, in ``unit``.
        ours: the same of the gallery.
        unit: of both.
        cpu: ratio of processor times, where times are compared.
        aim: None where the figure only informs.
        why: what is known to cost so much, told if the aim is missed; whatever has an aim says it.
    """

    what: str
    size: int
    floor: float
    ours: float
    unit: str
    cpu: float | None = None
    aim: Aim | None = None
    why: str = ""

    def __post_init__(self) -> None:
        assert self.aim is None or self.why, f"{self.what}: has an aim, and no cause for missing it"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Invert `to_json`."""
        fields = json.loads(text)
        aim = fields.pop("aim")
        return cls(**fields, aim=aim and Aim(**aim))

    def to_json(self) -> str:
        """On one line."""
        return json.dumps(asdict(self))

    @property
    def ratio(self) -> float:
        """Of ours to the floor."""
        return self.ours / self.floor if self.floor else float("nan")

    @property
    def verdict(self) -> str:
        """``met`` or ``missed``; in brackets where the aim is for more sightings than these."""
        if self.aim is None:
            return ""
        word = "met" if self._met else "missed"
        return f"({word})" if self._too_small else word

    @property
    def _met(self) -> bool:
        assert self.aim is not None
        return self.aim.met(self.ratio if self.aim.of == "ratio" else self.ours)

    @property
    def _too_small(self) -> bool:
        assert self.aim is not None
        return self.aim.size is not None and self.size < self.aim.size

    def cells(self) -> tuple[str, ...]:
        """As the table has them."""
        return (
            self.what,
            f"{self.size:,}",
            f"{_short(self.floor)} {self.unit}".strip(),
            f"{_short(self.ours)} {self.unit}".strip(),
            _short(self.ratio),
            "" if self.cpu is None else _short(self.cpu),
            "" if self.aim is None else self.aim.words(self.unit),
            self.verdict,
        )


def _short(figure: float) -> str:
    """Three digits, or all before the point."""
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.3g}"


def tell(row: Row) -> None:
    """Print a row, and hand it over where someone collects them."""
    what, _, floor, ours, ratio, cpu, aim, _ = row.cells()
    print(f"  {what:<66}{floor:>11}{ours:>11}{ratio:>8}{cpu:>8}   {aim}", flush=True)
    if os.environ.get(FILE):
        with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
            file.write(row.to_json() + "\n")


def tell_times(
    what: str,
    size: int,
    floor: Sequence[Seconds],
    ours: Sequence[Seconds],
    *,
    unit: str = "ms",
    aim: Aim | None = None,
    why: str = "",
) -> None:
    """Tell the medians of both sides' wall clocks; and the ratio of their processor times."""
    scale = 1000 if unit == "ms" else 1
    (floor_wall, floor_cpu), (our_wall, our_cpu) = (
        [median(column) for column in zip(*side, strict=True)] for side in (floor, ours)
    )
    row = Row(
        what=what,
        size=size,
        floor=floor_wall * scale,
        ours=our_wall * scale,
        unit=unit,
        cpu=our_cpu / max(1e-9, floor_cpu),
        aim=aim,
        why=why,
    )
    tell(row)


def heading(title: str) -> None:
    """Print what the columns are, and how busy the machine is."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{title} (load {load}; OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')})")
    print(f"  {'':<66}{'floor':>11}{'ours':>11}{'ratio':>8}{'cpu':>8}   aim", flush=True)


def read_rows(file: Path) -> list[Row]:
    """What was handed over, in its order."""
    if not file.exists():
        return []
    return [Row.from_json(line) for line in file.read_text("utf-8").splitlines()]


def table(rows: Sequence[Row]) -> str:
    """All rows in Markdown, and under them what was missed and why."""
    head = ("what", "sightings", "floor", "ours", "ratio", "cpu", "aim", "")
    lines = [head, ("---",) * len(head), *(row.cells() for row in rows)]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    bracketed = any(row.verdict.startswith("(") for row in rows)
    if bracketed:
        text += "\n\nIn brackets: the aim is for more sightings than were measured."
    causes = "\n".join(f"- {what}: {why}" for what, why in _missed(rows).items())
    return text + (f"\n\nMissed:\n\n{causes}" if causes else "")


def _missed(rows: Sequence[Row]) -> dict[str, str]:
    """The cause of each miss; of one in brackets where nothing as large as the aim was measured."""
    large = {row.what for row in rows if row.aim and not row.verdict.startswith("(")}
    return {
        row.what: row.why
        for row in rows
        if row.verdict == "missed" or (row.verdict == "(missed)" and row.what not in large)
    }

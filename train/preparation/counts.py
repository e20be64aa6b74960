"""What is counted for the report: people, cameras, sizes, and what balancing makes of them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ...gallery.pictures.labelled import LabelledPicture
from ..balancing import small_people


@dataclass(frozen=True, slots=True)
class Balance:
    """What an epoch sees of the people to train on.

    Attributes:
        drop_quantile: people under it, of their source, are left out.
        balance_to: pictures of each person in an epoch; 0 for as many as there are.
        before: pictures of each person to train on.
        after: of those who are not left out.
    """

    drop_quantile: float
    balance_to: int
    before: dict[str, int]
    after: dict[str, int]

    def drawn(self, count: int) -> int:
        """How many an epoch draws of a person with ``count`` pictures, repeats included."""
        return self.balance_to or count


def count_balance(
    pictures: Sequence[LabelledPicture], *, drop_quantile: float, balance_to: int
) -> Balance:
    """Balance the people to train on, source by source, as training will."""
    people: dict[str | None, list[str]] = defaultdict(list)
    for picture in pictures:
        if picture.split == "training":
            people[picture.source].append(picture.pid)
    small = {pid for mine in people.values() for pid in small_people(mine, drop_quantile)}
    before = Counter(pid for mine in people.values() for pid in mine)
    after = {pid: count for pid, count in before.items() if pid not in small}
    return Balance(drop_quantile, balance_to, dict(before), after)


def count_sources(pictures: Sequence[LabelledPicture]) -> list[tuple[str, ...]]:
    """A row of figures a source, and one of all together where there are several."""
    sources = sorted({picture.source or "" for picture in pictures})
    rows = [_figures(name, [p for p in pictures if p.source == name]) for name in sources]
    return [*rows, _figures("together", pictures)] if len(rows) > 1 else rows


SOURCE_COLUMNS = ("source", "people", "held out", "pictures", "a person", "cameras", "tracklets")


def _figures(name: str, pictures: Sequence[LabelledPicture]) -> tuple[str, ...]:
    people = Counter(p.pid for p in pictures)
    counts = sorted(people.values())
    return (
        name,
        f"{len(people):,}",
        f"{len({p.pid for p in pictures if p.split == 'validation'}):,}",
        f"{len(pictures):,}",
        f"{counts[0]} - {counts[len(counts) // 2]} - {counts[-1]}",
        f"{len({p.camera for p in pictures if p.camera}):,}",
        f"{len({p.tracklet for p in pictures if p.tracklet}):,}",
    )

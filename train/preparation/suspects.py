"""People whose own pictures disagree: a sample is embedded, and likely wrong labels are told."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...gallery.extractor import Extractor
from ...gallery.health.people import People, Vectors, stand
from ...gallery.health.strays import find_strays
from ...gallery.loading import BadPicture, in_batches, load_pictures
from ...gallery.pictures.labelled import LabelledPicture
from ..balancing import draw_pictures

PER_PERSON = 6
_BATCH = 64
_LIKELY = 0.5


@dataclass(frozen=True, slots=True)
class Suspect:
    """A person with a picture that likely shows somebody else.

    Attributes:
        pid: of the person.
        chance: in (0.5, 1], that the most doubtful picture shows somebody else.
        pictures: the person's embedded ones, most doubtful first.
        doubtful: how many of them are more likely wrong than right.
        rather: whom the most doubtful one is like; None for nobody.
    """

    pid: str
    chance: float
    pictures: tuple[LabelledPicture, ...]
    doubtful: int
    rather: str | None


def find_suspects(
    pictures: Sequence[LabelledPicture],
    extractor: Extractor,
    *,
    sample: int,
    seed: int,
    progress: Callable[[int], None],
) -> list[Suspect]:
    """Embed some pictures of each person and estimate which show somebody else.

    How a wrong label looks is learnt from the sample itself, by giving pictures to others; see
    `health.strays`. Where there are more people than a sample holds, some are drawn.

    Args:
        pictures: all there are.
        extractor: embeds them.
        sample: how many pictures to embed at most.
        seed: of the draw.
        progress: called with the number of pictures done.

    Returns:
        The most suspicious first.
    """
    chosen = _draw(pictures, sample, seed)
    kept: list[LabelledPicture] = []
    rows = []
    for batch in in_batches(load_pictures(chosen, lambda picture: picture.path), _BATCH):
        good = [loaded for loaded in batch if not isinstance(loaded, BadPicture)]
        kept.extend(loaded.item for loaded in good)
        rows.append(extractor.embed_fitted([loaded.fitted for loaded in good]))
        progress(len(batch))
    if not kept:
        return []
    return _judge(kept, np.concatenate(rows))


def _draw(pictures: Sequence[LabelledPicture], sample: int, seed: int) -> list[LabelledPicture]:
    """Some pictures of each person, or of some people, over cameras and tracklets."""
    random = np.random.default_rng(seed)
    positions: dict[str, list[int]] = defaultdict(list)
    for position, picture in enumerate(pictures):
        positions[picture.pid].append(position)
    people = [pid for pid, mine in positions.items() if len(mine) > 1]
    views = [(p.camera, p.tracklet) for p in pictures]
    chosen: list[LabelledPicture] = []
    for at in random.permutation(len(people)):
        mine = positions[people[at]]
        count = min(PER_PERSON, len(mine))
        if len(chosen) + count > sample:
            break
        drawn = draw_pictures(mine, views, count, group=count, random=random)
        chosen.extend(pictures[n] for n in drawn)
    return chosen


def _judge(pictures: Sequence[LabelledPicture], vectors: Vectors) -> list[Suspect]:
    people = People.of(pictures)
    strays = find_strays(vectors, people, stand(vectors, people))
    suspects = []
    for owner, pid in enumerate(people.pids):
        mine = np.flatnonzero(people.owner == owner)
        mine = mine[np.argsort(-strays.chance[mine], kind="stable")]
        worst, chance = mine[0], float(strays.chance[mine[0]])
        if chance > _LIKELY:
            destination = int(strays.destination[worst])
            suspects.append(
                Suspect(
                    pid=pid,
                    chance=chance,
                    pictures=tuple(pictures[n] for n in mine.tolist()),
                    doubtful=int((strays.chance[mine] > _LIKELY).sum()),
                    rather=people.pids[destination] if destination >= 0 else None,
                )
            )
    return sorted(suspects, key=lambda suspect: -suspect.chance)

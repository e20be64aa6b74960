"""From suspicions about rows and numbers to findings about sightings and people."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..counted import counted
from ..pictures.quality import Quality
from ..types import Match, Sighting
from .findings import Finding, Kind
from .mending import Mending
from .people import People, Vectors, unit

_SHOWN = 3
"""Sightings of a person that are shown for comparison."""


class Teller:
    """Words, commands and pictures for comparison, for one audit.

    Args:
        sightings: n, in enrolment order.
        vectors: float32[n, d] unit rows.
        people: of these sightings.
        mending: writes the commands.
    """

    def __init__(
        self, sightings: Sequence[Sighting], vectors: Vectors, people: People, mending: Mending
    ) -> None:
        self.sightings, self.vectors, self.people = sightings, vectors, people
        self._mending = mending
        order = np.argsort(people.owner, kind="stable")
        ends = np.cumsum(np.bincount(people.owner, minlength=len(people.pids)))
        self._rows = [part.tolist() for part in np.split(order, ends[:-1])]

    def wrong_person(self, rows: Sequence[int], destination: int, chance: float) -> Finding:
        """Sightings of one person that look like ``destination``, or -1: like nobody else."""
        chosen = self._sightings(rows)
        own = self.people.owner[rows[0]]
        pid = self.people.pids[own]
        rest = [row for row in self._rows[own] if row not in set(rows)]
        beside = self._beside(rows, rest)
        if destination < 0:
            to, like = self._new_name(chosen[0]), "nobody in the gallery"
        else:
            to = like = self.people.pids[destination]
            beside += self._beside(rows, self._rows[destination], after=len(beside))
        return Finding(
            kind=Kind.wrong_person,
            chance=chance,
            sightings=chosen,
            pids=(pid, to) if destination >= 0 else (pid,),
            reason=f"{counted(len(rows), 'sighting')} of {pid} unlike the rest, like {like}",
            command=self._mending.split([s.id for s in chosen], to),
            beside=beside,
        )

    def same_person(self, first: int, second: int, score: float, chance: float) -> Finding:
        """Two people that look like one."""
        into, other = self.people.pids[first], self.people.pids[second]
        rows = self._rows[second]
        return Finding(
            kind=Kind.same_person,
            chance=chance,
            sightings=self._sightings(rows),
            pids=(into, other),
            reason=f"{other} ({counted(len(rows), 'sighting')}) looks like {into} "
            f"({counted(len(self._rows[first]), 'sighting')}), score {score:.3f}",
            command=self._mending.merge(into, other),
            beside=self._beside(rows, self._rows[first], most=2 * _SHOWN),
        )

    def same_picture(self, row: int, kept: int, chance: float) -> Finding:
        """A picture that was enrolled twice; ``row`` is the one too many."""
        late, early = self.sightings[row], self.sightings[kept]
        where = "" if late.pid == early.pid else f" of {early.pid}"
        return Finding(
            kind=Kind.same_picture,
            chance=chance,
            sightings=(late,),
            pids=tuple(dict.fromkeys((late.pid, early.pid))),
            reason=f"sighting {late.id} of {late.pid} is the picture of sighting {early.id}{where}",
            command=self._mending.remove(late.id),
            beside=self._beside([row], [kept]),
        )

    def poor_picture(self, row: int, quality: Quality, risk: float) -> Finding:
        """A picture so poor that its person is likelier missed than recognised, as it was."""
        sighting = self.sightings[row]
        rest = [other for other in self._rows[self.people.owner[row]] if other != row]
        return Finding(
            kind=Kind.poor_picture,
            chance=risk,
            sightings=(sighting,),
            pids=(sighting.pid,),
            reason=f"sighting {sighting.id} of {sighting.pid}: {quality.width}x{quality.height}, "
            f"sharpness {quality.sharpness:.0f}, contrast {quality.contrast:.2f}",
            command=self._mending.remove(sighting.id),
            beside=self._beside([row], rest),
        )

    def seen_little(self) -> Iterator[Finding]:
        """People with one sighting, or seen by one camera of several."""
        several = len({s.camera for s in self.sightings if s.camera is not None}) > 1
        for pid, rows in zip(self.people.pids, self._rows, strict=True):
            cameras = {self.sightings[row].camera for row in rows}
            if len(rows) == 1:
                reason = f"{pid} has one sighting"
            elif several and len(cameras) == 1 and None not in cameras:
                reason = f"{pid} was seen by one camera, {min(map(str, cameras))}"
            else:
                continue
            yield Finding(
                kind=Kind.seen_little,
                chance=None,
                sightings=self._sightings(rows),
                pids=(pid,),
                reason=f"{reason}; enroll more",
            )

    def _sightings(self, rows: Sequence[int]) -> tuple[Sighting, ...]:
        return tuple(self.sightings[row] for row in rows)

    def _new_name(self, sighting: Sighting) -> str:
        """A name that nobody has."""
        name = f"unknown-{sighting.id}"
        while name in self.people.pids:
            name += "-"
        return name

    def _beside(
        self, rows: Sequence[int], others: Sequence[int], *, after: int = 0, most: int = _SHOWN
    ) -> tuple[Match, ...]:
        """The others that are most like the centroid of some sightings, best first."""
        if not others:
            return ()
        centroid = unit(self.vectors[list(rows)].sum(axis=0, keepdims=True))[0]
        scores = self.vectors[list(others)] @ centroid
        best = np.argsort(-scores, kind="stable")[:most]
        return tuple(
            Match(
                rank, self.sightings[others[at]].pid, float(scores[at]), self.sightings[others[at]]
            )
            for rank, at in enumerate(best.tolist(), start=after + 1)
        )

"""What an audit finds: each with the command that mends it."""

from dataclasses import dataclass
from enum import StrEnum

from ..types import Failure, Match, Sighting


class Kind(StrEnum):
    """What is suspected; in this order where it is equally likely."""

    wrong_person = "wrong person"
    same_person = "same person"
    same_picture = "same picture"
    poor_picture = "poor picture"
    seen_little = "seen little"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One suspicion.

    Attributes:
        kind: what is suspected.
        chance: estimated probability that it is so; None for what is a fact (seen little).
        sightings: what it is about, in enrolment order.
        pids: whom it is about; first who has the sightings now.
        reason: in words.
        command: what mends it, quoted for a POSIX shell; None where only new pictures would.
        beside: sightings to look at for comparison, with their cosine to the centroid of
            ``sightings``; ranks count from 1.
    """

    kind: Kind
    chance: float | None
    sightings: tuple[Sighting, ...]
    pids: tuple[str, ...]
    reason: str
    command: str | None = None
    beside: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What an audit came to; nothing was changed.

    Attributes:
        checked: how many sightings were compared.
        people: whose they are.
        pictures_read: how many of their pictures were looked at.
        findings: the likeliest first, facts last.
        unread: pictures that can't be read.
    """

    checked: int
    people: int
    pictures_read: int
    findings: tuple[Finding, ...] = ()
    unread: tuple[Failure, ...] = ()

    def count(self, kind: Kind) -> int:
        """How many findings are of one kind."""
        return sum(finding.kind == kind for finding in self.findings)

"""Results as JSON: objects with a ``schema`` field that names their form and version."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from ..health.findings import AuditReport, Finding
from ..types import (
    Answer,
    Change,
    Comparison,
    EnrollReport,
    Identity,
    Match,
    Removal,
    Sighting,
    Stats,
    VerifyReport,
)

Record = dict[str, Any]


def answer_record(answer: Answer) -> Record:
    """One answer: ``reid-gallery/query/1``."""
    return {
        "schema": "reid-gallery/query/1",
        "query": list(answer.query),
        "model": answer.model,
        "known": answer.known,
        "threshold": answer.threshold,
        "probability": answer.probability,
        "matches": [_match_record(match) for match in answer.matches],
    }


def _match_record(match: Match) -> Record:
    return {
        "rank": match.rank,
        "pid": match.pid,
        "score": match.score,
        "sighting": sighting_record(match.sighting, with_pid=False),
    }


def sighting_record(sighting: Sighting, *, with_pid: bool = True) -> Record:
    """One sighting; inside a match the pid stands outside."""
    record = {
        "id": sighting.id,
        "path": sighting.path,
        "camera": sighting.camera,
        "time": _iso(sighting.time),
        "tracklet": sighting.tracklet,
    }
    return {"pid": sighting.pid, **record} if with_pid else record


def report_record(report: EnrollReport) -> Record:
    """What an enrolment came to: ``reid-gallery/enroll/1``."""
    return {"schema": "reid-gallery/enroll/1", **asdict(report)}


def identity_record(identity: Identity) -> Record:
    """One person: ``reid-gallery/identity/1``."""
    return {
        "schema": "reid-gallery/identity/1",
        "pid": identity.pid,
        "sightings": identity.sightings,
        "cameras": list(identity.cameras),
        "first_seen": _iso(identity.first_seen),
        "last_seen": _iso(identity.last_seen),
    }


def identities_record(identities: list[Identity]) -> list[Record]:
    """Everyone, an object a person."""
    return [identity_record(identity) for identity in identities]


def person_record(person: tuple[Identity, list[Sighting]]) -> Record:
    """One person with all sightings: ``reid-gallery/person/1``."""
    identity, sightings = person
    record = identity_record(identity) | {"schema": "reid-gallery/person/1"}
    return record | {"sightings": [sighting_record(s, with_pid=False) for s in sightings]}


def change_record(change: Change) -> Record:
    """One change: ``reid-gallery/change/1``."""
    return {
        "schema": "reid-gallery/change/1",
        "seq": change.seq,
        "kind": change.kind,
        "time": _iso(change.time),
        "summary": change.summary,
        "undone_by": change.undone_by,
    }


def changes_record(changes: list[Change]) -> list[Record]:
    """The history, an object a change."""
    return [change_record(change) for change in changes]


def comparison_record(comparison: Comparison) -> Record:
    """Two pictures compared: ``reid-gallery/compare/1``."""
    return {"schema": "reid-gallery/compare/1", **asdict(comparison)}


def removal_record(removal: Removal) -> Record:
    """What was deleted: ``reid-gallery/remove/1``."""
    return {
        "schema": "reid-gallery/remove/1",
        "identities": list(removal.identities),
        "sightings": [sighting_record(sighting) for sighting in removal.sightings],
    }


def stats_record(stats: Stats) -> Record:
    """The gallery in numbers: ``reid-gallery/stats/1``."""
    return {"schema": "reid-gallery/stats/1", **asdict(stats)}


def verify_record(report: VerifyReport) -> Record:
    """What differs: ``reid-gallery/verify/1``."""
    return {"schema": "reid-gallery/verify/1", "sound": report.sound, **asdict(report)}


def audit_record(report: AuditReport) -> list[Record]:
    """An audit: one object a finding, ``reid-gallery/finding/1``, then ``reid-gallery/audit/1``."""
    summary = {
        "schema": "reid-gallery/audit/1",
        "checked": report.checked,
        "people": report.people,
        "pictures_read": report.pictures_read,
        "findings": len(report.findings),
        "unread": [asdict(failure) for failure in report.unread],
    }
    return [*map(_finding_record, report.findings), summary]


def _finding_record(finding: Finding) -> Record:
    return {
        "schema": "reid-gallery/finding/1",
        "kind": finding.kind.value,
        "chance": finding.chance,
        "pids": list(finding.pids),
        "reason": finding.reason,
        "command": finding.command,
        "sightings": [sighting_record(sighting) for sighting in finding.sightings],
        "beside": [_match_record(match) for match in finding.beside],
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()

"""An audit's findings as a contact sheet."""

from pathlib import Path

from ..health.findings import AuditReport, Finding
from .sheet import SheetMatch, SheetRow, write_sheet


def write_audit_sheet(path: Path, report: AuditReport) -> int:
    """Draw each finding as a row: what is suspected on the left, what to compare it with beside it.

    Facts (people seen little) and findings without a picture are left out.

    Args:
        path: a PNG file.
        report: of `Gallery.audit`.

    Returns:
        The number of rows drawn.
    """
    rows = [row for finding in report.findings if (row := _row(finding)) is not None]
    return write_sheet(path, rows, title="Likely mistakes", noun=("finding", "findings"))


def _row(finding: Finding) -> SheetRow | None:
    pictures = [Path(sighting.path) for sighting in finding.sightings if sighting.path is not None]
    if finding.chance is None or not pictures:
        return None
    return SheetRow(
        query=pictures,
        caption=finding.sightings[0].pid,
        verdict=f"{finding.kind.value}? {min(finding.chance, 0.99):.0%}",  # never a certainty
        matches=[
            SheetMatch(
                picture=None if match.sighting.path is None else Path(match.sighting.path),
                pid=match.pid,
                score=match.score,
                camera=match.sighting.camera,
            )
            for match in finding.beside
        ],
    )

"""Results for people: tables and lines, as rich prints them; each has a twin in `records`."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..counted import counted
from ..health.findings import AuditReport, Finding, Kind
from ..one_line import spell_out
from ..types import (
    Answer,
    Change,
    Comparison,
    EnrollReport,
    Identity,
    Removal,
    Sighting,
    Stats,
    VerifyReport,
)

_LIKELY = 0.5

_SHOWN = 20
"""Lines of failures that are shown; the rest is counted."""


def answer_view(answer: Answer) -> Group:
    """One query: the verdict, and a line a match."""
    table = _table("rank", "person", "score", "camera", "time (UTC)", "sighting")
    for match in answer.matches:
        sighting = match.sighting
        table.add_row(
            str(match.rank),
            _plain(match.pid),
            f"{match.score:.3f}",
            _plain(sighting.camera or "-"),
            _time(sighting.time),
            _plain(f"{sighting.id} {Path(sighting.path).name if sighting.path else ''}".strip()),
        )
    return Group(_title(answer), table) if answer.matches else Group(_title(answer))


def verdict(answer: Answer) -> str:
    """Say in words whether the first match is known."""
    if answer.known is None:  # neither the model nor the gallery, or pooled or re-ranked
        undecided = "not calibrated, or not for such scores, to say who is unknown; the nearest are"
        return undecided if answer.matches else "nobody matches"
    if answer.known:
        return f"this is {answer.matches[0].pid} ({_reasons(answer)})"
    if not answer.matches:
        return f"unknown ({_reasons(answer)}); nobody passes the filters or the lowest score"
    return f"unknown (below the {_reasons(answer)}); the nearest are"


def _reasons(answer: Answer) -> str:
    """The threshold, and how probable it is that the first match is right."""
    threshold = f"threshold {answer.threshold:.3f}"
    if answer.probability is None:
        return threshold
    # Few strangers are to be named, so a match that is likely right may still be below.
    but = "though the " if answer.known is False and answer.probability >= _LIKELY else ""
    return f"{threshold}, {but}first match is right with {_percent(answer.probability)}"


def _percent(probability: float) -> str:
    """Whole per cents, and never the certainty that 0 or 100 would claim."""
    if probability < 0.01:
        return "under 1 %"
    return "over 99 %" if probability > 0.99 else f"{probability:.0%}".replace("%", " %")


def identities_view(identities: Iterable[Identity]) -> Table:
    """Everyone, a line a person."""
    table = _table("person", "sightings", "cameras", "first seen (UTC)", "last seen")
    for person in identities:
        table.add_row(
            _plain(person.pid),
            str(person.sightings),
            _plain(", ".join(person.cameras) or "-"),
            _time(person.first_seen),
            _time(person.last_seen),
        )
    return table


def _sighting_table(sightings: Sequence[Sighting]) -> Table:
    """A line a sighting."""
    table = _table("sighting", "person", "camera", "time (UTC)", "tracklet", "path")
    for sighting in sightings:
        table.add_row(
            str(sighting.id),
            _plain(sighting.pid),
            _plain(sighting.camera or "-"),
            _time(sighting.time),
            _plain(sighting.tracklet or "-"),
            _plain(sighting.path or "-"),
        )
    return table


def change_view(change: Change) -> Text:
    """A change that was just made, with the number that undoes it."""
    return _lines([f"change {change.seq}: {change.summary}"])


def changes_view(changes: Iterable[Change]) -> Table:
    """A line a change, newest first."""
    table = _table("change", "time (UTC)", "kind", "what")
    for change in changes:
        undone = f" (undone by change {change.undone_by})" if change.undone_by else ""
        table.add_row(
            str(change.seq), _time(change.time), change.kind, _plain(change.summary + undone)
        )
    return table


def stats_view(stats: Stats) -> Table:
    """The gallery in numbers."""
    table = _table("what", "value")
    if stats.model is None:
        model = "none yet"
    elif stats.model == stats.model_name:  # of vectors made elsewhere nothing else is known
        model = stats.model
    else:
        model = f"{stats.model_name} {stats.model[:12]}"
    rows = {
        "people": f"{stats.identities:,}",
        "sightings": f"{stats.sightings:,}",
        "cameras": f"{stats.cameras:,}",
        "model": model,
        "dimensions": str(stats.dim or "-"),
        "database": f"{stats.database_bytes / 2**20:.1f} MiB",
        "index": f"{stats.index_bytes / 2**20:.1f} MiB",
    }
    for name, value in rows.items():
        table.add_row(name, _plain(value))
    return table


def report_view(report: EnrollReport) -> Text:
    """What an enrolment came to, in lines."""
    lines = [
        f"enrolled {len(report.enrolled)}, skipped {len(report.skipped)} (same picture), "
        f"conflicting {len(report.conflicting)}, failed {len(report.failed)}, "
        f"ignored {len(report.ignored)}"
    ]
    if report.moved:
        lines.append(
            f"{counted(len(report.moved), 'known picture', 'were')} found at a new place, which "
            "the gallery has now"
        )
    conflicts = [
        f"conflict: {c.path} is enrolled as {c.enrolled_as}, not {c.pid}"
        + (f" (sighting {c.sighting_id})" if c.sighting_id else "")
        for c in report.conflicting
    ]
    failures = [f"failed: {failure.reason}" for failure in report.failed]
    return _lines(lines + _cut(conflicts) + _cut(failures))


def removal_view(removal: Removal) -> Text:
    """What was deleted for good, in lines."""
    lines = [
        f"removed for good: sighting {s.id} of {s.pid}" + (f" ({s.path})" if s.path else "")
        for s in removal.sightings
    ]
    return _lines(_cut(lines) + [f"removed for good: {pid}" for pid in removal.identities])


def verify_view(report: VerifyReport) -> Text:
    """What differs, in lines."""
    if report.sound:
        agreeing = "database, index and pictures agree"
        if not report.pictures_read:
            agreeing = "database and index agree; pictures were not read"
        return _lines([f"{counted(report.checked, 'sighting')}: {agreeing}"])
    lines = [f"database: {problem}" for problem in report.database]
    lines += [f"index: {problem}; reid-gallery rebuild mends it" for problem in report.index]
    lines += _cut([f"picture: {failure.reason}" for failure in report.pictures])
    return _lines(lines)


def audit_view(report: AuditReport) -> Text:
    """How many findings there are, and the likeliest, each with the command that mends it."""
    read = f", {counted(report.pictures_read, 'picture')} read" if report.pictures_read else ""
    counts = [f"{kind} {report.count(kind):,}" for kind in Kind if report.count(kind)]
    nothing = "all well"
    if report.people == 1:  # a wrong sighting is told by its being more like somebody else
        nothing = "nothing suspected"
        read += " (of one person, so that nobody can be told from others)"
    lines = [
        f"{counted(report.checked, 'sighting')} compared{read}; {', '.join(counts) or nothing}"
    ]
    for finding in report.findings[:_SHOWN]:
        lines += _finding_lines(finding)
    if (more := len(report.findings) - _SHOWN) > 0:
        lines.append(f"... and {more:,} more (--json lists all)")
    return _lines(lines + _cut([f"failed: {failure.reason}" for failure in report.unread]))


def _finding_lines(finding: Finding) -> list[str]:
    chance = "" if finding.chance is None else f" ({_percent(finding.chance)} likely)"
    text = f"{finding.kind.value}{chance}: {finding.reason}"
    return [text] if finding.command is None else [text, f"    {finding.command}"]


def comparison_view(comparison: Comparison) -> Text:
    """The score, and the decision where there is one."""
    words = {True: ", the same person", False: ", not the same person", None: " (not calibrated)"}
    rule = "" if comparison.threshold is None else f" (threshold {comparison.threshold:.3f})"
    return Text(f"score {comparison.score:.3f}{words[comparison.same]}{rule}")


def person_view(person: tuple[Identity, list[Sighting]]) -> Group:
    """One person, and a line a sighting."""
    identity, sightings = person
    return Group(identities_view([identity]), _sighting_table(sightings))


def _title(answer: Answer) -> Text:
    names = ", ".join(answer.query[:3]) + (" ..." if len(answer.query) > 3 else "")
    return _plain(f"{names}: {verdict(answer)}")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        number = column in {"rank", "score", "sightings", "change"}
        table.add_column(
            column,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=number,  # on a narrow terminal names fold, and a number stays one
        )
    return table


def _lines(lines: Sequence[str]) -> Text:
    return Text("\n".join(map(spell_out, lines)))


def _plain(text: str) -> Text:
    """One line of text as it is: ``[red]`` is no markup."""
    return Text(spell_out(text))


def _time(moment: datetime | None) -> str:
    return "-" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def _cut(lines: list[str]) -> list[str]:
    if len(lines) <= _SHOWN:
        return lines
    return [*lines[:_SHOWN], f"... and {len(lines) - _SHOWN} more (--json lists all)"]

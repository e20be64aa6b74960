"""The report on a manifest: one Markdown page with its pictures beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...gallery.counted import counted
from ...gallery.reports.markdown import markdown_table
from .album import AlbumRow, draw_album
from .counts import SOURCE_COLUMNS, Balance, count_sources
from .duplicates import NearPairs
from .looking import CODE_BITS, Look
from .plots import draw_cameras, draw_near, draw_people, draw_sizes
from .rows import group_people, pair_rows, person_row, suspect_row
from .suspects import Suspect

PAGE = "report.md"
_ROWS, _PAIRS, _LISTED, _SHOWN = 8, 30, 50, 20


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was found in the data.

    Attributes:
        look: at the pictures of the manifest.
        near: pairs of them that are nearly the same.
        balance: of the people to train on.
        suspects: people with a likely wrong label; None if nobody looked.
        ignored: reasons, each a sentence: left out on purpose.
        failed: reasons, each a sentence: can't be used.
    """

    look: Look
    near: NearPairs
    balance: Balance
    suspects: list[Suspect] | None
    ignored: list[str]
    failed: list[str]

    def summary(self) -> list[str]:
        """What was found, in lines."""
        pictures = self.look.pictures
        people = {p.pid for p in pictures}
        held_out = {p.pid for p in pictures if p.split == "validation"}
        pids = np.array([p.pid for p in pictures])
        of_two = (pids[self.near.first] != pids[self.near.second]).sum()
        lines = [
            f"{counted(len(pictures), 'picture')} of {counted(len(people), 'person')}, "
            f"{len(held_out):,} held out; "
            f"{len(self.ignored):,} left out on purpose, {len(self.failed):,} can't be used",
            f"{len(self.near.first):,} near-duplicates, {of_two:,} of them of two people",
        ]
        if self.suspects is not None:
            suspicious = counted(len(self.suspects), "person", "have")
            lines.append(f"{suspicious} a picture with a likely wrong label")
        return [*lines, *(f"failed: {reason}" for reason in self.failed[:_SHOWN])]


def write_report(folder: Path, manifest: Path, prepared: Prepared) -> Path:
    """Write the page and its pictures into a folder that is there.

    Returns:
        The page.
    """
    parts = [
        f"# {manifest.name}",
        markdown_table(SOURCE_COLUMNS, count_sources(prepared.look.pictures)),
        "*a person*: fewest - median - most pictures. Everyone is in one part: people are held "
        "out first, and only those to train on are balanced.",
        *_people_part(folder, prepared),
        *_cameras_part(folder, prepared),
        *_near_part(folder, prepared),
        *_suspects_part(folder, prepared),
        *_list_part("Can't be used", prepared.failed),
        *_list_part("Left out on purpose", prepared.ignored),
    ]
    page = folder / PAGE
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def _people_part(folder: Path, prepared: Prepared) -> list[str]:
    balance = prepared.balance
    draw_people(balance, folder / "people.png")
    people = list(group_people(prepared.look.pictures).items())
    draw_album([person_row(*p) for p in people[:_ROWS]], "Most pictures", folder / "largest.png")
    fewest = people[::-1][:_ROWS]
    draw_album([person_row(*p) for p in fewest], "Fewest pictures", folder / "smallest.png")
    dropped = len(balance.before) - len(balance.after)
    return [
        "## Pictures a person",
        f"With `drop_quantile = {balance.drop_quantile:g}` and `balance_to = {balance.balance_to}` "
        f"under `[data]` in a recipe, {dropped:,} of {len(balance.before):,} people to train on "
        "are left out, and an epoch sees the others like this. Nothing changes on the disk.",
        "![pictures a person](people.png)",
        "![most pictures](largest.png)",
        "![fewest pictures](smallest.png)",
    ]


def _cameras_part(folder: Path, prepared: Prepared) -> list[str]:
    draw_cameras(prepared.look.pictures, folder / "cameras.png")
    draw_sizes(prepared.look.sizes, folder / "sizes.png")
    return [
        "## Cameras and sizes",
        "![pictures a camera](cameras.png)",
        "![crop sizes](sizes.png)",
    ]


def _near_part(folder: Path, prepared: Prepared) -> list[str]:
    look, near = prepared.look, prepared.near
    pids = np.array([p.pid for p in look.pictures])
    parts = np.array([p.split for p in look.pictures])
    contents = np.array(look.contents)
    same_person = pids[near.first] == pids[near.second]
    same_file = contents[near.first] == contents[near.second]
    across = parts[near.first] != parts[near.second]
    draw_near(near, same_person, folder / "near.png")
    rows = [
        ("of one person", same_person),
        ("of two people", ~same_person),
        ("of two people, one of them held out", ~same_person & across),
    ]
    table = [(name, f"{which.sum():,}", f"{(which & same_file).sum():,}") for name, which in rows]
    said = [
        "## Near-duplicates",
        f"Pairs whose difference hashes differ in few of {CODE_BITS} bits. One picture under two "
        "people is a wrong label, or two people in one picture; across the held-out people it "
        "would make figures too good.",
        markdown_table(("pairs", "near", "of them the same file"), table),
        "![near-duplicates](near.png)",
    ]
    for name, which, title in (
        ("near-two.png", ~same_person, "Near-duplicates of two people"),
        ("near-one.png", same_person, "Near-duplicates of one person"),
    ):
        if which.any():
            album = pair_rows(look.pictures, near, np.flatnonzero(which)[:_PAIRS])
            draw_album(album, title, folder / name)
            said.append(f"![{title.lower()}]({name})")
    return said


def _suspects_part(folder: Path, prepared: Prepared) -> list[str]:
    suspects = prepared.suspects
    if suspects is None:
        return []
    said = [
        "## Suspicious people",
        "An extractor embedded some pictures of each; how a wrong label looks was learnt by giving "
        f"pictures to others. {counted(len(suspects), 'person', 'have')} a picture that more "
        "likely shows somebody else.",
    ]
    if suspects:
        rows: list[AlbumRow] = [suspect_row(suspect) for suspect in suspects[:_ROWS]]
        draw_album(rows, "Suspicious: framed pictures may show others", folder / "suspects.png")
        said.append("![suspicious people](suspects.png)")
        table = [
            (s.pid, f"{s.chance:.2f}", s.rather or "", s.pictures[0].path.name)
            for s in suspects[:_LISTED]
        ]
        said.append(markdown_table(("person", "chance", "more like", "picture"), table))
    return said


def _list_part(title: str, reasons: Sequence[str]) -> list[str]:
    if not reasons:
        return []
    lines = [f"- `{reason}`" for reason in reasons[:_LISTED]]
    if more := len(reasons) - len(lines):
        lines.append(f"- and {more:,} more")
    return [f"## {title}: {len(reasons):,}", "\n".join(lines)]

"""The demonstration: drawn people (or one's own crops) enrolled, asked about and corrected."""

import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from .counted import counted
from .errors import LayoutError
from .facade import Gallery
from .figures import draw_figures
from .pictures.labelled import LabelledPicture, Reading
from .pictures.layouts import read_layout
from .reports.answers import write_answer_sheet
from .reports.views import answer_view, changes_view, report_view
from .types import Answer

PEOPLE, CAMERAS, PER_CAMERA, SEED = 24, 4, 2, 7
_SHOWN_TABLES, _SHOWN_ROWS = 3, 5


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays what: pictures to enroll, pictures to ask about, and people left out entirely."""

    enrolled: list[LabelledPicture]
    asked: list[LabelledPicture]
    strangers: list[LabelledPicture]


def run_demo(out: Path, crops: Path | None, console: Console) -> None:
    """Show everything a gallery does, in ``out``.

    Args:
        out: a folder for the store and the contact sheet; what an earlier demo left is replaced.
        crops: real crops in the layout ``PID/*.jpg``; None draws people.
        console: where to print.

    Raises:
        LayoutError: ``out`` holds other things, or ``crops`` has too few people.
    """
    _make_room(out)
    cast = choose_cast(_pictures(out, crops))
    with Gallery.open(out / "store") as gallery:
        console.print(
            f"\n[bold]Enroll[/] {counted(len(cast.enrolled), 'picture')}", highlight=False
        )
        console.print(report_view(gallery.enroll_reading(Reading(cast.enrolled))))
        answers = _ask(gallery, cast, console)
        _ask_strangers(gallery, cast, console)
        _draw_sheet(gallery, cast, answers, out / "sheet.png")
        console.print(f"\n[bold]Contact sheet[/] {out / 'sheet.png'}", highlight=False)
        _correct(gallery, cast, console)
    _say_what_next(console)


def choose_cast(pictures: Sequence[LabelledPicture]) -> Cast:
    """Hold out a picture of each person to ask about, and every eighth person as a stranger.

    Raises:
        LayoutError: fewer than two people have two pictures.
    """
    people: dict[str, list[LabelledPicture]] = defaultdict(list)
    for picture in pictures:
        people[picture.pid].append(picture)
    several = [pid for pid, theirs in people.items() if len(theirs) > 1]
    if len(several) < 2:
        raise LayoutError("the demo needs two people with two pictures each, as PID/*.jpg")
    # A different picture of each, so that no camera asks all the questions.
    held_out = {pid: people[pid][n % len(people[pid])] for n, pid in enumerate(several)}
    strangers = several[7::8]
    return Cast(
        enrolled=[p for p in pictures if p.pid not in strangers and p != held_out.get(p.pid)],
        asked=[held_out[pid] for pid in several if pid not in strangers],
        strangers=[held_out[pid] for pid in strangers],
    )


def _pictures(out: Path, crops: Path | None) -> list[LabelledPicture]:
    if crops is not None:
        return read_layout("folders", crops).pictures
    return draw_figures(
        out / "figures", people=PEOPLE, cameras=CAMERAS, per_camera=PER_CAMERA, seed=SEED
    )


def _make_room(out: Path) -> None:
    """Remove what an earlier demo made; nothing else is touched."""
    known = {"store", "figures", "sheet.png"}
    if out.is_dir() and any(path.name not in known for path in out.iterdir()):
        raise LayoutError(f"{out}: has other files in it; name a new folder with --out")
    for path in (out / "store", out / "figures"):
        shutil.rmtree(path, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)


def _ask(gallery: Gallery, cast: Cast, console: Console) -> list[Answer]:
    console.print(
        f"\n[bold]Ask[/] about {counted(len(cast.asked), 'held-out picture')}", highlight=False
    )
    answers = gallery.query([picture.path for picture in cast.asked], k=5)
    for answer in answers[:_SHOWN_TABLES]:
        console.print(answer_view(answer))
    right = sum(
        answer.matches[0].pid == picture.pid
        for answer, picture in zip(answers, cast.asked, strict=True)
    )
    people = len({picture.pid for picture in cast.enrolled})
    console.print(f"{right} of {len(answers)} are ranked first, among {people} people.")
    if answers[0].known is not None:
        named = sum(bool(answer.known) for answer in answers)
        console.print(
            f"{named} are named; the others score below the threshold that lets 1 % of strangers "
            "through (--fpir)."
        )
    return answers


def _ask_strangers(gallery: Gallery, cast: Cast, console: Console) -> None:
    if not cast.strangers:
        return
    console.print("\n[bold]Ask about a stranger[/], who was never enrolled", highlight=False)
    answers = gallery.query([picture.path for picture in cast.strangers], k=3)
    console.print(answer_view(answers[0]))
    unknown = sum(answer.known is False for answer in answers)
    console.print(f"{unknown} of {len(answers)} strangers are answered: unknown.")


def _draw_sheet(gallery: Gallery, cast: Cast, answers: list[Answer], path: Path) -> None:
    """A row for each of the first people asked about, and one for a stranger."""
    shown = answers[:_SHOWN_ROWS] + gallery.query([p.path for p in cast.strangers[:1]])
    truths = [picture.pid for picture in cast.asked[:_SHOWN_ROWS]] + [""]
    write_answer_sheet(path, shown, true_pids=truths[: len(shown)])


def _correct(gallery: Gallery, cast: Cast, console: Console) -> None:
    """Make the mistake that trackers make, one person under two names, and mend it."""
    pid = cast.asked[0].pid
    wrong = f"{pid}-again"
    _, sightings = gallery.identity(pid)
    console.print(f"\n[bold]Correct[/] a mistake: {pid} goes by two names", highlight=False)
    gallery.split([sighting.id for sighting in sightings[len(sightings) // 2 :]], to=wrong)
    question = [cast.asked[0].path]
    console.print(answer_view(gallery.query(question, k=3)[0]))
    if len(sightings) > 1:
        gallery.merge(pid, wrong)
        console.print(f"After reid-gallery merge {pid} {wrong}:", highlight=False)
    else:
        gallery.rename(wrong, pid)
        console.print(f"After reid-gallery rename {wrong} {pid}:", highlight=False)
    console.print(answer_view(gallery.query(question, k=3)[0]))
    console.print(changes_view(gallery.history(limit=3)))


def _say_what_next(console: Console) -> None:
    lines = (
        "",
        "Try it on your own pictures, a folder a person:",
        "  reid-gallery enroll --store people crops",
        "  reid-gallery query --store people unknown.jpg --sheet sheet.png",
        "or, the same demonstration on them:",
        "  make demo CROPS=crops",
    )
    console.print("\n".join(lines), highlight=False, markup=False)

"""Commands: enroll people, ask who someone is, compare two pictures."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..counted import counted
from .opening import open_gallery
from .options import (
    DONE,
    SOME_FAILED,
    Json,
    Model,
    Paths,
    Pooling,
    Sheet,
    Store,
    Wait,
    check_fpir,
    check_score,
)
from .terminal import parse_time_range, say, show_progress, show_result

app = typer.Typer()


@app.command()
def enroll(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, quoted patterns, a manifest; - reads from stdin."),
    ] = None,
    pid: Annotated[str | None, typer.Option(help="The person that all pictures show.")] = None,
    layout: Annotated[
        str | None, typer.Option(help="folders (PID/*.jpg, the default), market1501, cuhk03, ...")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="A CSV of path, pid[, camera, time, tracklet].")
    ] = None,
    camera: Annotated[
        str | None, typer.Option(help="The camera of pictures that tell none.")
    ] = None,
    store: Store = None,
    model: Model = None,
    as_json: Json = False,
    wait: Wait = 30.0,
) -> int:
    """Enroll pictures of people."""
    from ..enrolling import EnrolmentInterrupted
    from ..pictures.sources import collect

    # Before the store is opened: one that can't be filled is not made.
    reading = collect(paths or [], pid=pid, layout=layout, manifest=manifest, camera=camera)
    opened = open_gallery(store, model=model, create=True, wait_s=wait, embeds=True)
    with opened as gallery, show_progress(len(reading.pictures)) as progress:
        try:
            report = gallery.enroll_reading(reading, progress=progress)
        except EnrolmentInterrupted as interrupt:
            # A batch that was just being committed may be in as well.
            enrolled = counted(len(interrupt.report.enrolled), "picture", "are")
            say(
                f"interrupted: at least {enrolled} enrolled; the same command goes on with the rest"
            )
            raise
    show_result("report", report, as_json)
    return SOME_FAILED if report.failed or report.conflicting else DONE


@app.command()
def query(
    paths: Paths,
    k: Annotated[int, typer.Option("-k", min=1, help="How many people to list.")] = 5,
    camera: Annotated[
        list[str] | None, typer.Option(help="Only sightings of this one; may be repeated.")
    ] = None,
    not_camera: Annotated[
        list[str] | None, typer.Option(help="No sighting of this one; may be repeated.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only sightings from then on: 2026-05-01T12:30, UTC; or a day."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Only sightings up to then, or to that day's end.")
    ] = None,
    as_one: Annotated[bool, typer.Option(help="All pictures show one unknown person.")] = False,
    min_score: Annotated[
        float | None, typer.Option(callback=check_score, help="No match below it.")
    ] = None,
    pooling: Annotated[
        Pooling, typer.Option(help="How an identity's sightings make one score.")
    ] = Pooling.max,
    fpir: Annotated[
        float, typer.Option(callback=check_fpir, help="Share of strangers that may get a name.")
    ] = 0.01,
    rerank: Annotated[
        bool,
        typer.Option(
            "--rerank", help="Rank by k-reciprocal neighbours, all pictures together; no threshold."
        ),
    ] = False,
    sheet: Sheet = None,
    store: Store = None,
    model: Model = None,
    as_json: Json = False,
) -> int:
    """Ask who pictures show, and where they were seen."""
    from ..pictures.sources import collect_queries
    from ..types import Failure

    first, last = parse_time_range(since, until)
    if rerank and (min_score is not None or pooling is not Pooling.max):
        raise typer.BadParameter(
            "re-ranked scores are no cosines: --rerank takes no --min-score or --pooling"
        )
    found, failed = collect_queries(paths, sys.stdin)
    if sheet is not None and sheet.absolute() in {path.absolute() for path in found}:
        raise typer.BadParameter(f"--sheet {sheet} would overwrite a picture that is asked about")
    failures = [reason for _, reason in failed]
    with open_gallery(store, model=model, create=False, embeds=True) as gallery:
        answers = []
        for answer in gallery.query_each(
            found,
            k=k,
            cameras=camera or (),
            not_cameras=not_camera or (),
            since=first,
            until=last,
            as_one=as_one,
            min_score=min_score,
            pooling=pooling.value,
            fpir=fpir,
            rerank=rerank,
        ):
            if isinstance(answer, Failure):
                failures.append(answer.reason)
            else:
                show_result("answer", answer, as_json)
                answers.append(answer)
    if sheet is not None:
        from ..reports.answers import write_answer_sheet

        write_answer_sheet(sheet, answers)
        say(f"contact sheet: {sheet}")
    for reason in failures:
        say(f"failed: {reason}")
    return SOME_FAILED if failures else DONE


@app.command()
def compare(
    context: typer.Context,
    a: Path,
    b: Path,
    fpir: Annotated[
        float, typer.Option(callback=check_fpir, help="Share of strangers that may pass.")
    ] = 0.01,
    store: Store = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="An extractor: a file or a name of model list; else the store's, else the chosen."
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Compare two pictures: their score, and is it one person?"""
    from ..store.directory import default_store
    from ..store_pictures import is_store

    # A store that is only where one would lie, by default or by the environment, isn't asked for.
    source = context.get_parameter_source("store")
    typed = source is not None and source.name == "COMMANDLINE"
    if typed or (model is None and is_store(store or default_store())):
        with open_gallery(store, create=False, model=model, embeds=True) as gallery:
            result = gallery.compare(a, b, fpir=fpir)
    else:
        from ..asking import compare as compare_pictures
        from ..extractor import Extractor, resolve_model

        result = compare_pictures(Extractor.load(resolve_model(model)), a, b, fpir=fpir)
    show_result("comparison", result, as_json)
    return DONE

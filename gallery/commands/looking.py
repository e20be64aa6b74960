"""Commands that look at the gallery and change nothing."""

from typing import Annotated

import typer

from .opening import open_gallery
from .options import DONE, SOME_FAILED, Json, Model, Sheet, Store
from .terminal import say, show_progress, show_result

app = typer.Typer()


@app.command("list")
def list_identities(store: Store = None, as_json: Json = False) -> int:
    """List everyone in the gallery."""
    with open_gallery(store, create=False) as gallery:
        identities = gallery.identities()
    show_result("identities", identities, as_json)
    return DONE


@app.command()
def show(pid: str, store: Store = None, as_json: Json = False) -> int:
    """Show a person: sightings, cameras, first and last seen."""
    with open_gallery(store, create=False) as gallery:
        person = gallery.identity(pid)
    show_result("person", person, as_json)
    return DONE


@app.command()
def stats(store: Store = None, as_json: Json = False) -> int:
    """Show the gallery in numbers."""
    with open_gallery(store, create=False) as gallery:
        show_result("stats", gallery.stats(), as_json)
    return DONE


@app.command()
def verify(
    pictures: Annotated[bool, typer.Option(help="Read every picture again.")] = True,
    store: Store = None,
    as_json: Json = False,
) -> int:
    """Compare database, index and pictures."""
    with open_gallery(store, create=False) as gallery, show_progress() as progress:
        report = gallery.verify(pictures=pictures, progress=progress)
    show_result("verify", report, as_json)
    return DONE if report.sound else SOME_FAILED


@app.command()
def audit(
    pictures: Annotated[bool, typer.Option(help="Read every picture, too.")] = True,
    sheet: Sheet = None,
    store: Store = None,
    model: Model = None,
    as_json: Json = False,
) -> int:
    """List likely mistakes, and how to mend them. Nothing is changed."""
    with open_gallery(store, model=model, create=False) as gallery, show_progress() as progress:
        report = gallery.audit(pictures=pictures, progress=progress)
    show_result("audit", report, as_json)
    if sheet is not None:
        from ..reports.suspicions import write_audit_sheet

        write_audit_sheet(sheet, report)
        say(f"contact sheet: {sheet}")
    return SOME_FAILED if report.unread else DONE

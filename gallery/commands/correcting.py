"""Commands that correct the gallery."""

import sys
from typing import Annotated

import typer

from .opening import open_gallery
from .options import DONE, Json, Store, Yes
from .terminal import confirm, show_result

app = typer.Typer()


@app.command()
def remove(
    pid: Annotated[str | None, typer.Argument(help="The person to delete.")] = None,
    sighting: Annotated[
        list[int] | None, typer.Option(min=1, help="A sighting's id; may be repeated.")
    ] = None,
    yes: Yes = False,
    store: Store = None,
    as_json: Json = False,
) -> int:
    """Delete a person, or sightings, for good."""
    if (pid is None) == (not sighting):
        raise typer.BadParameter("name a person, or sightings with --sighting ID; not both")
    what = f"all sightings of {pid}" if pid else f"sightings {', '.join(map(str, sighting or []))}"
    confirm(f"Delete {what} for good? This can't be undone.", yes)
    with open_gallery(store, create=False) as gallery:
        removal = gallery.remove(pid=pid, sighting_ids=sighting or [])
    show_result("removal", removal, as_json)
    return DONE


@app.command()
def rename(old: str, new: str, store: Store = None, as_json: Json = False) -> int:
    """Call a person otherwise."""
    with open_gallery(store, create=False) as gallery:
        change = gallery.rename(old, new)
    show_result("change", change, as_json)
    return DONE


@app.command()
def merge(
    into: Annotated[str, typer.Argument(help="The person to keep.")],
    other: Annotated[str, typer.Argument(help="The person who is the same.")],
    store: Store = None,
    as_json: Json = False,
) -> int:
    """Say that two are one person: OTHER's sightings become INTO's."""
    with open_gallery(store, create=False) as gallery:
        change = gallery.merge(into, other)
    show_result("change", change, as_json)
    return DONE


@app.command()
def split(
    sightings: Annotated[list[int], typer.Argument(min=1, help="Sightings' ids; see show.")],
    to: Annotated[str, typer.Option(help="Another or a new person.")],
    store: Store = None,
    as_json: Json = False,
) -> int:
    """Give chosen sightings to another or a new person."""
    with open_gallery(store, create=False) as gallery:
        change = gallery.split(sightings, to=to)
    show_result("change", change, as_json)
    return DONE


@app.command()
def history(
    limit: Annotated[int, typer.Option(min=1)] = 50, store: Store = None, as_json: Json = False
) -> int:
    """List the changes, newest first."""
    with open_gallery(store, create=False) as gallery:
        changes = gallery.history(limit=limit)
    show_result("changes", changes, as_json)
    return DONE


@app.command()
def undo(
    change: Annotated[
        int | None, typer.Argument(min=1, help="Its number; by default the last.")
    ] = None,
    yes: Yes = False,
    store: Store = None,
    as_json: Json = False,
) -> int:
    """Undo the last change, or a named one."""
    from ..errors import IrreversibleError

    with open_gallery(store, create=False) as gallery:
        try:
            undoing = gallery.undo(change, allow_removal=yes)
        except IrreversibleError as error:
            if error.change is None or not sys.stdin.isatty():
                raise
            confirm(f"{str(error).split(';')[0]}. Go on?", yes)
            # By its number: meanwhile another may have become the last.
            undoing = gallery.undo(error.change, allow_removal=True)
    show_result("change", undoing, as_json)
    return DONE

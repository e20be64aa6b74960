"""Commands that look after a gallery, and those that show what one does."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..counted import counted
from .opening import open_gallery
from .options import DONE, SOME_FAILED, IndexKind, Json, Model, Store
from .terminal import print_lines, show_progress, show_result

app = typer.Typer()


@app.command()
def rebuild(
    store: Store = None,
    model: Model = None,
    index: Annotated[
        IndexKind | None, typer.Option(help="The kind of index from now on; auto: by size.")
    ] = None,
) -> int:
    """Make the index again, or all vectors with another --model. That needs the pictures."""
    with open_gallery(store, create=False) as gallery, show_progress() as progress:
        gallery.rebuild(model=model, index=index, progress=progress)
        stats, kind = gallery.stats(), gallery.index_kind
    print_lines(
        [f"{counted(stats.sightings, 'sighting')} indexed ({kind}), model {stats.model_name}"]
    )
    return DONE


@app.command()
def export(
    path: Annotated[Path, typer.Argument(help="A .csv or .parquet file.")], store: Store = None
) -> int:
    """Write all sightings and vectors to a file."""
    with open_gallery(store, create=False) as gallery:
        count = gallery.export(path)
    print_lines([f"{counted(count, 'sighting')} written to {path}"])
    return DONE


@app.command("import")
def import_file(
    path: Annotated[Path, typer.Argument(help="What export wrote.")],
    store: Store = None,
    as_json: Json = False,
) -> int:
    """Enroll what export wrote."""
    with open_gallery(store, create=True) as gallery:
        report = gallery.import_(path)
    show_result("report", report, as_json)
    return SOME_FAILED if report.conflicting else DONE


@app.command()
def figures(
    out: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    people: Annotated[int, typer.Option(min=1)] = 12,
    cameras: Annotated[int, typer.Option(min=1)] = 4,
    per_camera: Annotated[int, typer.Option(min=1)] = 2,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> int:
    """Draw people to try the gallery on. They go to OUT/PID/*.jpg and OUT/manifest.csv."""
    from ..figures import draw_figures

    drawn = draw_figures(out, people=people, cameras=cameras, per_camera=per_camera, seed=seed)
    print_lines([f"{counted(len(drawn), 'picture')} of {counted(people, 'person')} in {out}"])
    return DONE


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="A new folder.")] = Path("demo"),
    crops: Annotated[Path | None, typer.Option(help="Your own crops, PID/*.jpg.")] = None,
) -> int:
    """Show what a gallery does, on drawn people or your own crops."""
    from rich.console import Console

    from ..demo import run_demo

    run_demo(out, crops, Console(width=None if sys.stdout.isatty() else 120))
    return DONE

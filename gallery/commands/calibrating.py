"""Command: learn what turns a score into a decision."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..counted import counted
from .options import DONE, Json, Layouts, Store, pair_layouts, part_model
from .terminal import print_json, print_lines, say, show_progress

if TYPE_CHECKING:
    from ..decision import Calibration

app = typer.Typer()

_ENOUGH = 100
"""People, from whom on a calibration isn't called a poor one."""

_SIZES = (10, 100, 1000)
"""People in the galleries that thresholds are shown for."""


@app.command()
def calibrate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL] [DATA]...",
            help="A model (a file or a name of model list) to write with its "
            "calibration to --out, and folders or CSV manifests of people neither trained nor "
            "tested on. Without a model your gallery is calibrated: on DATA, or on its own people.",
        ),
    ] = None,
    layout: Layouts = None,
    out: Annotated[Path | None, typer.Option(help="The new model file.")] = None,
    store: Store = None,
    as_json: Json = False,
) -> int:
    """Learn how alike strangers are, to tell who is unknown."""
    from ..calibration.calibrate import calibrate_model, calibrate_store
    from ..extractor import Extractor, resolve_model
    from ..store.directory import default_store

    model, data = part_model(paths or [])
    sources = pair_layouts(data, layout or [])
    if (model is None) != (out is None):
        raise typer.BadParameter("a MODEL and --out belong together; a gallery needs neither")
    if model and not sources:
        raise typer.BadParameter("DATA is missing: people neither trained nor tested on")
    with show_progress() as progress:
        if out is not None:
            extractor = Extractor.load(resolve_model(model))
            calibration = calibrate_model(extractor, sources, out, progress=progress)
        else:
            root = store or default_store()
            calibration = calibrate_store(root, sources, progress=progress)
    people = sum(place.people for place in calibration.places)
    if people < _ENOUGH:
        few = f"{counted(people, 'person', 'are')} few to learn this from; some hundreds are better"
        say(few if out else f"{few} (undo takes this back)")
    if as_json:
        print_json(_record(calibration))
    else:
        print_lines(_lines(calibration))
    return DONE


def _record(calibration: "Calibration") -> dict[str, Any]:
    from ..decision import calibration_tree

    return {"schema": "reid-gallery/calibration/1", **calibration_tree(calibration)}


def _lines(calibration: "Calibration") -> list[str]:
    places = calibration.places
    people = " + ".join(str(place.people) for place in places)
    lines = [f"calibrated on {people} people; from which score a single picture is known, where"]
    for fpir in (0.1, 0.01):
        thresholds = ", ".join(
            f"{calibration.threshold(fpir=fpir, size={2: size}):.3f} among {size:,} people"
            for size in _SIZES
        )
        lines.append(f"  {fpir:.0%} of strangers may get a name: {thresholds}")
    return [*lines, "(with two sightings each)"]

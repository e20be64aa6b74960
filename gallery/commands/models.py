"""Commands about model files."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..counted import counted
from .options import DONE, SOME_FAILED, Json, Layouts, Store, pair_layouts, part_model
from .terminal import print_json, print_lines, print_view, say, show_progress

app = typer.Typer(
    name="model", help="Look at models, choose one, adopt others.", no_args_is_help=True
)

ModelArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[MODEL]", help="A file, or a name of model list; by default the chosen one."
    ),
]

Triple = tuple[float, float, float]


class Channels(StrEnum):
    """The order of a picture's channels."""

    rgb = "rgb"
    bgr = "bgr"


@app.command("list")
def list_models(as_json: Json = False) -> int:
    """List the models that have names. New stores are made with the chosen one."""
    from ..extractor.models import known_models
    from ..reports import models as reports

    known = known_models()
    if not as_json:
        print_view(reports.models_view(known))
    for record in reports.models_record(known) if as_json else ():
        print_json(record)
    return DONE


@app.command("use")
def use_model(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A name of model list, or a file to keep.")
    ],
) -> int:
    """Make new stores with this model from now on. Stores that exist stay with theirs."""
    from ..extractor import models

    chosen = models.use_model(model)
    print_lines([f"{chosen.name}: new stores are made with it ({chosen.path})"])
    return DONE


@app.command("check")
def check_model(model: ModelArgument = None, as_json: Json = False) -> int:
    """Look at whether a model file does what it must, and how fast."""
    from ..extractor import resolve_model
    from ..extractor.checking import check_model
    from ..reports import models as reports

    check = check_model(resolve_model(model))
    if as_json:
        print_json(reports.model_check_record(check))
    else:
        print_view(reports.model_check_view(check))
    return DONE if check.sound else SOME_FAILED


@app.command("show")
def show_model(model: ModelArgument = None) -> int:
    """Print a model's specification as JSON."""
    from ..extractor import Extractor, resolve_model

    extractor = Extractor.load(resolve_model(model))
    print_json({"sha256": extractor.sha256, **json.loads(extractor.spec.to_json())})
    return DONE


@app.command("mirror")
def mirror_model(
    model: ModelArgument = None,
    out: Annotated[
        Path | None, typer.Option(help="By default NAME-mirrored.onnx in the current folder.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="Of the new model.", show_default="the old one's and -mirrored")
    ] = "",
) -> int:
    """Make a model look at mirror images as well. It sees better, in twice the time."""
    from ..extractor import Extractor, resolve_model
    from ..extractor.mirroring import mirror

    extractor = Extractor.load(resolve_model(model))
    target = out or Path(f"{name or f'{extractor.spec.name}-mirrored'}.onnx")
    spec = mirror(extractor, target, name=name)
    print_lines(
        [
            f"{target}: {spec.name}, in twice the time; it has no calibration yet, which",
            f"  reid-gallery calibrate {target} PEOPLE --out FILE.onnx gives it",
        ]
    )
    return DONE


@app.command("level")
def level_model(
    out: Annotated[Path, typer.Option(help="The new model file.")],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL] [DATA]...",
            help="A model (a file or a name of model list), and folders or CSV "
            "manifests of pictures whose cameras are known. Without them your gallery's model is "
            "levelled on your gallery's cameras.",
        ),
    ] = None,
    layout: Layouts = None,
    name: Annotated[
        str, typer.Option(help="Of the new model.", show_default="the old one's and -levelled")
    ] = "",
    store: Store = None,
) -> int:
    """Take out of a model's embeddings what sets cameras apart. It sees better, as fast."""
    from ..extractor import Extractor, resolve_model
    from ..level_cameras import level_by_gallery, level_model
    from ..store.directory import default_store

    model, data = part_model(paths or [])
    sources = pair_layouts(data, layout or [])
    if data and not model:
        raise typer.BadParameter("MODEL is missing; name it before the pictures")
    if model and not data:
        raise typer.BadParameter("DATA is missing: pictures whose cameras are known")
    if model:
        extractor = Extractor.load(resolve_model(model))
        with show_progress() as progress:
            spec, cameras = level_model(extractor, sources, out, name=name, progress=progress)
    else:
        spec, cameras = level_by_gallery(store or default_store(), out, name=name)
    made = (
        f"{out}: {spec.name}, levelled on {cameras.count} cameras ({cameras.pictures:,} pictures)"
    )
    if cameras.too_few:
        say(
            f"{counted(len(cameras.too_few), 'camera', 'have')} too few pictures to count: "
            f"{', '.join(cameras.too_few)}"
        )
    if model:
        next_steps = [
            f"{made}; it has no calibration yet, which",
            f"  reid-gallery calibrate {out} PEOPLE --out FILE.onnx gives it",
        ]
    else:
        next_steps = [
            f"{made}; the gallery moves over with",
            f"  reid-gallery rebuild --model {out}",
            "  reid-gallery calibrate",
        ]
    print_lines(next_steps)
    return DONE


@app.command("adopt")
def adopt_model(
    file: Annotated[Path, typer.Argument(help="Anyone's person extractor, an ONNX file.")],
    out: Annotated[
        Path | None, typer.Option(help="By default FILE-adopted.onnx in the current folder.")
    ] = None,
    size: Annotated[str, typer.Option(help="Height x width of the model's input.")] = "256x128",
    mean: Annotated[
        Triple | None,
        typer.Option(help="Subtracted from each channel.", show_default="ImageNet's"),
    ] = None,
    std: Annotated[
        Triple | None,
        typer.Option(help="Each channel is divided by it.", show_default="ImageNet's"),
    ] = None,
    channels: Annotated[Channels, typer.Option(help="Their order.")] = Channels.rgb,
    scale: Annotated[
        float, typer.Option(help="What white is before --mean is subtracted: 1, or 255.")
    ] = 1.0,
    output: Annotated[
        str | None, typer.Option(help="Which output holds the embeddings, if there are several.")
    ] = None,
    name: Annotated[str, typer.Option(help="Of the model.", show_default="FILE's name")] = "",
    licence: Annotated[
        str, typer.Option(help="Who may use it for what.", show_default="not stated")
    ] = "",
) -> int:
    """Wrap a third-party extractor. It then serves as any model of this program."""
    from ..errors import ModelError
    from ..extractor.adopt import UNKNOWN_LICENCE, adopt
    from ..extractor.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

    if scale != 1.0 and (mean is None or std is None):
        raise typer.BadParameter(
            "--scale needs --mean and --std of that scale; none is 0 0 0, 1 1 1"
        )
    height, width = _read_size(size)
    try:
        preprocessing = Preprocessing(
            height=height,
            width=width,
            mean=mean or IMAGENET_MEAN,
            std=std or IMAGENET_STD,
            channels=channels.value,
            scale=scale,
        )
    except ModelError as error:  # of nothing but the options
        raise typer.BadParameter(str(error)) from error
    target = out or Path(f"{file.stem}-adopted.onnx")
    spec = adopt(
        file,
        target,
        preprocessing=preprocessing,
        output=output,
        name=name,
        licence=licence or UNKNOWN_LICENCE,
    )
    print_lines([f"{target}: {spec.name}, {spec.dim} dimensions, as the model itself embeds"])
    return DONE


def _read_size(text: str) -> tuple[int, int]:
    height, cross, width = text.lower().partition("x")
    if not (cross and height.isdecimal() and width.isdecimal()):
        raise typer.BadParameter(f"--size is height x width, as 256x128, not {text!r}")
    return int(height), int(width)

"""Commands about model files."""

import json
from pathlib import Path
from typing import Annotated

import typer

from .options import DONE
from .terminal import print_json

app = typer.Typer(name="model", help="Look at model files.", no_args_is_help=True)


@app.command("show")
def modelshow(model: Annotated[Path | None, typer.Argument()] = None) -> int:
    """Print a model file's ModelSpec; by default the shipped model's."""
    from ..extractor import Extractor, resolve_model

    extractor = Extractor.load(resolve_model(model))
    print_json({"sha256": extractor.sha256, **json.loads(extractor.spec.to_json())})
    return DONE

"""Commands that measure."""

from pathlib import Path
from typing import Annotated

import typer

from .options import DONE
from .terminal import print_lines, show_progress

app = typer.Typer()


@app.command()
def evaluate(
    model: Annotated[Path | None, typer.Argument(help="By default the shipped model.")] = None,
    protocol: Annotated[str, typer.Option(help="market1501, viper or grid.")] = "market1501",
    data: Annotated[Path, typer.Option(help="The data set's folder.")] = Path(),
) -> int:
    """Measure a model on a data set's protocol."""
    from ..evaluation.models import evaluate_model
    from ..extractor import Extractor, resolve_model

    extractor = Extractor.load(resolve_model(model))
    with show_progress() as progress:
        result = evaluate_model(extractor, protocol, data, progress=progress)
    print_lines([str(result)])
    return DONE

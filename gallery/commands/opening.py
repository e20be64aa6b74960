"""How a command opens the gallery."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..facade import Gallery


@contextmanager
def open_gallery(
    store: Path | None,
    *,
    create: bool,
    model: Path | None = None,
    wait_s: float = 30.0,
    embeds: bool = False,
) -> Iterator["Gallery"]:
    """Open the gallery; ``embeds`` says that its model will be needed, and begins to load it."""
    from ..store.directory import StoreDirectory, default_store

    options: dict[str, Any] = {"model": model, "create": create, "wait_s": wait_s}
    root = store or default_store()
    if embeds:
        from ..extractor.early import EarlyExtractor

        options["load"] = EarlyExtractor(StoreDirectory(root).database, model)
    from ..facade import Gallery

    with Gallery.open(root, **options) as opened:
        yield opened

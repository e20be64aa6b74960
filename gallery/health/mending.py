"""The commands that mend what an audit finds, ready for a POSIX shell."""

import os
from collections.abc import Iterable
from pathlib import Path
from shlex import join

from ..store.directory import ENVIRONMENT, default_store


class Mending:
    """Writes commands for one store."""

    def __init__(self, store: Path) -> None:
        unsaid = ENVIRONMENT not in os.environ and store == default_store().absolute()
        self._store = [] if unsaid else [f"--store={store}"]

    def split(self, sighting_ids: Iterable[int], to: str) -> str:
        """Give sightings to ``to``."""
        return self._command("split", *map(str, sighting_ids), f"--to={to}")

    def merge(self, into: str, other: str) -> str:
        """Make two people one."""
        return self._command("merge", operands=[into, other])

    def remove(self, sighting_id: int) -> str:
        """Delete one sighting for good; it asks first."""
        return self._command("remove", f"--sighting={sighting_id}")

    def _command(self, *words: str, operands: Iterable[str] = ()) -> str:
        # After -- a name may begin with a dash.
        end = ["--", *operands] if operands else []
        return join(["reid-gallery", *words, *self._store, *end])

"""Files that are more than their content: links, pipes, folders, what the system refuses."""

import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from .encoding import Pixels, encode, quadrants


def write_special(folder: Path) -> Iterator[tuple[Path, Pixels | None]]:
    """Write them; yields each with what it shows, None when it must be refused."""
    hidden = folder / ".hidden"
    hidden.mkdir()
    (hidden / "target").write_bytes(encode(Image.fromarray(quadrants()), "PNG", compress_level=3))
    (folder / "link.png").symlink_to(Path(".hidden", "target"))
    yield (folder / "link.png", quadrants())
    (folder / "link_to_nothing.jpg").symlink_to("gone.jpg")
    (folder / "link_in_a_circle.jpg").symlink_to("link_in_a_circle.jpg")
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    with (folder / "large.bmp").open("wb") as file:
        file.truncate(2**30)  # a hole: no disk is used
    names = ["link_to_nothing.jpg", "link_in_a_circle.jpg", "folder.jpg", "pipe.jpg", "large.bmp"]
    if Path("/proc/self/mem").exists():
        # Refuses to be read at 0, whoever asks; permissions would not stop root.
        (folder / "unreadable.jpg").symlink_to("/proc/self/mem")
        names.append("unreadable.jpg")
    for name in names:
        yield (folder / name, None)

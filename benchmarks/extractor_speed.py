"""How fast extractors are, what memory they take, and how soon they answer when cold."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from extractor_sides import Side
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.figures import draw_figures
from reid_gallery.gallery.loading import in_batches, load_pictures, separate
from reid_gallery.gallery.pictures.fit import fit
from reid_gallery.gallery.pictures.read import Crop, read_crop
from sides import Seconds, in_turn

PEOPLE, CAMERAS = 32, 2
"""64 drawn pictures, 90 to 270 pixels high: two batches of 32."""

BATCH = 32

COLD_RUNS = 5

IMPORTS = """
import sys
from pathlib import Path
from reid_gallery.gallery.pictures.read import read_crop
model, precision, picture = sys.argv[1:]
"""
OURS = """
from reid_gallery.gallery.extractor import Extractor
Extractor.load(model).embed([read_crop(Path(picture))])
"""
OPENVINO = """
from openvino_model import OpenVinoModel
from reid_gallery.gallery.pictures.fit import fit
extractor = OpenVinoModel(Path(model), precision=precision)
extractor.embed_fitted([fit(read_crop(Path(picture)))], batch_size=1)
"""
PEAK = """
lines = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""
"""Told by the process itself: what its parent could ask counts the parent's own memory too."""

Work = Callable[[Side], object]


@dataclass(slots=True)
class Speed:
    """What was measured of one side.

    Attributes:
        per_s: pictures a second, by column.
        ratio: of that to the first side's, by column.
        cpu_ms: processor time a picture, one at a time.
        cold_s: from nothing to the first embedding.
        peak_mb: memory of that process, 10^6 bytes.
    """

    per_s: dict[str, float] = field(default_factory=dict)
    ratio: dict[str, float] = field(default_factory=dict)
    cpu_ms: float = 0.0
    cold_s: float = 0.0
    peak_mb: float = 0.0

    @property
    def ms(self) -> float:
        """Milliseconds a picture, one at a time."""
        return 1000 / self.per_s[COLUMNS[0]]


COLUMNS = ("1 fitted", f"{BATCH} fitted", "1 from file", f"{BATCH} from file")


def measure_speed(sides: Sequence[Side], rounds: int) -> dict[str, Speed]:
    """Measure all sides in turns, by label; a first round isn't counted."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = draw_figures(
            Path(folder) / "people", people=PEOPLE, cameras=CAMERAS, per_camera=1, seed=0
        )
        files = [picture.path for picture in drawn]
        speeds = {side.label: Speed() for side in sides}
        for column, work in _works(files).items():
            tasks = {side.label: lambda run, s=side, w=work: w(s) for side in sides}
            taken = {label: turns[1:] for label, turns in in_turn(tasks, rounds + 1).items()}
            _note(speeds, column, taken, len(files))
        _measure_cold(sides, speeds, files[0])
    return speeds


def speed_table(sides: Sequence[Side], speeds: dict[str, Speed]) -> str:
    """Markdown, a line a side; in brackets the ratio to the first."""
    heads = ["pictures/s", "MB of file", *COLUMNS, "CPU ms", "cold start, s", "peak MB"]
    rows = [heads, ["---"] * len(heads)]
    for side in sides:
        speed = speeds[side.label]
        cells = [f"{speed.per_s[c]:.1f} ({speed.ratio[c]:.2f})" for c in COLUMNS]
        rows.append([side.label, f"{_megabytes(side):.1f}", *cells, f"{speed.cpu_ms:.1f}",
                     f"{speed.cold_s:.2f}", f"{speed.peak_mb:.0f}"])  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _works(files: list[Path]) -> dict[str, Work]:
    """What each column does with one side."""
    fitted = [fit(read_crop(path)) for path in files]
    works: tuple[Work, ...] = (
        lambda side: side.model.embed_fitted(fitted, batch_size=1),
        lambda side: side.model.embed_fitted(fitted, batch_size=BATCH),
        lambda side: [_embed([fit(read_crop(path))], side) for path in files],
        lambda side: [
            _embed([picture.fitted for picture in separate(batch)[0]], side)
            for batch in in_batches(load_pictures(files, lambda path: path), BATCH)
        ],
    )
    return dict(zip(COLUMNS, works, strict=True))


def _embed(pictures: list[Crop], side: Side) -> None:
    side.model.embed_fitted(pictures, batch_size=len(pictures))


def _note(
    speeds: dict[str, Speed], column: str, taken: dict[str, list[Seconds]], pictures: int
) -> None:
    """Medians over rounds; a ratio is of two turns of one round, when the machine was as busy."""
    first = next(iter(taken.values()))
    for label, turns in taken.items():
        speed = speeds[label]
        speed.per_s[column] = pictures / median(wall for wall, _ in turns)
        speed.ratio[column] = median(
            base / wall for (base, _), (wall, _) in zip(first, turns, strict=True)
        )
        if column == COLUMNS[0]:
            speed.cpu_ms = 1000 * median(cpu for _, cpu in turns) / pictures


def _measure_cold(sides: Sequence[Side], speeds: dict[str, Speed], picture: Path) -> None:
    peaks: dict[str, list[float]] = {side.label: [] for side in sides}
    tasks = {s.label: lambda run, s=s: peaks[s.label].append(_start(s, picture)) for s in sides}
    for label, turns in in_turn(tasks, COLD_RUNS).items():
        speeds[label].cold_s = median(wall for wall, _ in turns)
        speeds[label].peak_mb = median(peaks[label])


def _start(side: Side, picture: Path) -> float:
    """Import, load and embed one picture in a fresh process; return its peak memory in MB."""
    body = OURS if isinstance(side.model, Extractor) else OPENVINO
    model = str(side.model.path.absolute())
    command = [sys.executable, "-c", IMPORTS + body + PEAK]
    done = subprocess.run(
        [*command, model, side.precision or "", str(picture)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) * 1024 / 1e6


def _megabytes(side: Side) -> float:
    model = side.model
    return model.path.stat().st_size / 1e6 if isinstance(model, Extractor) else model.megabytes

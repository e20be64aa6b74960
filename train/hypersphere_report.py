"""The hypersphere as a picture and a table: each head's sphere from both sides, its angles."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ..gallery.atomic import replacing
from ..gallery.errors import ReportError
from ..gallery.reports.markdown import markdown_table
from ..gallery.reports.palette import COLOURS, INK
from .hypersphere import CLASSES, EPOCHS, HEADS, Rows, Sphere, load_digits, train_sphere
from .saying import log

_OF_CLASSES = [mpl.colormaps["tab10"](number) for number in range(CLASSES)]
_WITHIN, _BETWEEN = COLOURS[:2]
_NAME: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 13, "fontweight": "bold"}
_LINE = "#c9ced6"


def write_hypersphere(out: Path, *, seed: int = 0, epochs: int = EPOCHS) -> str:
    """Learn the digits under every head; leave ``hypersphere.png`` and ``angles.md`` in a folder.

    Args:
        out: the folder, made if need be.
        seed: of the network's weights and of which digits are learnt.
        epochs: that each head learns.

    Returns:
        The table of angles.

    Raises:
        TrainingError: scikit-learn, which the digits come with, is not installed.
        ReportError: the folder can't be written to.
    """
    digits = load_digits(seed)
    try:
        out.mkdir(parents=True, exist_ok=True)
        spheres = []
        for name in HEADS:
            log(f"{name}: learns {len(digits.learnt)} digits, shows {len(digits.shown)} others")
            spheres.append(train_sphere(name, digits, seed=seed, epochs=epochs))
        table = angles_table(spheres)
        draw_spheres(spheres, out / "hypersphere.png")
        (out / "angles.md").write_text(f"{table}\n", encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{out}: can't be written ({error.strerror or error})") from error
    return table


def angles_table(spheres: Sequence[Sphere]) -> str:
    """A Markdown table, a line a head: medians, and the outer twentieth, in degrees."""
    header = ["head", "to own class", "95 % below", "to nearest other", "95 % above"]
    rows = []
    for sphere in spheres:
        within, between = sphere.within_deg, sphere.between_deg
        figures = (
            np.median(within),
            np.percentile(within, 95),
            np.median(between),
            np.percentile(between, 5),
        )
        cells = [f"{figure:.1f}°" for figure in figures]
        rows.append([sphere.name, *cells, f"{sphere.right_share:.1%}"])
    return markdown_table([*header, "own is nearest"], rows)


def draw_spheres(spheres: Sequence[Sphere], path: Path) -> None:
    """Draw a column a head into a PNG file: front, back, and how often each angle occurs."""
    figure = Figure(figsize=(3.1 * len(spheres), 8.3), dpi=100, layout="constrained")
    axes = figure.subplots(3, len(spheres), height_ratios=[3, 3, 2], squeeze=False)
    highest = max(_densest(sphere) for sphere in spheres)
    for column, sphere in enumerate(spheres):
        turned = sphere.points @ _towards_viewer(sphere.points).T
        front, back, angles = axes[:, column]
        front.set_title(sphere.name, fontsize=12, color=INK)
        _draw_side(front, turned, sphere)
        _draw_side(back, turned * np.array([-1, 1, -1]), sphere)  # from behind
        _draw_angles(angles, sphere, highest=highest)
    for row, side in enumerate(("front", "back")):
        axes[row, 0].set_ylabel(side, fontsize=10, color=INK)
    axes[2, 0].set_ylabel("share of digits", fontsize=9, color=INK)
    axes[2, 0].legend(fontsize=8, frameon=False, loc="upper right")
    with replacing(path) as temporary:
        figure.savefig(temporary)


def _towards_viewer(points: Rows) -> Rows:
    """A rotation float32[3, 3] that brings the middle of all points to the front."""
    middle = points.mean(0)
    front = middle / max(float(np.linalg.norm(middle)), 1e-6)
    across = np.cross([0.0, 1.0, 0.0], front)
    across /= max(float(np.linalg.norm(across)), 1e-6)
    return np.stack([across, np.cross(front, across), front]).astype(np.float32)


def _draw_side(axis: Axes, points: Rows, sphere: Sphere) -> None:
    """Draw the half that faces the viewer, as it looks from far away."""
    _draw_globe(axis)
    seen = points[:, 2] >= 0
    for digit in range(CLASSES):
        of_class = sphere.labels == digit
        shown = points[of_class & seen]
        axis.scatter(
            shown[:, 0], shown[:, 1], s=7, color=_OF_CLASSES[digit], linewidths=0, alpha=0.75
        )
        middle = points[of_class].sum(0)
        if middle[2] >= 0:
            across, up = middle[:2] / np.linalg.norm(middle)
            outline = withStroke(linewidth=3, foreground="white")
            style = {"color": _OF_CLASSES[digit], "path_effects": [outline], **_NAME}
            axis.text(across, up, str(digit), **style)


def _draw_globe(axis: Axes) -> None:
    """Draw the outline, meridians and parallels, every 30 degrees."""
    turn = np.linspace(0, 2 * np.pi, 181)
    axis.plot(np.cos(turn), np.sin(turn), color=_LINE, linewidth=1.2)
    for angle in np.radians(range(-60, 90, 30)):
        sine, cosine = np.sin(angle), np.cos(angle)
        axis.plot(np.cos(turn) * cosine, np.full_like(turn, sine), color=_LINE, linewidth=0.5)
        axis.plot(np.cos(turn) * sine, np.sin(turn), color=_LINE, linewidth=0.5)
    axis.set_aspect("equal")
    axis.set_xlim(-1.06, 1.06)
    axis.set_ylim(-1.06, 1.06)
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


_BINS = np.arange(0, 184, 4)


def _densest(sphere: Sphere) -> float:
    counts = [np.histogram(a, _BINS)[0] for a in (sphere.within_deg, sphere.between_deg)]
    return float(np.max(counts)) / len(sphere.points)


def _draw_angles(axis: Axes, sphere: Sphere, *, highest: float) -> None:
    share = np.full(len(sphere.points), 1 / len(sphere.points))
    for angles, colour, label in (
        (sphere.within_deg, _WITHIN, "to their own class"),
        (sphere.between_deg, _BETWEEN, "to the nearest other"),
    ):
        axis.hist(angles, _BINS.tolist(), weights=share, color=colour, alpha=0.75, label=label)
    axis.set_xlim(0, 100)
    axis.set_ylim(0, 1.05 * highest)
    axis.set_xlabel("angle in degrees", fontsize=9, color=INK)
    axis.tick_params(labelsize=8, colors=INK)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)

"""Tubes to pixels: each is tabled as ellipses along its axis, as the camera sees them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .buffer import Buffer
from .noise import Floats, Mask
from .shapes import Tube, Vector, View, square_to, unit

_STEPS = 96  # a tube's sections are tabled this finely
_MAX_SLANT = 1.3  # tubes that point at the viewer are treated as leaning no more than this


def draw_tube(buffer: Buffer, view: View, tube: Tube, index: int) -> None:
    """Draw one tube into the buffer as part ``index``, where nothing is nearer."""
    placed = _place(tube, view)
    table = _tabulate(tube, placed)
    start, end = placed.start[:2], placed.start[:2] + placed.line[:2]
    reach = tube_reach(tube) * placed.scale
    window = buffer.window(np.minimum(start, end) - reach, np.maximum(start, end) + reach)
    dx, dy = buffer.offsets(window, placed.start)
    if dx.size == 0 or dy.size == 0:
        return
    across, on = placed.beside, placed.line / placed.flat
    d = dx * np.float32(across[0]) + dy * np.float32(across[1])
    surface = _meet(placed, table, d, dx * np.float32(on[0]) + dy * np.float32(on[1]))
    near = surface.along * np.float32(placed.axis[2]) + surface.h * np.float32(placed.before[2])
    near += np.float32(placed.start[2])
    shown = surface.met & (near > buffer.depth[window])
    if shown.any():
        d, h, row = d[shown], surface.h[shown], surface.row[shown]
        buffer.store(
            window,
            shown,
            near=near[shown],
            normal=_tube_normal(placed, table, d, h, row),
            spot=_tube_spot(placed, d, h, surface.along[shown]),
            part=index,
        )


def tube_reach(tube: Tube) -> float:
    """The largest half width, in metres."""
    return max(max(half_side, half_front) for _, half_side, half_front in tube.sections)


@dataclass(frozen=True)
class _Placed:
    """A tube's axis in camera space.

    Attributes:
        start: where it begins.
        line: from its start to its end.
        flat: the length it shows on the picture plane.
        scale: that things there have.
        axis: unit direction of the line.
        beside: unit direction across the line, in the picture plane.
        before: unit direction square to both, towards the viewer.
        side: unit direction that the tube's ``side`` counts in.
        front: unit direction that its ``front`` counts in.
    """

    start: Vector
    line: Vector
    flat: float
    scale: float
    axis: Vector
    beside: Vector
    before: Vector
    side: Vector
    front: Vector

    @property
    def length(self) -> float:
        return float(np.linalg.norm(self.line))


def _place(tube: Tube, view: View) -> _Placed:
    start, start_scale = view.project(tube.start)
    end, end_scale = view.project(tube.end)
    line = end - start
    flat = max(float(np.hypot(line[0], line[1])), 1e-3)
    axis = unit(line)
    beside = np.array([-line[1], line[0], 0.0]) / flat
    before = np.cross(axis, beside)
    side, front = square_to(axis, view.rotation @ tube.side, view.rotation @ tube.front)
    return _Placed(
        start=start,
        line=line,
        flat=flat,
        scale=(start_scale + end_scale) / 2,
        axis=axis,
        beside=beside,
        before=before if before[2] > 0 else -before,
        side=side,
        front=front,
    )


@dataclass(frozen=True)
class _Table:
    """A tube's sections seen from the camera, tabled from ``low`` to ``high`` metres of its axis.

    A section is the ellipse  across d² + 2 mixed d h + depth h² = 1  for a pixel d beside the axis
    and a surface h before it; ``slope`` is how fast it widens.
    """

    low: float
    high: float
    across: Floats
    mixed: Floats
    depth: Floats
    slope: Floats

    def row(self, along: Floats) -> npt.NDArray[np.intp]:
        step = (along - self.low) * ((_STEPS - 1) / (self.high - self.low))
        return np.asarray(np.clip(step, 0, _STEPS - 1), dtype=np.intp)


def _tabulate(tube: Tube, placed: _Placed) -> _Table:
    """Table a tube's sections, ends rounded where they should be."""
    share, half_side, half_front = np.array(tube.sections, dtype=np.float64).T
    length, scale = placed.length, placed.scale
    low = -min(half_side[0], half_front[0]) * scale if tube.round_start else 0.0
    high = length + (min(half_side[-1], half_front[-1]) * scale if tube.round_end else 0.0)
    along = np.linspace(low, high, _STEPS)
    over = np.where(along < 0, along / min(low, -1e-9), 0.0)
    over = np.where(along > length, (along - length) / max(high - length, 1e-9), over)
    shrink = np.sqrt(np.maximum(1.0 - over * over, 1e-4)) * scale
    a = _soften(np.interp(along / length, share, half_side)) * shrink
    b = _soften(np.interp(along / length, share, half_front)) * shrink
    side_d, side_h = placed.side @ placed.beside, placed.side @ placed.before
    front_d, front_h = placed.front @ placed.beside, placed.front @ placed.before
    return _Table(
        low=low,
        high=high,
        across=((side_d / a) ** 2 + (front_d / b) ** 2).astype(np.float32),
        mixed=(side_d * side_h / a**2 + front_d * front_h / b**2).astype(np.float32),
        depth=((side_h / a) ** 2 + (front_h / b) ** 2).astype(np.float32),
        slope=np.clip(np.gradient((a + b) / 2, along), -3, 3).astype(np.float32),
    )


def _soften(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Round the corners that straight interpolation leaves between sections."""
    return np.convolve(np.pad(values, 4, mode="edge"), np.ones(9) / 9, mode="valid")


@dataclass(frozen=True)
class _Surface:
    """Where pixels' rays meet a tube.

    Attributes:
        along: float32[h, w], metres along the axis.
        h: float32[h, w], metres before the axis.
        row: intp[h, w], of the table.
        met: bool[h, w], whether they meet it at all.
    """

    along: Floats
    h: Floats
    row: npt.NDArray[np.intp]
    met: Mask


def _meet(placed: _Placed, table: _Table, d: Floats, on_plane: Floats) -> _Surface:
    """Follow each pixel's ray to the surface.

    The ray meets the surface before the axis, so at another place along a leaning axis: the first
    pass finds how far before, the second looks there.
    """
    stretched = on_plane * np.float32(min(placed.length / placed.flat, 4.0))
    slant = np.float32(np.clip(placed.line[2] / placed.flat, -_MAX_SLANT, _MAX_SLANT))
    along = stretched
    for _ in range(2):
        row = table.row(along)
        mixed, depth = table.mixed[row], table.depth[row]
        under_root = (mixed * mixed - table.across[row] * depth) * d * d + depth
        h = (np.sqrt(np.maximum(under_root, 0)) - mixed * d) / depth
        along = stretched + slant * h
    met = (under_root > 0) & (along > table.low) & (along < table.high)
    return _Surface(along, h, row, met)


def _tube_normal(
    placed: _Placed, table: _Table, d: Floats, h: Floats, row: npt.NDArray[np.intp]
) -> Floats:
    """Unit normals, float32[3, n]: the section's gradient, leaning where the tube widens."""
    along_d = table.across[row] * d + table.mixed[row] * h
    along_h = table.mixed[row] * d + table.depth[row] * h
    steep = -np.hypot(along_d, along_h) * table.slope[row]
    frame = np.stack([placed.beside, placed.before, placed.axis]).astype(np.float32)
    normal = frame.T @ np.stack([along_d, along_h, steep])
    return np.asarray(normal / np.sqrt((normal * normal).sum(axis=0)), dtype=np.float32)


def _tube_spot(placed: _Placed, d: Floats, h: Floats, along: Floats) -> Floats:
    """Side, front and along of the surface, float32[3, n], in the body's metres."""
    turn = np.array(
        [
            [placed.side @ placed.beside, placed.side @ placed.before, 0.0],
            [placed.front @ placed.beside, placed.front @ placed.before, 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
    spot = (turn / placed.scale).astype(np.float32) @ np.stack([d, h, along])
    return np.asarray(spot, dtype=np.float32)

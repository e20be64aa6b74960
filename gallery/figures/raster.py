"""From solids to pixels: the nearest part at each pixel, and the room a figure takes."""

import numpy as np

from .buffer import Buffer
from .shapes import Ball, Part, Tube, View
from .tube import draw_tube, tube_reach


def draw(buffer: Buffer, view: View, parts: list[Part]) -> None:
    """Draw every part into the buffer; the nearest one stays."""
    for index, part in enumerate(parts):
        if isinstance(part, Tube):
            draw_tube(buffer, view, part, index)
        else:
            _draw_ball(buffer, view, part, index)


def bounds(view: View, parts: list[Part]) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of the figure on the picture plane, in metres."""
    corners = []
    for part in parts:
        if isinstance(part, Tube):
            reach, points = 0.7 * tube_reach(part), [part.start, part.end]
        else:
            reach, points = max(part.radii), [part.centre]
        for point in points:
            placed, scale = view.project(point)
            corners += [placed[:2] - reach * scale, placed[:2] + reach * scale]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _draw_ball(buffer: Buffer, view: View, ball: Ball, index: int) -> None:
    centre, scale = view.project(ball.centre)
    axes = ball.axes @ view.rotation.T
    radii = np.array(ball.radii) * scale
    q = ((axes.T / radii**2) @ axes).astype(np.float32)
    window = buffer.window(centre[:2] - radii.max(), centre[:2] + radii.max())
    dx, dy = buffer.offsets(window, centre)
    if dx.size == 0 or dy.size == 0:
        return
    linear = q[0, 2] * dx + q[1, 2] * dy
    constant = q[0, 0] * dx * dx + 2 * q[0, 1] * dx * dy + q[1, 1] * dy * dy - 1
    under_root = linear * linear - q[2, 2] * constant
    h = (np.sqrt(np.maximum(under_root, 0)) - linear) / q[2, 2]
    near = np.float32(centre[2]) + h
    shown = (under_root > 0) & (near > buffer.depth[window])
    if shown.any():
        shape = shown.shape
        d = (np.broadcast_to(dx, shape)[shown], np.broadcast_to(dy, shape)[shown])
        point = np.stack([*d, h[shown]])
        normal = q @ point
        side, up, front = (axes.astype(np.float32) @ point) / np.float32(scale)
        buffer.store(
            window,
            shown,
            near=near[shown],
            normal=normal / np.sqrt((normal * normal).sum(axis=0)),
            spot=np.stack([side, front, up]),
            part=index,
        )

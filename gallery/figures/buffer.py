"""What shows at each pixel: the nearest part, and how its surface lies there."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .noise import Floats, Mask
from .shapes import Spots, Vector


@dataclass(frozen=True)
class Plane:
    """The pixels of a picture, on a plane through the person.

    Attributes:
        x: float32[w], metres right of the point looked at, one for each column.
        y: float32[h], metres above it, falling, one for each row.
    """

    x: Floats
    y: Floats

    @property
    def pixel_m(self) -> float:
        """Side of a pixel."""
        return float(self.x[1] - self.x[0])


@dataclass(frozen=True)
class Buffer:
    """What is nearest at each pixel of a picture plane.

    Attributes:
        plane: where the pixels are.
        part: int16[h, w], index of the part in sight, -1 for none.
        depth: float32[h, w], metres towards the viewer.
        normal: float32[3, h, w] in camera space.
        spot: float32[3, h, w]: side, front, along.
    """

    plane: Plane
    part: npt.NDArray[np.int16]
    depth: Floats
    normal: Floats
    spot: Floats

    @classmethod
    def over(cls, plane: Plane) -> "Buffer":
        """An empty buffer."""
        shape = (len(plane.y), len(plane.x))
        return cls(
            plane=plane,
            part=np.full(shape, -1, dtype=np.int16),
            depth=np.full(shape, -1e6, dtype=np.float32),
            normal=np.zeros((3, *shape), dtype=np.float32),
            spot=np.zeros((3, *shape), dtype=np.float32),
        )

    def spots(self, mask: Mask) -> Spots:
        """The surface points at the pixels of ``mask``, in row order."""
        side, front, along = self.spot[:, mask]
        return Spots(side=side, front=front, along=along)

    def window(
        self, low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]
    ) -> tuple[slice, slice]:
        """Rows and columns of the pixels between two corners; either may be empty."""
        return _between(self.plane.y, low[1], high[1]), _between(self.plane.x, low[0], high[0])

    def offsets(self, window: tuple[slice, slice], point: Vector) -> tuple[Floats, Floats]:
        """From a point to the window's columns, float32[1, w], and rows, float32[h, 1]."""
        rows, columns = window
        dx = self.plane.x[None, columns] - np.float32(point[0])
        dy = self.plane.y[rows, None] - np.float32(point[1])
        return dx, dy

    def store(
        self,
        window: tuple[slice, slice],
        shown: Mask,
        *,
        near: Floats,
        normal: Floats,
        spot: Floats,
        part: int,
    ) -> None:
        """Put a part's pixels in.

        Args:
            window: as from `window`.
            shown: bool over the window, the pixels to put in.
            near: float32[n], their depth.
            normal: float32[3, n].
            spot: float32[3, n].
            part: the part's index.
        """
        rows, columns = window
        self.part[rows, columns][shown] = part
        self.depth[rows, columns][shown] = near
        self.normal[:, rows, columns][:, shown] = normal
        self.spot[:, rows, columns][:, shown] = spot


def _between(values: Floats, low: float, high: float) -> slice:
    inside = np.flatnonzero((values >= low) & (values <= high))
    return slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0)

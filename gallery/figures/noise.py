"""Seeded random numbers and smooth random textures: folds in cloth, stains on ground, leaves."""

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
"""float32 of any shape; the docstrings say which."""

Mask = npt.NDArray[np.bool_]
"""bool of any shape."""

_WRAP = 3  # cells repeated around the grid, so that the cubic filter sees across the seam


def stream(*keys: int) -> np.random.Generator:
    """Random numbers that depend on every key and on nothing else.

    Args:
        keys: non-negative integers; by convention the first tells what is drawn.
    """
    return np.random.default_rng(np.random.SeedSequence(keys))


def smooth_noise(rng: np.random.Generator, *, size: int, cells: tuple[int, int]) -> Floats:
    """Periodic noise of mean 0 and standard deviation 1.

    Args:
        rng: the source; one grid is drawn from it.
        size: pixels of a side of the result.
        cells: bumps along the rows' and the columns' direction; more is finer.

    Returns:
        float32[size, size] that repeats seamlessly in both directions.
    """
    rows, columns = cells
    grid = rng.standard_normal((rows, columns)).astype(np.float32)
    wide = np.pad(grid, _WRAP, mode="wrap")
    box = (_WRAP, _WRAP, _WRAP + columns, _WRAP + rows)
    picture = Image.fromarray(wide).resize((size, size), Image.Resampling.BICUBIC, box=box)
    values = np.asarray(picture, dtype=np.float32)
    values = values - values.mean()
    return np.asarray(values / max(float(values.std()), 1e-6), dtype=np.float32)


def rough_noise(rng: np.random.Generator, *, size: int, cells: int, octaves: int) -> Floats:
    """Sum of ever finer `smooth_noise`, each half as strong: clouds, concrete, foliage.

    Returns:
        float32[size, size], periodic, mean 0 and standard deviation 1.
    """
    total = np.zeros((size, size), dtype=np.float32)
    for octave in range(octaves):
        finer = min(size, cells * 2**octave)
        total += smooth_noise(rng, size=size, cells=(finer, finer)) * 0.5**octave
    return total / max(float(total.std()), 1e-6)

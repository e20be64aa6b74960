"""Vectors that lie as people's do: some sightings close to each person, persons far apart."""

import numpy as np


def people(persons, each, dim, *, spread=0.6, seed=0):
    """float32[persons * each, dim] unit rows, one person's together; ``spread`` 0 is no spread."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(persons, 1, dim)) / np.sqrt(dim)
    rows = centres + spread * random.normal(size=(persons, each, dim)) / np.sqrt(dim)
    rows = rows.reshape(-1, dim)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

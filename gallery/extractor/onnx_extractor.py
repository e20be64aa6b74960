"""The extractor: an ONNX file that turns crops into embeddings, on the CPU by default."""

import os
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..counted import counted
from ..errors import ModelError, first_line
from ..pictures.fit import fit
from ..pictures.read import Crop
from .contract import (
    INPUT,
    OUTPUT,
    Embeddings,
    check_crop,
    check_embeddings,
    check_fitted,
    output_dim,
)
from .hashing import hash_file
from .session import CPU, open_session
from .spec import METADATA_KEY, ModelSpec

BATCH_SIZE = 16
"""Pictures embedded at a time: larger batches are no faster on a CPU, and need more memory."""


class Extractor:
    """One model, loaded; make it with `Extractor.load`. Threads may share it.

    Attributes:
        path: where it was loaded from.
        spec: what it says of itself.
        sha256: of the file, hex: the model's identity.
        dim: length of an embedding.
    """

    def __init__(self, path: Path, spec: ModelSpec, sha256: str, session: Any) -> None:
        self.path, self.spec, self.sha256, self._session = path, spec, sha256, session
        self.dim = spec.dim

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        threads: int | None = None,
        providers: Sequence[str] = (CPU,),
    ) -> "Extractor":
        """Load a model file and check that it keeps the contract (see `contract`).

        Args:
            path: the ONNX file.
            threads: that one picture's computation may use; by default one a core.
            providers: ONNX Runtime's execution providers, best first.

        Raises:
            ModelError: the file is missing, not ONNX, or not of the contract.
        """
        path = Path(path)
        sha256, session = _open(path, threads, providers)
        text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise ModelError(
                f"{path}: an ONNX file without {METADATA_KEY} in its metadata, so nothing is known "
                "of it; export or adopt the model with this program"
            )
        try:
            spec = ModelSpec.from_json(text)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
        dim = output_dim(session.get_inputs(), session.get_outputs(), where=str(path))
        if dim != spec.dim:
            raise ModelError(f"{path}: says {spec.dim} dimensions and gives {dim}; export it again")
        return cls(path, spec, sha256, session)

    def embed(self, crops: Iterable[Crop], *, batch_size: int = BATCH_SIZE) -> Embeddings:
        """Fit and embed crops of any size, read from the iterable as they are needed.

        Args:
            crops: uint8[h, w, 3] RGB each; not changed.
            batch_size: at a time.

        Returns:
            float32[n, d] unit rows, in the order of the crops.

        Raises:
            PictureError: one is not uint8[h, w, 3].
            ModelError: the model gave something other than unit rows.
        """
        numbered = enumerate(crops)
        rows = []
        while batch := list(islice(numbered, _positive(batch_size))):
            for number, crop in batch:
                check_crop(crop, number)
            rows.append(self._run(np.stack([fit(crop) for _, crop in batch])))
        return np.concatenate(rows) if rows else self._no_rows()

    def embed_fitted(
        self,
        pictures: npt.NDArray[np.uint8] | Sequence[Crop],
        *,
        batch_size: int = BATCH_SIZE,
    ) -> Embeddings:
        """Embed pictures that `fit` has made.

        Args:
            pictures: uint8[n, 256, 128, 3] RGB, or as many arrays; not changed.
            batch_size: at a time.

        Returns:
            float32[n, d] unit rows, in the order of the pictures.

        Raises:
            PictureError: they are not of that shape and type.
            ModelError: the model gave something other than unit rows.
        """
        if len(pictures) == 0:
            return self._no_rows()
        starts = range(0, len(pictures), _positive(batch_size))
        batches = (np.asarray(pictures[start : start + batch_size]) for start in starts)
        return np.concatenate([self._run(batch) for batch in batches])

    def __repr__(self) -> str:
        return f"Extractor({self.spec.name!r}, dim={self.dim}, sha256={self.sha256[:12]}...)"

    def _run(self, pictures: npt.NDArray[np.uint8]) -> Embeddings:
        check_fitted(pictures)
        try:
            embeddings: Embeddings = self._session.run([OUTPUT], {INPUT: pictures})[0]
        except Exception as error:  # its errors share no base below Exception
            raise ModelError(
                f"{self.path}: fails on {counted(len(pictures), 'picture')} ({first_line(error)})"
            ) from error
        check_embeddings(embeddings, rows=len(pictures), dim=self.dim, where=str(self.path))
        return embeddings

    def _no_rows(self) -> Embeddings:
        return np.empty((0, self.dim), dtype=np.float32)


def _positive(batch_size: int) -> int:
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    return batch_size


def _open(path: Path, threads: int | None, providers: Sequence[str]) -> tuple[str, Any]:
    """Hash and load the file, which ONNX Runtime reads itself (a fifth faster than from bytes)."""
    try:
        if not path.is_file():
            raise ModelError(f"{path}: no such model file; name an ONNX file")
        with path.open("rb") as file:
            digest = hash_file(file)
            session = open_session(path, threads, providers, sha256=digest)
            if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise ModelError(f"{path}: was replaced while it was being loaded; try again")
    except OSError as error:
        raise ModelError(f"{path}: can't be read ({error.strerror or error})") from error
    return digest, session

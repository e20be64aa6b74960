"""Embed pictures with an OpenVINO person re-identification model and save the vectors.

The vectors of a permitted teacher, computed once, are what ``reid-gallery train --teacher`` reads:

    python benchmarks/openvino_embeddings.py MODEL.xml OUT.npz DIR [DIR ...]

Pictures are stretched to the model's size, which is what Open Model Zoo's were trained on. Needs
``pip install openvino``; nothing else in the project does.
"""

import argparse
from pathlib import Path

import numpy as np
from openvino_model import OpenVinoModel, Vectors
from stretched import read_stretched

SUFFIXES = {".jpg", ".jpeg", ".png"}


def embed_folder(model: Path, folders: list[Path], *, flips: bool) -> tuple[list[str], Vectors]:
    """Return the paths below ``folders`` and ``float32[n, d]`` unit rows, flips averaged."""
    extractor = OpenVinoModel(model)
    paths = sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in SUFFIXES)
    rows = []
    for pictures in read_stretched(paths):
        vectors = extractor.embed_fitted(pictures)
        if flips:
            vectors += extractor.embed_fitted(np.ascontiguousarray(pictures[:, :, ::-1]))
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        rows.append(vectors)
    return [str(p.resolve()) for p in paths], np.concatenate(rows)


def main() -> None:
    """Parse the command line, embed, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--no-flips", dest="flips", action="store_false")
    arguments = parser.parse_args()
    paths, vectors = embed_folder(arguments.model, arguments.folders, flips=arguments.flips)
    np.savez(arguments.out, paths=np.asarray(paths), embeddings=vectors)
    print(f"{len(paths)} pictures, {vectors.shape[1]} dimensions -> {arguments.out}")


if __name__ == "__main__":
    main()

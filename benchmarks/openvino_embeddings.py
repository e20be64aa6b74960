"""Embed pictures with an OpenVINO person re-identification model and save the vectors.

The vectors of a permitted teacher, computed once, are what ``reid-gallery train --teacher`` reads:

    python benchmarks/openvino_embeddings.py MODEL.xml OUT.npz DIR [DIR ...]

The Open Model Zoo models 0277 and 0288 take float BGR 0..255 of 256x128 without mean or std
(their model cards); a picture is stretched to that size, which is what they were trained on.
Needs ``pip install openvino``; nothing else in the project does.
"""

import argparse
from pathlib import Path

import numpy as np
import openvino
from PIL import Image

SUFFIXES = {".jpg", ".jpeg", ".png"}


def embed_folder(model: str, folders: list[Path], *, flips: bool) -> tuple[list[str], np.ndarray]:
    """Return the paths below ``folders`` and ``float32[n, d]`` unit rows, flips averaged."""
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
    paths = sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in SUFFIXES)
    rows: list[np.ndarray | None] = [None] * (len(paths) * (2 if flips else 1))

    def done(request: openvino.InferRequest, row: int) -> None:
        rows[row] = request.get_output_tensor().data.reshape(-1).copy()

    queue = openvino.AsyncInferQueue(compiled)
    queue.set_callback(done)
    for number, path in enumerate(paths):
        with Image.open(path) as opened:
            picture = opened.convert("RGB").resize((128, 256), Image.Resampling.BILINEAR)
        chw = np.asarray(picture)[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32)
        queue.start_async({0: chw}, number)
        if flips:
            queue.start_async({0: np.ascontiguousarray(chw[..., ::-1])}, len(paths) + number)
    queue.wait_all()
    vectors = np.stack([row for row in rows if row is not None])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if flips:
        vectors = vectors[: len(paths)] + vectors[len(paths) :]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [str(p.resolve()) for p in paths], vectors.astype(np.float32)


def main() -> None:
    """Parse the command line, embed, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--no-flips", dest="flips", action="store_false")
    arguments = parser.parse_args()
    paths, vectors = embed_folder(arguments.model, arguments.folders, flips=arguments.flips)
    np.savez(arguments.out, paths=np.asarray(paths), embeddings=vectors)
    print(f"{len(paths)} pictures, {vectors.shape[1]} dimensions -> {arguments.out}")


if __name__ == "__main__":
    main()

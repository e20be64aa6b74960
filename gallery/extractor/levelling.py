"""A model that tells cameras apart less: what sets their mean embeddings apart is taken out.

Averaged over many people, embeddings of one camera keep what isn't anybody's: its light, colours
and angle. The differences between cameras' means span a few directions; an embedding without its
part along them says less of where a picture was taken, and as much of whom it shows. This is
nuisance attribute projection (Solomonoff, Campbell and Boardman 2005, "Advances in channel
compensation for SVM speaker recognition", eq. 6), with the directions of means alone: no label of a
person is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ModelError
from .contract import OUTPUT, Embeddings
from .deriving import derive, make_node, make_unit, rename
from .onnx_extractor import Extractor
from .spec import ModelSpec

if TYPE_CHECKING:
    import onnx

LEAST_PICTURES = 25
"""Of a camera: the mean of fewer says more of the people who happen to be in them."""

DIRECTIONS = "directions"
"""How the constant's name ends that holds them in a levelled file."""

_OURS = "levelled/"
"""Before every name that is added; again for each time that a model is levelled."""

MOST_DIRECTIONS = 16
"""Those in which means differ most, and never more than half of an embedding's dimensions. What
tells people apart goes with them, too: 20 directions of made-up cameras cost two points of mAP."""

_NOTHING = 1e-4
"""Of the largest difference between means: what is smaller is rounding."""

_ALIKE = 1e-6
"""How far means lie apart that are equal but for rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Cameras:
    """What sets cameras apart.

    Attributes:
        directions: float32[m, d], unit rows at right angles, the strongest first; one less than
            cameras, and `MOST_DIRECTIONS`, at most.
        count: of cameras.
        pictures: how many their means are of, all together.
        too_few: names of the cameras that don't count, for they have too few pictures.
    """

    directions: Embeddings
    count: int
    pictures: int
    too_few: tuple[str, ...] = ()


def find_directions(embeddings: Embeddings, cameras: Sequence[str | None]) -> Cameras:
    """Find the directions between cameras' mean embeddings.

    Args:
        embeddings: float32[n, d] unit rows.
        cameras: n names, or None where it isn't known: such a picture doesn't count, nor does one
            of a camera with less than `LEAST_PICTURES`.

    Raises:
        ModelError: fewer than two cameras are left, or their means are the same.
    """
    of = np.array([camera or "" for camera in cameras])
    names, counts = np.unique(of, return_counts=True)
    kept = (names != "") & (counts >= LEAST_PICTURES)
    if kept.sum() < 2:
        by_camera = zip(names.tolist(), counts.tolist(), strict=True)
        few = ", ".join(f"{name!r} {count:,}" for name, count in by_camera if name) or "none"
        raise ModelError(
            f"levelling takes two cameras with {LEAST_PICTURES} pictures each at the least; "
            f"pictures by camera: {few}"
        )
    means = np.stack([embeddings[of == name].mean(0, dtype=np.float64) for name in names[kept]])
    _, sizes, rows = np.linalg.svd(means - means.mean(0), full_matrices=False)
    if sizes[0] < _ALIKE:
        raise ModelError("nothing sets these cameras apart: their pictures are alike on average")
    most = min(MOST_DIRECTIONS, embeddings.shape[1] // 2)
    directions: Embeddings = rows[sizes > _NOTHING * sizes[0]][:most].astype(np.float32)
    too_few = names[(names != "") & ~kept].tolist()
    return Cameras(directions, int(kept.sum()), int(counts[kept].sum()), tuple(too_few))


def without(embeddings: Embeddings, directions: Embeddings) -> Embeddings:
    """Return float32[n, d] unit rows without their part along float32[m, d] directions."""
    rest = embeddings - (embeddings @ directions.T) @ directions
    lengths = np.linalg.norm(rest, axis=1, keepdims=True)
    rows: Embeddings = rest / np.maximum(lengths, np.finfo(np.float32).tiny)
    return rows


def level(extractor: Extractor, cameras: Cameras, out: Path, *, name: str = "") -> ModelSpec:
    """Write a model whose embedding has no part along what sets cameras apart.

    Args:
        extractor: whose file is to be levelled; it is not changed. A levelled one can be, again.
        cameras: as `find_directions` finds them in this model's embeddings.
        out: the file to write; there must be none yet.
        name: of the new model; by default the old one's and "-levelled".

    Returns:
        What the new file says of itself: no figures and no calibration, since those are of other
        scores.

    Raises:
        ModelError: the new file can't be made; nothing is written.
    """
    spec = extractor.spec
    earlier = spec.training.get("levelled", [])
    note = {
        "of": spec.name,
        "sha256": extractor.sha256,
        "cameras": cameras.count,
        "pictures": cameras.pictures,
    }
    return derive(
        extractor,
        out,
        name=name or f"{spec.name}-levelled",
        training={"levelled": [*earlier, note]},
        doing="levelling",
        change=partial(_take_out, directions=cameras.directions, prefix=_OURS * (len(earlier) + 1)),
        wanted=lambda pictures: without(extractor.embed_fitted(pictures), cameras.directions),
    )


def _take_out(model: "onnx.ModelProto", *, directions: Embeddings, prefix: str) -> None:
    """Put `without` behind the graph, of operators that mean the same in every opset."""
    from onnx import numpy_helper  # noqa: PLC0415 (of the training extra)

    embedded, along, part, rest = (
        f"{prefix}{name}" for name in ("embeddings", "along", "part", "rest")
    )
    rows, columns = f"{prefix}{DIRECTIONS}", f"{prefix}transposed"
    rename(model, {OUTPUT: embedded})
    model.graph.node.extend(
        [
            make_node(prefix, "MatMul", [embedded, columns], along),
            make_node(prefix, "MatMul", [along, rows], part),
            make_node(prefix, "Sub", [embedded, part], rest),
            make_unit(prefix, rest),
        ]
    )
    transposed = np.ascontiguousarray(directions.T)
    model.graph.initializer.append(numpy_helper.from_array(directions, rows))
    model.graph.initializer.append(numpy_helper.from_array(transposed, columns))

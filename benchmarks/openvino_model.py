"""An OpenVINO person re-identification model, run as this program runs its own models.

The Open Model Zoo models 0277 and 0288 take BGR 0..255 of 256x128 without mean or std (their model
cards), and were trained on pictures stretched to that size (`stretched.read_stretched`). Needs
``pip install openvino``; nothing else in the project does.
"""

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino
from openvino.preprocess import ColorFormat, PrePostProcessor
from reid_gallery.gallery.pictures.read import Crop

Vectors = npt.NDArray[np.float32]


class OpenVinoModel:
    """One model file with the contract of `Extractor.embed_fitted`.

    Attributes:
        path: the ``.xml`` file; its weights are the ``.bin`` file beside it.
        precision: ``f32`` or ``bf16``: what it computes in.
        sha256: of both files, hex.
        dim: length of an embedding.
        megabytes: of both files, 10^6.
    """

    def __init__(self, path: Path, *, precision: str | None = None) -> None:
        """Read a model; without a precision, it is what OpenVINO chooses on this processor."""
        self.path = path
        content = path.read_bytes() + path.with_suffix(".bin").read_bytes()
        self.sha256, self.megabytes = sha256(content).hexdigest(), len(content) / 1e6
        self._core = openvino.Core()
        self._model = _take_rgb_bytes(self._core.read_model(path))
        self._asked = {} if precision is None else {"INFERENCE_PRECISION_HINT": precision}
        self.dim = int(self._model.output(0).shape[1])

    @property
    def precision(self) -> str:
        """What it computes in."""
        return str(self._latency.get_property("INFERENCE_PRECISION_HINT").to_string())

    def embed_fitted(self, pictures: Sequence[Crop], *, batch_size: int = 64) -> Vectors:
        """Embed pictures of 256x128.

        Args:
            pictures: uint8[n, 256, 128, 3] RGB, or as many arrays; not changed.
            batch_size: 1 runs one after the other, each on all cores; with more, as many as
                OpenVINO finds best run side by side, which serves a batch best on a CPU.

        Returns:
            float32[n, d] unit rows, in the order of the pictures.
        """
        rows = self._one_by_one(pictures) if batch_size == 1 else self._side_by_side(pictures)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def _one_by_one(self, pictures: Sequence[Crop]) -> Vectors:
        rows = np.empty((len(pictures), self.dim), np.float32)
        for row, picture in enumerate(pictures):
            rows[row] = self._request.infer([picture[None]])[0].reshape(-1)
        return rows

    def _side_by_side(self, pictures: Sequence[Crop]) -> Vectors:
        rows = np.empty((len(pictures), self.dim), np.float32)

        def keep(request: openvino.InferRequest, row: int) -> None:
            rows[row] = request.get_output_tensor().data.reshape(-1)

        self._queue.set_callback(keep)
        for row, picture in enumerate(pictures):
            self._queue.start_async([picture[None]], row)
        self._queue.wait_all()
        return rows

    @cached_property
    def _latency(self) -> openvino.CompiledModel:
        return self._compile("LATENCY")

    @cached_property
    def _request(self) -> openvino.InferRequest:
        return self._latency.create_infer_request()

    @cached_property
    def _queue(self) -> openvino.AsyncInferQueue:
        return openvino.AsyncInferQueue(self._compile("THROUGHPUT"))

    def _compile(self, hint: str) -> openvino.CompiledModel:
        properties = {"PERFORMANCE_HINT": hint, **self._asked}
        return self._core.compile_model(self._model, "CPU", properties)


def _take_rgb_bytes(model: openvino.Model) -> openvino.Model:
    """Let the graph itself convert uint8[1, 256, 128, 3] RGB, as those of our models do."""
    steps = PrePostProcessor(model)
    tensor = steps.input().tensor()
    tensor.set_element_type(openvino.Type.u8)
    tensor.set_layout(openvino.Layout("NHWC"))
    tensor.set_color_format(ColorFormat.RGB)
    steps.input().preprocess().convert_element_type(openvino.Type.f32)
    steps.input().preprocess().convert_color(ColorFormat.BGR)
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    return steps.build()

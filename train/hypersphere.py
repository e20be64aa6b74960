"""What a margin does, on a sphere that can be seen: digits embedded in three dimensions.

The same small network learns the handwritten digits of scikit-learn under each head; the angles of
digits that it was not trained on tell how closely a class lies together and how far from others.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..gallery.errors import TrainingError
from .heads import AdaCosHead, ArcFaceHead, Head, SoftmaxHead, head_loss
from .schedule import learning_rate_at, margin_at

Rows = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

CLASSES = 10
SCALE, MARGIN_RAD = 20.0, 0.8
"""ArcFace's. The margin is larger than in training for people, so that one sees it at once."""

EPOCHS = 60
_BATCH = 64
_LEARNING_RATE = 5e-3

HEADS: dict[str, Callable[[], Head]] = {
    "softmax": lambda: SoftmaxHead(3, CLASSES),
    "ArcFace, margin 0": lambda: ArcFaceHead(3, CLASSES, scale=SCALE, margin_rad=0.0),
    f"ArcFace, margin {MARGIN_RAD}": lambda: ArcFaceHead(
        3, CLASSES, scale=SCALE, margin_rad=MARGIN_RAD
    ),
    "AdaCos": lambda: AdaCosHead(3, CLASSES),
}


@dataclass(frozen=True, slots=True)
class Digits:
    """Pictures float32[n, 1, 8, 8] in [0, 1] and their digits: half to learn, half to be shown."""

    learnt: Tensor
    learnt_labels: Tensor
    shown: Tensor
    shown_labels: Tensor


@dataclass(frozen=True, slots=True)
class Sphere:
    """Where a head has put the digits that it was not trained on.

    Attributes:
        name: of the head.
        points: float32[n, 3] unit rows.
        labels: int64[n], the digits.
        within_deg: float32[n], from each point to the middle of its class.
        between_deg: float32[n], from each point to the nearest middle of another class.
    """

    name: str
    points: Rows
    labels: Labels
    within_deg: Rows
    between_deg: Rows

    @property
    def right_share(self) -> float:
        """Of the points, those that are nearest to the middle of their own class."""
        return float((self.within_deg < self.between_deg).mean())


def load_digits(seed: int) -> Digits:
    """Read scikit-learn's handwritten digits (1797 of 8x8 pixels) and part them at random.

    Raises:
        TrainingError: scikit-learn is not installed.
    """
    try:
        from sklearn import datasets  # noqa: PLC0415 (nothing else needs it)
    except ImportError as error:
        raise TrainingError(
            "the digits come with scikit-learn; pip install 'reid-gallery[train]'"
        ) from error
    data = datasets.load_digits()
    pictures = torch.from_numpy(data.images.astype(np.float32) / 16)[:, None]
    labels = torch.from_numpy(data.target.astype(np.int64))
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    return Digits(pictures[first], labels[first], pictures[second], labels[second])


def train_sphere(name: str, digits: Digits, *, seed: int, epochs: int = EPOCHS) -> Sphere:
    """Learn the digits under the head called ``name`` and embed those that were kept back.

    The margin grows over the first third. AdaCos's scale is fixed for as long: with ten classes in
    three dimensions an untrained embedding is always near a wrong prototype, and a scale that
    follows it grows without end.
    """
    torch.manual_seed(seed)
    network, head = _build_network(), HEADS[name]()
    optimizer = torch.optim.AdamW([*network.parameters(), *head.parameters()], weight_decay=5e-4)
    margin_rad = head.margin_rad if isinstance(head, ArcFaceHead) else 0.0
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(epoch, of=epochs, warmup=1, peak=_LEARNING_RATE)
        if isinstance(head, ArcFaceHead):
            head.margin_rad = margin_at(epoch, warmup_epochs=epochs / 3, margin_rad=margin_rad)
        if isinstance(head, AdaCosHead):
            head.dynamic = epoch >= epochs / 3
        order = torch.randperm(len(digits.learnt))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            loss = head_loss(head, network(digits.learnt[batch]), digits.learnt_labels[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    network.eval()
    with torch.inference_mode():
        points = functional.normalize(network(digits.shown)).numpy()
    return measure(name, points, digits.shown_labels.numpy())


def measure(name: str, points: Rows, labels: Labels) -> Sphere:
    """Measure the angles of float32[n, 3] unit rows; every class must have a point."""
    sums = np.stack([points[labels == digit].sum(0) for digit in range(CLASSES)])
    middles = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    angles = np.degrees(np.arccos(np.clip(points @ middles.T, -1, 1)))
    rows = np.arange(len(points))
    within = angles[rows, labels]
    angles[rows, labels] = np.inf
    return Sphere(name, points, labels, within, angles.min(1))


def _build_network() -> nn.Module:
    """Two convolutions and a layer to three dimensions, about 20 000 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 16, 32, bias=False),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 3, bias=False),
    )

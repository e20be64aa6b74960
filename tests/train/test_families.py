"""Every family of backbones learns from one batch and is exported: torch and the file agree.

A small member of each family is in the default run, the others behind ``-m families``, since an
export takes seconds for each.
"""

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from reid_gallery.gallery.pictures.fit import HEIGHT, WIDTH
from reid_gallery.train.config import LossConfig, ModelConfig, Phase
from reid_gallery.train.export import ServedModel, build_graph, noise_pictures
from reid_gallery.train.model import EmbeddingModel
from reid_gallery.train.objective import Objective
from timm.models.swin_transformer import _create_swin_transformer

LABELS = torch.tensor([0, 0, 1, 1])


@timm.models.register_model
def swin_for_tests(pretrained=False, **options):
    """Swin with a block or two a stage: timm has none that small."""
    small = {"embed_dim": 16, "depths": (1, 1, 2, 1), "num_heads": (1, 2, 4, 8), "window_size": 7}
    return _create_swin_transformer("swin_tiny_patch4_window7_224", pretrained, **small, **options)


SMALL = ["test_efficientnet", "test_resnet", "test_convnext", "test_vit", "swin_for_tests"]
MOBILE = ["mobilenetv4_conv_small_050"]
LARGE = [
    *(f"efficientnet_b{number}" for number in range(5)),
    *(f"tf_efficientnet_lite{number}" for number in range(3)),
    "resnet50",
    "mobilenetv4_conv_medium",
    "convnext_tiny",
    "swin_tiny_patch4_window7_224",
    "vit_small_patch16_224",
    "vit_small_patch14_reg4_dinov2",  # patches that no size of ours is a multiple of
]


def learn_and_export(name: str, height: int, width: int) -> None:
    torch.manual_seed(0)
    transformer = name.startswith(("swin", "vit", "test_vit"))
    settings = {"init": "none", "embedding_size": 8, "last_stride_1": not transformer}
    pooling = "average" if transformer or "convnext" in name else "gem"
    model = EmbeddingModel(ModelConfig(backbone=name, pooling=pooling, **settings))
    objective = Objective(LossConfig(), dim=8, classes=3, teacher_dim=None)
    optimizer = torch.optim.SGD([*model.parameters(), *objective.parameters()], lr=1e-3)

    pictures = np.stack(noise_pictures(4))[:, :: HEIGHT // height, :: WIDTH // width]
    before = {key: p.detach().clone() for key, p in model.named_parameters() if p.requires_grad}
    total, _ = objective(*model(torch.from_numpy(pictures)), LABELS, None)
    total.backward()
    assert torch.isfinite(total)
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    optimizer.step()
    moved = {key for key, p in model.named_parameters() if not torch.equal(p, before.get(key, p))}
    # From the first layer to the last; a ResNet's inner ones wait for norms that start at zero.
    assert moved >= {next(iter(before)), "projection.weight"}

    served = ServedModel(model, Phase(epochs=1, height=height, width=width)).eval()
    session = onnxruntime.InferenceSession(build_graph(served).SerializeToString())
    for count in (1, 3):
        fitted = np.stack(noise_pictures(3))[:count]
        with torch.inference_mode():
            wanted = served(torch.from_numpy(fitted)).numpy()
        given = session.run(None, {"pictures": fitted})[0]
        assert given.shape == (count, 8)
        assert (given * wanted).sum(1).min() > 0.9999


@pytest.mark.parametrize("name", SMALL + MOBILE)
def test_a_small_member_of_the_family(name):
    learn_and_export(name, 64, 32)


@pytest.mark.families
@pytest.mark.parametrize("name", LARGE)
def test_a_member_as_it_is_used(name):
    learn_and_export(name, 128, 64)


@pytest.mark.families
@pytest.mark.parametrize("name", [*SMALL, *MOBILE])
def test_the_full_size(name):
    learn_and_export(name, 256, 128)

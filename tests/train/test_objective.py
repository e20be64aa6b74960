import numpy as np
import pytest
import torch
from reid_gallery.gallery.errors import ConfigError
from reid_gallery.train.config import LossConfig
from reid_gallery.train.heads import head_loss
from reid_gallery.train.losses import batch_hard_triplet, teacher_cosine, teacher_similarity
from reid_gallery.train.objective import Objective

LABELS = torch.tensor([0, 0, 1, 1, 3])
NOTHING = dict.fromkeys(
    ("head_weight", "triplet_weight", "teacher_cosine_weight", "teacher_similarity_weight"), 0.0
)


def numbers(*shape: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


PROJECTED, NECKED, TEACHER = numbers(5, 4, seed=0), numbers(5, 4, seed=1), numbers(5, 3, seed=2)


def build(teacher_dim: int | None = 3, **settings) -> Objective:
    torch.manual_seed(0)
    return Objective(LossConfig(**settings), dim=4, classes=6, teacher_dim=teacher_dim)


def test_the_sum_is_of_the_weighted_parts():
    objective = build(
        head="arcface",
        head_weight=0.5,
        triplet_weight=2.0,
        teacher_cosine_weight=3.0,
        teacher_similarity_weight=4.0,
    )
    total, parts = objective(PROJECTED, NECKED, LABELS, TEACHER)
    wanted = {
        "head": head_loss(objective.head, NECKED, LABELS),
        "triplet": batch_hard_triplet(PROJECTED, LABELS),
        "teacher_cosine": teacher_cosine(objective.projector(NECKED), TEACHER),
        "teacher_similarity": teacher_similarity(NECKED, TEACHER),
    }
    assert parts == {name: value.item() for name, value in wanted.items()}
    weights = dict(zip(wanted, (0.5, 2.0, 3.0, 4.0), strict=True))
    by_hand = sum(weights[name] * value.item() for name, value in wanted.items())
    assert total.item() == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize(
    ("part", "weight"),
    [
        ("head", "head_weight"),
        ("triplet", "triplet_weight"),
        ("teacher_cosine", "teacher_cosine_weight"),
        ("teacher_similarity", "teacher_similarity_weight"),
    ],
)
@pytest.mark.parametrize("head", ["softmax", "arcface", "adacos_fixed", "adacos"])
def test_a_weight_of_zero_leaves_its_part_out(part, weight, head):
    teacher = TEACHER if part.startswith("teacher") else None
    dim = None if teacher is None else 3
    alone = build(dim, head=head, **{**NOTHING, weight: 2.0})
    total, parts = alone(PROJECTED, NECKED, LABELS, teacher)
    assert list(parts) == [part]
    assert total.item() == pytest.approx(2 * parts[part])
    trained = {name.split(".")[0] for name, _ in alone.named_parameters()}
    assert trained == {"head": {"head"}, "teacher_cosine": {"projector"}}.get(part, set())
    others = build(head=head, **{weight: 0.0})
    assert part not in others(PROJECTED, NECKED, LABELS, TEACHER)[1]


def test_without_a_teacher_its_parts_are_left_out():
    objective = build(teacher_dim=None)
    assert list(objective(PROJECTED, NECKED, LABELS, None)[1]) == ["head", "triplet"]
    assert objective.projector is None


def test_nothing_to_minimise_is_refused():
    with pytest.raises(ConfigError, match="without a teacher nothing is minimised"):
        build(teacher_dim=None, head_weight=0.0, triplet_weight=0.0)
    with pytest.raises(ConfigError, match="a teacher is given"):
        build(teacher_cosine_weight=0.0, teacher_similarity_weight=0.0)


@pytest.mark.parametrize("head", ["softmax", "arcface", "adacos_fixed", "adacos"])
def test_half_precision_is_raised_before_anything_is_computed(head):
    halves = PROJECTED.bfloat16(), NECKED.bfloat16()
    wanted, _ = build(head=head)(*(half.float() for half in halves), LABELS, TEACHER)
    with torch.autocast("cpu", torch.bfloat16):
        given, _ = build(head=head)(*halves, LABELS, TEACHER)
    assert given.dtype == torch.float32
    assert torch.equal(given, wanted)


def test_the_scale_and_the_margin():
    arcface, adacos = build(head="arcface", scale=7.0), build(head="adacos")
    arcface.set_margin(0.1)
    assert (arcface.scale, arcface.head.margin_rad) == (7.0, 0.1)
    before = adacos.scale
    adacos.set_margin(0.1)
    adacos(PROJECTED, NECKED, LABELS, TEACHER)
    assert adacos.scale == adacos.head.scale.item() != before
    assert build(head="softmax").scale is None


def test_of_a_picture_without_a_label_the_teacher_alone_speaks():
    objective = build()
    labels = torch.tensor([0, 0, 1, 1, -1])
    _, parts = objective(PROJECTED, NECKED, labels, TEACHER)
    _, labelled = objective(PROJECTED[:4], NECKED[:4], labels[:4], TEACHER[:4])
    assert parts["head"] == labelled["head"]
    assert parts["triplet"] == labelled["triplet"]
    assert parts["teacher_similarity"] == teacher_similarity(NECKED, TEACHER).item()
    assert parts["teacher_cosine"] != labelled["teacher_cosine"]


def test_what_a_trained_model_gives_is_where_head_and_projection_start():
    """Embeddings that are the teacher's, turned: both losses begin where they would end."""
    rows = torch.nn.functional.normalize(numbers(60, 4, seed=3), dim=1)
    labels = torch.arange(60) // 10
    rows = torch.nn.functional.normalize(rows[labels * 10] + 0.1 * rows, dim=1)
    teacher = 5 * rows @ torch.linalg.qr(numbers(4, 4, seed=4)).Q
    unknown = torch.where(torch.arange(60) % 10 == 9, -1, labels)
    objective = build(teacher_dim=4, head="arcface", teacher_cosine_weight=1.0)
    objective.start_from(rows, unknown, teacher)
    cosine = teacher_cosine(objective.projector(rows), teacher)
    drawn = build(teacher_dim=4, head="arcface", teacher_cosine_weight=1.0)
    assert cosine.item() < 0.01 < teacher_cosine(drawn.projector(rows), teacher).item()
    nearest = objective.head.cosines(rows).argmax(1)
    assert (nearest == labels).all()


def test_a_start_without_a_teacher_or_with_another_head_changes_no_more_than_it_can():
    rows, labels = torch.nn.functional.normalize(NECKED, dim=1), LABELS
    objective = build(teacher_dim=None, head="softmax", teacher_cosine_weight=0.0)
    before = [p.detach().clone() for p in objective.parameters()]
    objective.start_from(rows, labels, None)
    assert all(torch.equal(*pair) for pair in zip(before, objective.parameters(), strict=True))
    objective = build(head_weight=0.0)
    before = objective.projector.weight.detach().clone()
    objective.start_from(rows, labels, TEACHER)
    assert not torch.equal(objective.projector.weight, before)

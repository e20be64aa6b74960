import math

import numpy as np
import pytest
import torch
from reid_gallery.train.config import LossConfig
from reid_gallery.train.heads import AdaCosHead, ArcFaceHead, SoftmaxHead, build_head

LABELS = torch.tensor([0, 2, 1, 2, 4])


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    largest = logits.max(1, keepdims=True)
    log_sum = np.log(np.exp(logits - largest).sum(1)) + largest[:, 0]
    return float((log_sum - logits[np.arange(len(labels)), labels]).mean())


def cosines_by_hand(head, embeddings: torch.Tensor) -> np.ndarray:
    return unit(embeddings.numpy()) @ unit(head.prototypes.detach().numpy()).T


def arcface(margin_rad: float, scale: float = 20.0) -> ArcFaceHead:
    torch.manual_seed(0)
    return ArcFaceHead(4, 5, scale=scale, margin_rad=margin_rad).double()


@pytest.mark.parametrize("margin_rad", [0.0, 0.3, 0.5, 1.2])
def test_arcface_by_its_formula(margin_rad):
    head, embeddings, labels = arcface(margin_rad), numbers(5, 4), LABELS.numpy()
    theta = np.arccos(cosines_by_hand(head, embeddings))
    logits = np.cos(theta)
    for row, label in enumerate(labels):
        angle = theta[row, label]
        if angle < math.pi - margin_rad:
            logits[row, label] = math.cos(angle + margin_rad)
        else:
            logits[row, label] = math.cos(angle) - margin_rad * math.sin(margin_rad)
    assert head(embeddings, LABELS).item() == pytest.approx(cross_entropy(20 * logits, labels))


def test_arcface_without_margin_is_normalised_softmax():
    head, embeddings = arcface(0.0), numbers(5, 4)
    wanted = cross_entropy(20 * cosines_by_hand(head, embeddings), LABELS.numpy())
    assert head(embeddings, LABELS).item() == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("margin_rad", [0.1, 0.3, 0.5, 1.0, 1.5])
def test_arcface_falls_with_the_angle_all_the_way(margin_rad):
    theta = torch.linspace(1e-3, math.pi - 1e-3, 4001, dtype=torch.float64)
    target = arcface(margin_rad).with_margin(torch.cos(theta))
    assert (target.diff() < 0).all()


def test_arcface_costs_more_with_a_margin():
    embeddings = numbers(5, 4)
    losses = [arcface(m)(embeddings, LABELS).item() for m in (0.0, 0.2, 0.4)]
    assert losses == sorted(losses)
    assert losses[0] < losses[2]


@pytest.mark.parametrize("margin_rad", [0.0, 0.3])
def test_arcface_gradient(margin_rad):
    head = arcface(margin_rad)
    embeddings = numbers(5, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda e: head(e, LABELS), [embeddings])
    assert torch.autograd.gradcheck(
        lambda p: torch.func.functional_call(head, {"prototypes": p}, (embeddings, LABELS)),
        [head.prototypes],
    )


def test_arcface_is_finite_where_the_angle_is_zero_or_straight():
    head = ArcFaceHead(2, 2, scale=64, margin_rad=0.5)
    head.prototypes.data = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    loss = head(embeddings, torch.tensor([0, 1]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(embeddings.grad).all()


def test_half_precision_is_computed_in_single():
    torch.manual_seed(0)
    head = ArcFaceHead(4, 5, scale=20, margin_rad=0.3)
    assert head.cosines(numbers(5, 4).half()).dtype == torch.float32
    assert head.double().cosines(numbers(5, 4)).dtype == torch.float64


# -- AdaCos --------------------------------------------------------------------------------------


def adacos(classes: int = 6, dim: int = 8) -> AdaCosHead:
    """Prototypes along the first axes, so that the last ones are free for chosen angles."""
    head = AdaCosHead(dim, classes).double()
    head.prototypes.data = torch.eye(classes, dim, dtype=torch.float64)
    return head


def at_angle(theta: float, labels: torch.Tensor, dim: int = 8) -> torch.Tensor:
    """Embeddings at ``theta`` from their own prototype and a right angle from every other."""
    rows = math.cos(theta) * torch.eye(dim, dtype=torch.float64)[labels]
    rows[:, -1] = math.sin(theta)
    return rows


def test_adacos_begins_at_the_fixed_scale():
    assert AdaCosHead(4, 10).scale.item() == pytest.approx(math.sqrt(2) * math.log(9))


@pytest.mark.parametrize("seed", range(5))
def test_adacos_scale_by_its_formula(seed):
    torch.manual_seed(seed)
    head, embeddings, labels = AdaCosHead(4, 5).double(), numbers(5, 4, seed=seed), LABELS.numpy()
    before = head.scale.item()
    cosines = cosines_by_hand(head, embeddings)
    others = np.ones_like(cosines, dtype=bool)
    others[np.arange(5), labels] = False
    b_avg = np.exp(before * cosines)[others].sum() / 5
    theta_med = np.sort(np.arccos(cosines[np.arange(5), labels]))[2]
    wanted = math.log(b_avg) / math.cos(min(math.pi / 4, theta_med))
    loss = head(embeddings, LABELS)
    assert head.scale.item() == pytest.approx(wanted)
    assert loss.item() == pytest.approx(cross_entropy(wanted * cosines, labels))


def test_adacos_scale_falls_as_the_angles_shrink():
    labels = torch.tensor([0, 1, 2])
    scales = []
    for theta in (1.5, math.pi / 4, 0.6, 0.3, 0.01):
        head = adacos()
        head(at_angle(theta, labels), labels)
        scales.append(head.scale.item())
        assert scales[-1] == pytest.approx(math.log(5) / math.cos(min(theta, math.pi / 4)))
    assert scales[0] == pytest.approx(scales[1])
    assert scales[1:] == sorted(scales[1:], reverse=True)


@pytest.mark.parametrize(("dynamic", "training"), [(True, False), (False, True)])
def test_adacos_scale_is_left_alone(dynamic, training):
    head = AdaCosHead(4, 5, dynamic=dynamic).double().train(training)
    before = head.scale.clone()
    head(numbers(5, 4), LABELS)
    assert torch.equal(head.scale, before)


def test_adacos_scale_is_saved():
    head = AdaCosHead(4, 5).double()
    head(numbers(5, 4), LABELS)
    other = AdaCosHead(4, 5).double()
    other.load_state_dict(head.state_dict())
    assert torch.equal(other.scale, head.scale)
    assert other.scale.item() != pytest.approx(math.sqrt(2) * math.log(4))


@pytest.mark.parametrize("classes", [0, 1, 2])
def test_adacos_needs_three_classes(classes):
    with pytest.raises(ValueError, match="at least 3 classes"):
        AdaCosHead(4, classes)


def test_adacos_does_not_overflow():
    head = AdaCosHead(4, 5)
    head.scale.fill_(1e3)
    embeddings = numbers(5, 4).float().requires_grad_()
    loss = head(embeddings, LABELS)
    loss.backward()
    assert torch.isfinite(head.scale)
    assert torch.isfinite(loss)
    assert torch.isfinite(embeddings.grad).all()


def test_adacos_gradient():
    head = AdaCosHead(4, 5, dynamic=False).double()
    assert torch.autograd.gradcheck(lambda e: head(e, LABELS), [numbers(5, 4).requires_grad_()])


@pytest.mark.parametrize(
    ("name", "kind", "dynamic"),
    [
        ("softmax", SoftmaxHead, None),
        ("arcface", ArcFaceHead, None),
        ("adacos_fixed", AdaCosHead, False),
        ("adacos", AdaCosHead, True),
    ],
)
def test_heads_by_name(name, kind, dynamic):
    head = build_head(LossConfig(head=name, label_smoothing=0.1), dim=4, classes=5)
    assert type(head) is kind
    assert head.label_smoothing == 0.1
    assert getattr(head, "dynamic", None) is dynamic


def test_arcface_gets_its_numbers():
    head = build_head(LossConfig(scale=7, margin_rad=0.2), dim=4, classes=5)
    assert (head.scale, head.margin_rad) == (7, 0.2)


# -- softmax, label smoothing, precision -----------------------------------------------------------

MAKERS = {
    "softmax": lambda **options: SoftmaxHead(4, 5, **options),
    "arcface": lambda **options: ArcFaceHead(4, 5, scale=20, margin_rad=0.3, **options),
    "adacos_fixed": lambda **options: AdaCosHead(4, 5, dynamic=False, **options),
    "adacos": lambda **options: AdaCosHead(4, 5, **options),
}


def make_head(name: str, **options):
    torch.manual_seed(0)
    return MAKERS[name](**options)


def test_softmax_by_its_formula():
    head, embeddings = make_head("softmax").double(), numbers(5, 4)
    weight, bias = (p.detach().numpy() for p in (head.classifier.weight, head.classifier.bias))
    logits = embeddings.numpy() @ weight.T + bias
    wanted = cross_entropy(logits, LABELS.numpy())
    assert head(embeddings, LABELS).item() == pytest.approx(wanted, rel=1e-9)


def test_softmax_gradient():
    head = make_head("softmax").double()
    assert torch.autograd.gradcheck(lambda e: head(e, LABELS), [numbers(5, 4).requires_grad_()])


@pytest.mark.parametrize("name", MAKERS)
def test_label_smoothing_by_its_formula(name):
    """The target gets 1 - e + e / C, every other class e / C."""
    embeddings, share = numbers(5, 4), 0.2
    head = make_head(name, label_smoothing=share).double().eval()
    logits = head.logits(embeddings, LABELS).detach().numpy()
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    target = np.full((5, 5), share / 5)
    target[np.arange(5), LABELS.numpy()] += 1 - share
    wanted = -(target * log_p).sum(1).mean()
    assert head(embeddings, LABELS).item() == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("name", MAKERS)
def test_autocast_changes_nothing_of_a_head(name):
    embeddings = numbers(5, 4).float()
    values = []
    for enabled in (False, True):
        head, rows = make_head(name), embeddings.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            assert not enabled or (rows @ rows.T).dtype == torch.bfloat16
            loss = head(rows, LABELS)
        loss.backward()
        values.append((loss.detach(), rows.grad, getattr(head, "scale", None)))
    (loss, gradient, scale), (half_loss, half_gradient, half_scale) = values
    assert half_loss.dtype == torch.float32
    assert torch.equal(loss, half_loss)
    assert torch.equal(gradient, half_gradient)
    assert scale == half_scale


def test_prototypes_start_at_the_means_of_their_classes():
    head = arcface(0.3)
    drawn = head.prototypes.detach().clone()
    rows = torch.from_numpy(unit(numbers(5, 4).numpy()))
    head.start_from(rows, LABELS)
    started = unit(head.prototypes.detach().numpy())
    for label in (0, 1, 4):
        np.testing.assert_allclose(started[label], rows[label == LABELS][0], atol=1e-12)
    pair = rows[LABELS == 2].mean(0, keepdim=True).numpy()
    np.testing.assert_allclose(started[2], unit(pair)[0], atol=1e-12)
    assert torch.equal(head.prototypes[3], drawn[3])  # a class without embeddings
    assert head.prototypes[0].norm().item() == pytest.approx(drawn.norm(dim=1).mean().item())
    assert head.prototypes.requires_grad

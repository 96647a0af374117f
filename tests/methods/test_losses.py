"""Losses against torch, numpy and hand-computed values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from merkit.methods.losses import consistency, focal_loss, koleo, soft_cross_entropy


def _koleo_numpy(features: np.ndarray, eps: float) -> float:
    """The definition, clip by clip, in 64 bit."""
    unit = [row / max(np.sqrt((row**2).sum()), eps) for row in features.astype(np.float64)]
    total = 0.0
    for i, own in enumerate(unit):
        others = [j for j in range(len(unit)) if j != i]
        nearest = max(others, key=lambda j: float(own @ unit[j]))
        total += math.log(np.sqrt(((own - unit[nearest]) ** 2).sum()) + eps)
    return -total / len(unit)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(2, 20), st.integers(0, 10_000))
def test_koleo_equals_an_independent_computation(n: int, width: int, seed: int) -> None:
    features = np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)
    found = koleo(torch.from_numpy(features)).item()
    assert found == pytest.approx(_koleo_numpy(features, 1e-8), rel=1e-4, abs=1e-4)


def test_koleo_of_a_square_by_hand() -> None:
    corners = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0], [0.0, -1.0]])
    assert koleo(corners).item() == pytest.approx(-math.log(math.sqrt(2)), abs=1e-6)


def test_koleo_spreads_and_stays_finite() -> None:
    features = torch.nn.functional.normalize(torch.randn(6, 8), dim=-1).requires_grad_()
    before = koleo(features)
    before.backward()
    assert koleo(features - 0.05 * features.grad) < before
    same = torch.ones(4, 3, requires_grad=True)
    koleo(same).backward()
    assert torch.isfinite(same.grad).all()


def test_koleo_of_one_clip_is_nothing() -> None:
    one = torch.randn(1, 4, requires_grad=True)
    value = koleo(one)
    value.backward()
    assert value.item() == 0
    assert one.grad.abs().max() == 0


@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0, 1.0])])
def test_soft_cross_entropy_equals_torch(weights: torch.Tensor | None) -> None:
    logits, labels = torch.randn(7, 3), torch.tensor([0, 1, 2, 2, 1, 0, 2])
    found = soft_cross_entropy(logits, F.one_hot(labels, 3).float(), weights)
    torch.testing.assert_close(found, F.cross_entropy(logits, labels, weight=weights))
    soft = torch.softmax(torch.randn(7, 3), dim=-1)
    torch.testing.assert_close(
        soft_cross_entropy(logits, soft, None), F.cross_entropy(logits, soft)
    )


def test_consistency_by_hand() -> None:
    a = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    b = torch.tensor([[4.0, 3.0], [0.0, 2.0]])
    assert consistency(a, b, "mse").item() == pytest.approx((2 + 5) / 2)
    assert consistency(a, b, "cosine").item() == pytest.approx((1 - 24 / 25 + 1) / 2)
    assert consistency(a, b, "normalised_mse").item() == pytest.approx(1 - 24 / 25 + 1)
    assert consistency(a, a, "cosine").item() == pytest.approx(0, abs=1e-6)


# STAG's loss (eqs 34, 35)


def test_focal_equals_cross_entropy_without_focus_smoothing_and_weights() -> None:
    logits = torch.randn(16, 5)
    labels = torch.randint(5, (16,))
    loss = focal_loss(logits, torch.eye(5)[labels], None, gamma=0.0, smoothing=0.0)
    torch.testing.assert_close(loss, F.cross_entropy(logits, labels))
    equal = focal_loss(logits, torch.eye(5)[labels], torch.full((5,), 3.0), 0.0, 0.0)
    torch.testing.assert_close(equal, loss)


def test_focal_smoothing_equals_that_of_torch() -> None:
    logits, labels = torch.randn(9, 4), torch.randint(4, (9,))
    loss = focal_loss(logits, torch.eye(4)[labels], None, gamma=0.0, smoothing=0.1)
    expected = F.cross_entropy(logits, labels, label_smoothing=0.1)
    torch.testing.assert_close(loss, expected)


def test_focal_by_hand() -> None:
    # p = (0.75, 0.25), y = class 0, ε = 0.2: ỹ = (0.9, 0.1); α = (2, 6) becomes (0.5, 1.5)
    logits = torch.tensor([[math.log(3.0), 0.0]])
    loss = focal_loss(logits, torch.tensor([[1.0, 0.0]]), torch.tensor([2.0, 6.0]), 2.0, 0.2)
    expected = -(0.5 * 0.9 * 0.25**2 * math.log(0.75) + 1.5 * 0.1 * 0.75**2 * math.log(0.25))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_certain_logits_keep_finite_gradients() -> None:
    logits = torch.tensor([[60.0, -60.0], [60.0, -60.0]], requires_grad=True)
    focal_loss(logits, torch.eye(2), None, gamma=0.5, smoothing=0.1).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()

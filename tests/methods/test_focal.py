"""STAG's loss (eqs 34, 35) against cross-entropy and by hand."""

from __future__ import annotations

import math

import pytest
import torch

from merkit.methods.focal import focal_loss


def test_equals_cross_entropy_without_focus_smoothing_and_weights() -> None:
    logits = torch.randn(16, 5)
    labels = torch.randint(5, (16,))
    loss = focal_loss(logits, torch.eye(5)[labels], None, gamma=0.0, smoothing=0.0)
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(logits, labels))
    equal = focal_loss(logits, torch.eye(5)[labels], torch.full((5,), 3.0), 0.0, 0.0)
    torch.testing.assert_close(equal, loss)


def test_smoothing_equals_that_of_torch() -> None:
    logits, labels = torch.randn(9, 4), torch.randint(4, (9,))
    loss = focal_loss(logits, torch.eye(4)[labels], None, gamma=0.0, smoothing=0.1)
    expected = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    torch.testing.assert_close(loss, expected)


def test_by_hand() -> None:
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

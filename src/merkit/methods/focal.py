"""Label-smoothed, class-balanced focal loss (STAG eqs 34 and 35) and its class weights."""

from __future__ import annotations

import torch
from torch import Tensor


def focal_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    gamma: float = 2.0,
    smoothing: float = 0.1,
) -> Tensor:
    """Mean over the batch of -Σ_c α_c ỹ_c (1 - p_c)^γ log p_c, ỹ = (1 - ε) y + ε/C.

    At γ=0, ε=0 and equal weights it is cross-entropy. The exponents are [R].

    Args:
        logits: (B,C).
        targets: (B,C) soft labels that sum to one.
        class_weights: α (C,), used after scaling to mean 1; None: all 1.
        gamma: focusing power γ; 2 [D].
        smoothing: ε; 0.1 [D].
    """
    log_p = logits.log_softmax(dim=-1)
    smooth = (1 - smoothing) * targets + smoothing / logits.shape[-1]
    focus = (1 - log_p.exp()).clamp(min=1e-8) ** gamma if gamma else torch.ones_like(log_p)
    if class_weights is not None:
        smooth = smooth * (class_weights / class_weights.mean()).to(logits)
    return -(smooth * focus * log_p).sum(dim=-1).mean()


def inverse_frequency(counts: Tensor) -> Tensor:
    """α_c proportional to 1/n_c, mean 1 over the classes that occur; 0 for one that does not.

    Args:
        counts: (C,) clips of each class in the training part of the fold.
    """
    present = counts > 0
    weights = torch.where(present, 1 / counts.clamp(min=1).double(), torch.zeros(()).double())
    return (weights * present.sum() / weights.sum().clamp(min=1e-12)).float()


def effective_number(counts: Tensor, beta: float = 0.999) -> Tensor:
    """α_c = (1 - β)/(1 - β^n_c), scaled to sum C over the classes that occur (Cui et al. 2019).

    β=0 gives equal weights; β towards 1 gives :func:`inverse_frequency`.
    """
    present = counts > 0
    each = (1 - beta) / (1 - beta ** counts.clamp(min=1).double())
    weights = torch.where(present, each, torch.zeros(()).double())
    return (weights * present.sum() / weights.sum().clamp(min=1e-12)).float()

"""Label-smoothed, class-balanced focal loss (STAG eqs 34 and 35)."""

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

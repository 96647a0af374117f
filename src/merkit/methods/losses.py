"""Losses that several methods share. B clips, C classes, d features."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

ConsistencyKind = Literal["mse", "cosine", "normalised_mse"]


def soft(targets: Tensor, logits: Tensor) -> Tensor:
    """Targets (B,C) of class indices (B,), or as they came."""
    if targets.ndim > 1:
        return targets
    return F.one_hot(targets.long(), logits.shape[-1]).to(logits.dtype)


def soft_cross_entropy(
    logits: Tensor, targets: Tensor, class_weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy with soft targets, -sum_b sum_c w_c t_bc log p_bc / sum_b sum_c w_c t_bc.

    With one-hot targets equal to ``torch.nn.functional.cross_entropy``, weighted or not.

    Args:
        logits: (B,C).
        targets: (B,C), rows summing to one, or class indices (B,).
        class_weights: (C,) or None for equal weights.
    """
    targets = soft(targets, logits)
    weighted = targets if class_weights is None else targets * class_weights
    return -(weighted * F.log_softmax(logits.float(), dim=-1)).sum() / weighted.sum()


def focal_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    gamma: float = 2.0,
    smoothing: float = 0.1,
) -> Tensor:
    """Label-smoothed, class-balanced focal loss (STAG eqs 34 and 35).

    Mean over the batch of -Σ_c α_c ỹ_c (1 - p_c)^γ log p_c, ỹ = (1 - ε) y + ε/C.

    At γ=0, ε=0 and equal weights it is cross-entropy. The exponents are [R].

    Args:
        logits: (B,C).
        targets: (B,C) soft labels that sum to one, or class indices (B,).
        class_weights: α (C,), used after scaling to mean 1; None: all 1.
        gamma: focusing power γ; 2 [D].
        smoothing: ε; 0.1 [D].
    """
    log_p = logits.log_softmax(dim=-1)
    smooth = (1 - smoothing) * soft(targets, logits) + smoothing / logits.shape[-1]
    focus = (1 - log_p.exp()).clamp(min=1e-8) ** gamma if gamma else torch.ones_like(log_p)
    if class_weights is not None:
        smooth = smooth * (class_weights / class_weights.mean()).to(logits)
    return -(smooth * focus * log_p).sum(dim=-1).mean()


def koleo(features: Tensor) -> Tensor:
    """Kozachenko-Leonenko regulariser: minus the mean log distance to the nearest neighbour.

    Features are L2-normalised; the neighbour is the other clip of the batch with the largest
    dot product (Sablayrolles et al. 2019; the form of DINOv2, Oquab et al. 2024). Lower when
    the features spread. Computed in 32 bit, with 1e-8 added to norms and distances.

    Args:
        features: (B,d).

    Returns:
        Scalar; zero for a single clip, which has no neighbour.
    """
    eps = 1e-8
    if len(features) < 2:
        return features.float().sum() * 0
    with torch.autocast(features.device.type, enabled=False):
        f = F.normalize(features.float(), dim=-1, eps=eps)
        similarity = f @ f.T
        own = torch.eye(len(f), dtype=torch.bool, device=f.device)
        nearest = similarity.masked_fill(own, -torch.inf).argmax(dim=1)
        distance = F.pairwise_distance(f, f[nearest], eps=eps)
        return -(distance + eps).log().mean()


def consistency(a: Tensor, b: Tensor, kind: ConsistencyKind = "mse") -> Tensor:
    """Distance of two branches' features, averaged over the batch (docs/methods/sfa-dgat.md).

    Args:
        a, b: (B,d).
        kind: ``mse`` the printed squared norm ||a - b||^2; ``cosine`` 1 - cos(a, b);
            ``normalised_mse`` the squared norm after L2 normalisation (= 2 * cosine).
    """
    if kind == "cosine":
        return (1 - F.cosine_similarity(a, b, dim=-1)).mean()
    if kind == "normalised_mse":
        a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    return (a - b).square().sum(-1).mean()

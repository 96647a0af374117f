"""Which parts of a clip a score comes from: integrated gradients, occlusion, token relevance.

Computed by captum (Kokhlikyan et al. 2020, arXiv:2009.07896), an optional dependency. Effects
are in units of the score, that is log-odds: an effect of 0.7 doubles the odds of the class. Where a
gradient is taken cuDNN is off: it has none of an LSTM in evaluation mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.backends import cudnn

from merkit.errors import MissingPackageError
from merkit.explain.case import Scorer, numpy_of
from merkit.methods.encoder.network import Encoder
from merkit.types import F32


@dataclass(frozen=True, eq=False)
class Gradients:
    """Integrated gradients: ``effect`` of every input number (same shape as the input, without
    the batch axis), ``change`` of the score from baseline to clip, and the ``residual`` that
    the effects do not add up to, from the finite number of steps."""

    effect: F32
    change: float
    residual: float


def require_captum() -> Any:
    """captum's module of attributions.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import captum.attr
    except ImportError:
        raise MissingPackageError(
            "captum is not installed",
            "captum, which computes integrated gradients, Grad-CAM and occlusion",
            "pip install 'merkit[explain]', or name figures that need none: "
            "--figures patch-pca attention graph flow",
        ) from None
    return captum.attr


def integrated_gradients(scorer: Scorer, baseline: Tensor, steps: int, chunk: int) -> Gradients:
    """Integrated gradients along the straight line from ``baseline`` to the clip.

    Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", eq 1; by their
    completeness axiom the effects add up to the change of the score.

    Args:
        baseline: (1, ...), of the input's shape.
        steps: points of the Gauss-Legendre rule.
        chunk: clips computed at a time.
    """
    method = require_captum().IntegratedGradients(scorer)
    with cudnn.flags(enabled=False):
        effect = method.attribute(
            scorer.values, baselines=baseline, n_steps=steps, internal_batch_size=chunk
        )
    with torch.no_grad():
        change = float(scorer(scorer.values) - scorer(baseline))
    total = float(effect.double().sum())
    return Gradients(numpy_of(effect[0]), change, change - total)


def occlusion(scorer: Scorer, baseline: Tensor, groups: Tensor, count: int, chunk: int) -> F32:
    """How much the score falls when a group of input numbers is replaced by the baseline.

    Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks", with groups
    that follow the face in place of a sliding square.

    Args:
        groups: int64 of the input's shape (1, ...), values 0 to count - 1; groups may be empty.
        chunk: clips computed at a time.

    Returns:
        F32 (count,); positive: the group speaks for the class.
    """
    method = require_captum().FeatureAblation(scorer)
    _, compact = torch.unique(groups, return_inverse=True)
    effect = method.attribute(
        scorer.values, baselines=baseline, feature_mask=compact, perturbations_per_eval=chunk
    )
    found = torch.zeros(count, device=effect.device)
    found[groups.flatten()] = effect.float().flatten()  # the same for all of a group
    return numpy_of(found)


def token_relevance(scorer: Scorer, encoder: Encoder) -> F32:
    """Grad-CAM for patch tokens, element by element: the sum over channels of token times
    gradient, F32 (T, rows, columns).

    Read where tokens enter the attention of the last block, since after it the class token
    alone may be computed. Element-wise products are Draelos & Carin 2020 (arXiv:2011.08891),
    who show that averaging the gradient over positions first, as Grad-CAM does (Selvaraju et
    al. 2017), may point at places that the network did not use.
    """
    layer = encoder.backbone.encoder.layer[-1].norm1
    method = require_captum().LayerGradientXActivation(scorer, layer)
    with cudnn.flags(enabled=False):
        relevance = method.attribute(scorer.values)
    patches = relevance[:, 1 + encoder.n_registers :].sum(dim=-1)
    rows, columns = encoder.grid
    return numpy_of(patches.reshape(-1, rows, columns))


def gradient_by_frame(scorer: Scorer, baseline: Tensor) -> F32:
    """First-order guess of occluding each frame: gradient times (clip - baseline), (T,)."""
    values = scorer.values.clone().requires_grad_(True)
    with cudnn.flags(enabled=False):
        (slope,) = torch.autograd.grad(scorer(values).sum(), values)
    product = slope * (scorer.values - baseline)
    return numpy_of(product[0].flatten(1).sum(dim=1))

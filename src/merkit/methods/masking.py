"""Clips of different length in one batch: padded frames must not change a result.

Pooling over the real frames, and attention that does not look where it may not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from merkit.errors import ConfigError


def clip_lengths(mask: Tensor | None) -> Tensor | None:
    """Number of real frames of each clip, (B,), or None when there is no mask.

    Args:
        mask: bool (B,T), True where a frame is real.

    Raises:
        ConfigError: a clip without frames, or padding before or between its frames.
    """
    if mask is None:
        return None
    lengths = mask.sum(1)
    at_end = torch.arange(mask.shape[1], device=mask.device) < lengths[:, None]
    if bool((lengths == 0).any()) or not torch.equal(at_end, mask):
        bad = int(((lengths == 0) | (at_end != mask).any(1)).nonzero()[0])
        raise ConfigError(
            f"mask of clip {bad} in the batch is {mask[bad].int().tolist()}",
            "at least one real frame, and padding only after the last",
            "put the padding at the end of the clip",
        )
    return lengths


def zero_padding(x: Tensor, mask: Tensor | None) -> Tensor:
    """``x`` (B,T,D) with the padded frames set to zero."""
    return x if mask is None else x.masked_fill(~mask[..., None], 0)


def masked_mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over the real frames: (B,T,D) -> (B,D); zeros where there are none."""
    if mask is None:
        return x.mean(1)
    return zero_padding(x, mask).sum(1) / mask.sum(1, keepdim=True).clamp(min=1).to(x.dtype)


def masked_max(x: Tensor, mask: Tensor | None) -> Tensor:
    """Maximum over the real frames: (B,T,D) -> (B,D); zeros where there are none."""
    if mask is None:
        return x.amax(1)
    top = x.masked_fill(~mask[..., None], -torch.inf).amax(1)
    return top.masked_fill(~mask.any(1, keepdim=True), 0)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B,T,D) -> (B,H,T,D/H)."""
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)


def attend(
    q: Tensor, k: Tensor, v: Tensor, heads: int, hidden: Tensor | None, dropout: nn.Module
) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention (Vaswani et al. 2017), which also returns its weights.

    Args:
        q: queries (B,L,D). k, v: keys and values (B,S,D).
        hidden: bool (B,S), True where no query may look.
        dropout: of the weights.

    Returns:
        (B,L,D), and the weights (B,heads,L,S) before dropout.
    """
    q, k, v = split_heads(q, heads), split_heads(k, heads), split_heads(v, heads)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    if hidden is not None:
        scores = scores.masked_fill(hidden[:, None, None, :], -torch.inf)
    weights = scores.softmax(dim=-1)
    return (dropout(weights) @ v).transpose(1, 2).flatten(2), weights

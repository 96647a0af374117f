"""Clips of different length in one batch: padded frames must not change a result."""

from __future__ import annotations

import torch
from torch import Tensor

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
    """Mean over the real frames: (B,T,D) -> (B,D)."""
    if mask is None:
        return x.mean(1)
    return zero_padding(x, mask).sum(1) / mask.sum(1, keepdim=True).to(x.dtype)


def masked_max(x: Tensor, mask: Tensor | None) -> Tensor:
    """Maximum over the real frames: (B,T,D) -> (B,D)."""
    return (x if mask is None else x.masked_fill(~mask[..., None], -torch.inf)).amax(1)

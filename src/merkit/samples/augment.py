"""Flip and mild affine augmentation of aligned face clips.

One draw a clip: every frame is moved alike, since a draw for each frame would add motion larger
than a micro-expression.

Shapes: B clips, T frames, S image side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from merkit.config import check_settings
from merkit.errors import ConfigError


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of the draw (docs/methods/sfa-dgat.md names flip and mild affine; the ranges are
    lost [D]).

    Args:
        flip: probability of a left-right mirror.
        rotation_deg: largest turn either way.
        scale: largest relative change of size either way.
        shift: largest shift either way, as a share of S.
        shear_deg: largest horizontal shear either way.
    """

    flip: float = 0.5
    rotation_deg: float = 5.0
    scale: float = 0.05
    shift: float = 0.03
    shear_deg: float = 0.0

    def __post_init__(self) -> None:
        ranges = ("rotation_deg", "shift", "shear_deg")
        wanted = {name: (getattr(self, name) >= 0, "0 (off) or more") for name in ranges}
        wanted["flip"] = (0 <= self.flip <= 1, "a probability from 0 to 1")
        wanted["scale"] = (0 <= self.scale < 1, "0 (off) to below 1")
        check_settings(self, "augment", wanted)


def draw(batch: int, generator: torch.Generator, config: AugmentConfig) -> Tensor:
    """Draw how each of ``batch`` clips is moved, as ``affine_matrices``; the same generator
    state gives the same draw."""

    def around_zero(limit: float, *shape: int) -> Tensor:
        return (2 * torch.rand(batch, *shape, generator=generator) - 1) * limit

    return affine_matrices(
        flip=torch.rand(batch, generator=generator) < config.flip,
        rotation_deg=around_zero(config.rotation_deg),
        scale=1 + around_zero(config.scale),
        shift=around_zero(config.shift, 2),
        shear_deg=around_zero(config.shear_deg),
    )


def affine_matrices(
    flip: Tensor, rotation_deg: Tensor, scale: Tensor, shift: Tensor, shear_deg: Tensor
) -> Tensor:
    """Matrices (B,2,3) from places in the result to places in the source, both in -1..1.

    ``flip`` bool (B,), the others f32 (B,), ``shift`` (B,2) in x, y.
    """
    angle, shear = torch.deg2rad(rotation_deg), torch.deg2rad(shear_deg)
    cos, sin, tan = torch.cos(angle), torch.sin(angle), torch.tan(shear)
    sign = 1 - 2 * flip.to(cos.dtype)
    top = torch.stack((cos * sign, cos * tan - sin), dim=-1)
    bottom = torch.stack((sin * sign, sin * tan + cos), dim=-1)
    turn = torch.stack((top, bottom), dim=1) / scale[:, None, None]
    return torch.cat((turn, 2 * shift[..., None]), dim=-1)


def apply(rgb: Tensor, drawn: Tensor) -> Tensor:
    """Move every frame of each clip as drawn; bilinear, the border repeated outwards.

    Args:
        rgb: (B,T,3,S,S), u8 or float; the type is kept (u8 is rounded).
        drawn: (B,2,3), one matrix a clip.

    Raises:
        ConfigError: another number of clips than was drawn for.
    """
    if rgb.ndim != 5 or len(rgb) != len(drawn):
        raise ConfigError(
            f"frames of shape {tuple(rgb.shape)} with parameters for {len(drawn)} clips",
            "(B, T, 3, S, S) with one draw a clip",
        )
    images = rgb.flatten(1, 2)  # every frame and channel of a clip moves alike
    images = images if images.is_floating_point() else images.float()
    theta = drawn.to(rgb.device).to(images.dtype)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    moved = moved if rgb.is_floating_point() else moved.round().clamp(0, 255).to(rgb.dtype)
    return moved.reshape(rgb.shape)

"""Splitting features into a low and a high frequency band (docs/methods/sfa-dgat.md).

Shapes: B clips, T frames, D features, h x w patches.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

FftAxes = Literal["TD", "T", "patch-grid"]
RadiusMode = Literal["normalised", "bins"]


def low_pass_mask(
    shape: tuple[int, ...], radius: float, mode: RadiusMode, device: torch.device | None = None
) -> Tensor:
    """Fixed binary mask of the centred spectrum: 1 within ``radius`` of its centre.

    The centre is bin floor(n/2) of each axis. ``normalised`` measures sqrt(sum (d_i/n_i)^2),
    cycles a sample; ``bins`` the literal circle sqrt(sum d_i^2), which with T=8 and a radius
    of 4 or more keeps every temporal row (docs/methods/sfa-dgat.md).

    Args:
        shape: lengths of the transformed axes.
        radius: in the unit of ``mode``.
    """
    axes = [torch.arange(n, dtype=torch.float32, device=device) - n // 2 for n in shape]
    if mode == "normalised":
        axes = [offset / n for offset, n in zip(axes, shape, strict=True)]
    squared = torch.stack([offset**2 for offset in torch.meshgrid(*axes, indexing="ij")]).sum(0)
    return (squared.sqrt() <= radius).to(torch.float32)


def split_bands(
    x: Tensor, axes: tuple[int, ...], radius: float, mode: RadiusMode
) -> tuple[Tensor, Tensor]:
    """Low and high band of real ``x``; their sum is ``x``.

    Discrete Fourier transform over ``axes`` without a factor (``norm="backward"``), the mask
    above and its complement on the centred spectrum, inverse transform, real part. Computed in
    at least 32 bit and returned in the type of ``x``.
    """
    exact = x if x.dtype == torch.float64 else x.float()
    spectrum = torch.fft.fftshift(torch.fft.fftn(exact, dim=axes), dim=axes)
    size = tuple(x.shape[a] for a in axes)
    mask = low_pass_mask(size, radius, mode, x.device).to(exact.dtype)
    view = [x.shape[a] if a in axes else 1 for a in range(x.ndim)]
    mask = mask.view(view)

    def back(part: Tensor) -> Tensor:
        band: Tensor = torch.fft.ifftn(torch.fft.ifftshift(part, dim=axes), dim=axes).real
        return band.to(x.dtype)

    return back(spectrum * mask), back(spectrum * (1 - mask))


def split_clips(
    x: Tensor, lengths: Tensor | None, axes: FftAxes, radius: float, mode: RadiusMode
) -> tuple[Tensor, Tensor]:
    """``split_bands`` of each clip over its own length.

    A transform over padded frames would see a longer clip, so clips of each length are
    transformed together and the padding stays zero.

    Args:
        x: (B,T,D).
        lengths: (B,) number of real frames, or None when all are.
        axes: ``TD`` time and features, ``T`` time alone.
    """
    over = (1, 2) if axes == "TD" else (1,)
    if lengths is None:
        return split_bands(x, over, radius, mode)
    low, high = torch.zeros_like(x), torch.zeros_like(x)
    for length in sorted(set(lengths.tolist())):
        rows = (lengths == length).nonzero()[:, 0]
        low[rows, :length], high[rows, :length] = split_bands(x[rows, :length], over, radius, mode)
    return low, high


def band_energy(band: Tensor) -> Tensor:
    """Energy of each frame, (B,T,...) -> (B,T): the sum of squares after the inverse transform,
    where a time index exists (docs/methods/sfa-dgat.md)."""
    return band.float().square().flatten(2).sum(2)

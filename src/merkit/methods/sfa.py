"""Spatial Frequency Adaptation (SFA): bands, experts, gates (docs/methods/sfa-dgat.md).

Shapes: B clips, T frames, D features, h x w patches, N experts, c channels, d width of the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from merkit.config import check_settings
from merkit.methods.masking import clip_lengths, masked_mean, zero_padding

FftAxes = Literal["TD", "T", "patch-grid"]
RadiusMode = Literal["normalised", "bins"]


@dataclass(frozen=True)
class SfaConfig:
    """Settings of SFA; what the source leaves open is marked [R] or [D] as in
    docs/methods/sfa-dgat.md.

    Args:
        fft_axes: ``TD`` as printed; ``T`` time alone; ``patch-grid`` rows and columns of
            patches. The order of DINOv2's features has no geometry, so a transform along D is
            arbitrary: the other two are what a spectrum usually means.
        radius_mode: distance in the spectrum, normalised by the axis lengths or in bins.
        radius: cut-off for ``normalised`` [D].
        radius_bins: cut-off for ``bins`` [D].
        energy_ratio: frequency weight w: energy of the high band over the total, or the low
            band's share [R].
        wf_scope: one w a frame, or one a clip, which then does nothing in DGAT's softmax [R].
        norm: statistics over time and features of a clip (``layer``), over time for each
            feature (``instance``), or over the batch (``batch``) [R].
        channels: c [D]. kernel_size: of every convolution [D]. n_experts: N [D].
        interaction: of the two convolutions of an expert [R].
        gate_source: P * Q, or the normalised band [R].
        expert_mode: ``scalar`` modulation with a residual, or a ``map`` [R].
        merge: of the two bands: by w, plain sum, or concatenation and a linear layer [R].
        width: d, of f_s [D].
        eps: in w and in the normalisation.
    """

    fft_axes: FftAxes = "TD"
    radius_mode: RadiusMode = "normalised"
    radius: float = 0.25
    radius_bins: float = 32.0
    energy_ratio: Literal["high", "low"] = "high"
    wf_scope: Literal["frame", "global"] = "frame"
    norm: Literal["layer", "instance", "batch"] = "layer"
    channels: int = 8
    kernel_size: int = 3
    n_experts: int = 4
    interaction: Literal["product", "sum", "concat"] = "product"
    gate_source: Literal["pq", "band"] = "pq"
    expert_mode: Literal["scalar", "map"] = "scalar"
    merge: Literal["weighted", "sum", "concat"] = "weighted"
    width: int = 256
    eps: float = 1e-5

    def __post_init__(self) -> None:
        sizes = ("channels", "n_experts", "width")
        wanted = {name: (getattr(self, name) >= 1, "1 or more") for name in sizes}
        wanted["kernel_size"] = (self.kernel_size % 2 == 1, "an odd number")
        check_settings(self, "sfa", wanted)


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


class BandNorm(nn.Module):
    """FEM normalisation of one band with learnable scale and shift of each feature.

    Args:
        width: D.
        norm: as in ``SfaConfig.norm``.
    """

    def __init__(self, width: int, norm: str, eps: float) -> None:
        super().__init__()
        self.norm, self.eps = norm, eps
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        if norm == "batch":
            self.batch = nn.BatchNorm1d(width, eps=eps, affine=False)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B,T,D) -> (B,T,D); padding is left out of the statistics and comes back zero."""
        if self.norm == "batch":
            real = torch.ones_like(x[..., 0], dtype=torch.bool) if mask is None else mask
            y = torch.zeros_like(x)
            y[real] = self.batch(x[real])
        else:
            mean = masked_mean(x, mask)
            over_features = self.norm == "layer"
            mean = mean.mean(1, keepdim=True) if over_features else mean
            variance = masked_mean((x - mean[:, None]).square(), mask)
            variance = variance.mean(1, keepdim=True) if over_features else variance
            y = (x - mean[:, None]) / (variance[:, None] + self.eps).sqrt()
        return zero_padding(y * self.weight + self.bias, mask)


class BandExperts(nn.Module):
    """Gated experts of one band: (B,T,D) -> enhanced band (B,T,D) and gates (B,N).

    The band as a one-channel image becomes P and Q of c channels; expert n convolves both
    channel by channel and lets them interact. Default: Y = X (1 + sum_n g_n e_n) with scalar
    e_n, the mean of the interaction.

    Args:
        width: D.
    """

    def __init__(self, width: int, config: SfaConfig) -> None:
        super().__init__()
        self.config = config
        c, n, k = config.channels, config.n_experts, config.kernel_size
        self.norm = BandNorm(width, config.norm, config.eps)
        self.split = nn.Conv2d(1, 2 * c, k, padding=k // 2)
        # one grouped convolution holds the n depthwise ones: output channel = c index * n + n
        self.first = nn.Conv2d(c, c * n, k, padding=k // 2, groups=c)
        self.second = nn.Conv2d(c, c * n, k, padding=k // 2, groups=c)
        self.gate = nn.Linear(c if config.gate_source == "pq" else width, n, bias=False)
        if config.interaction == "concat":
            self.mix = nn.Conv2d(2 * c * n, c * n, 1, groups=n)
        if config.expert_mode == "map":
            self.to_map = nn.Conv2d(c, 1, 1)

    def forward(self, band: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Padded frames act as the zero padding of a shorter clip."""
        x = self.norm(band, mask)
        frame_mask = None if mask is None else mask[:, None, :, None].to(x.dtype)
        share = None if frame_mask is None else frame_mask.mean((1, 2, 3))[:, None]
        pq = _masked(self.split(x[:, None]), frame_mask)
        p, q = pq.chunk(2, dim=1)
        source = (p * q).mean((2, 3)) if self.config.gate_source == "pq" else x.mean(1)
        gates = torch.softmax(self.gate(source if share is None else source / share), dim=-1)
        maps = _masked(self._interact(self.first(p), self.second(q)), frame_mask)
        maps = maps.unflatten(1, (self.config.channels, self.config.n_experts))  # type: ignore[no-untyped-call]
        if self.config.expert_mode == "map":
            y = self.to_map(torch.einsum("bn,bcntd->bctd", gates, maps))[:, 0]
            return zero_padding(y, mask), gates
        response = maps.mean((1, 3, 4))
        response = response if share is None else response / share
        return x * (1 + (gates * response).sum(1))[:, None, None], gates

    def _interact(self, a: Tensor, b: Tensor) -> Tensor:
        """(B, c n, T, D) twice -> the same, channels ordered c-major."""
        if self.config.interaction == "product":
            return a * b
        if self.config.interaction == "sum":
            return a + b
        size = (self.config.channels, self.config.n_experts)
        both = torch.cat((a.unflatten(1, size), b.unflatten(1, size)), dim=1)  # type: ignore[no-untyped-call]
        mixed = self.mix(both.transpose(1, 2).flatten(1, 2))  # n groups of 2c channels
        shape = (size[1], size[0])
        return torch.flatten(mixed.unflatten(1, shape).transpose(1, 2), 1, 2)


class Sfa(nn.Module):
    """Frequency-adaptive enhancement of frame vectors.

    Args:
        width: D of the frame vectors.
        grid: rows and columns of patches, for ``fft_axes="patch-grid"``.
    """

    def __init__(self, width: int, config: SfaConfig, grid: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.config, self.grid = config, grid
        self.low = BandExperts(width, config)
        self.high = BandExperts(width, config)
        if config.merge == "concat":
            self.merge = nn.Linear(2 * width, width)
        self.project = nn.Linear(width, config.width)

    def forward(
        self, x: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Frame vectors (B,T,D), or patch tokens (B,T,P,D) for ``patch-grid`` -> frames (B,T,d),
        their mean f_s (B,d), w (B,T), zero on padding, and gates (B,2,N), of the low and the
        high band."""
        low, high = self._bands(x, mask)
        weight = self.frequency_weight(band_energy(low), band_energy(high), mask).to(low.dtype)
        if low.ndim == 4:
            # the mean of a high band is zero by definition, so its pooled form is its size
            low, high = low.mean(2), (high.square().mean(2) + self.config.eps).sqrt()
        y_low, gate_low = self.low(low, mask)
        y_high, gate_high = self.high(high, mask)
        frames = self.project(self._merge(y_low, y_high, weight[..., None]))
        gates = torch.stack((gate_low, gate_high), dim=1)
        return frames, masked_mean(frames, mask), weight, gates

    def frequency_weight(self, low: Tensor, high: Tensor, mask: Tensor | None) -> Tensor:
        """w (B,T) in 0..1 from the energies (B,T) of the bands; zero on padded frames."""
        if self.config.wf_scope == "global":
            keep = torch.ones_like(low) if mask is None else mask.to(low.dtype)
            low = (low * keep).sum(1, keepdim=True).expand_as(low)
            high = (high * keep).sum(1, keepdim=True).expand_as(high)
        part = high if self.config.energy_ratio == "high" else low
        weight = part / (high + low + self.config.eps)
        return weight if mask is None else weight * mask

    def _bands(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        config = self.config
        radius = config.radius if config.radius_mode == "normalised" else config.radius_bins
        if config.fft_axes == "patch-grid":
            # rows and columns of patches, where neighbouring bins are neighbouring places
            grid = torch.unflatten(x, 2, self.grid)
            low, high = split_bands(grid, (2, 3), radius, config.radius_mode)
            return low.flatten(2, 3), high.flatten(2, 3)
        return split_clips(
            zero_padding(x, mask), clip_lengths(mask), config.fft_axes, radius, config.radius_mode
        )

    def _merge(self, low: Tensor, high: Tensor, weight: Tensor) -> Tensor:
        if self.config.merge == "weighted":
            return (1 - weight) * low + weight * high
        if self.config.merge == "sum":
            return low + high
        merged: Tensor = self.merge(torch.cat((low, high), dim=-1))
        return merged


def _masked(x: Tensor, frame_mask: Tensor | None) -> Tensor:
    return x if frame_mask is None else x * frame_mask

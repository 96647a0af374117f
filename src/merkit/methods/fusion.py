"""Dynamic-convolution fusion of the two branches (docs/methods/sfa-dgat.md; Chen et al. 2020).

Shapes: B clips, T frames, d width of a branch, K kernels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from merkit.errors import ConfigError
from merkit.methods.masking import masked_mean, zero_padding


@dataclass(frozen=True)
class FusionConfig:
    """Settings of the fusion.

    Args:
        kernels: K [D].
        tau: temperature of the softmax over kernels; 1 leaves it out [R].
        form: ``vector`` 1x1 convolutions of [f_s || f_t]; ``conv1d`` f_t repeated beside every
            frame of F_s, convolutions over time, then the mean over frames [R].
        kernel_size: over time, for ``conv1d`` [D].
        aggregate: mix the K results, or the K kernels first; the same for linear kernels.
        width: of the fused vector [D].
    """

    kernels: int = 4
    tau: float = 1.0
    form: Literal["vector", "conv1d"] = "vector"
    kernel_size: int = 3
    aggregate: Literal["outputs", "kernels"] = "outputs"
    width: int = 256

    def __post_init__(self) -> None:
        if self.tau <= 0 or self.kernels < 1 or self.kernel_size % 2 == 0:
            raise ConfigError(
                f"fusion.tau, kernels, kernel_size are "
                f"{self.tau}, {self.kernels}, {self.kernel_size}",
                "tau above 0, at least one kernel, an odd kernel size",
            )


class DynamicFusion(nn.Module):
    """F_fused = sum_k pi_k Conv_k(F_cat), pi = softmax(W_d F_cat / tau).

    Args:
        width: of F_cat, the two branches side by side.
    """

    def __init__(self, width: int, config: FusionConfig) -> None:
        super().__init__()
        self.config = config
        size = config.kernel_size if config.form == "conv1d" else 1
        self.gate = nn.Linear(width, config.kernels, bias=False)
        # K convolutions in one: output channel = k * d + channel
        self.convolutions = nn.Conv1d(width, config.kernels * config.width, size, padding=size // 2)

    def forward(
        self, frames: Tensor, spatial: Tensor, temporal: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Fused vector (B,d) and kernel weights (B,K), which sum to one.

        Args:
            frames: F_s (B,T,d), read by ``conv1d``. spatial: f_s (B,d). temporal: f_t (B,d).
        """
        both = torch.cat((spatial, temporal), dim=-1)
        pi = torch.softmax(self.gate(both) / self.config.tau, dim=-1)
        if self.config.form == "conv1d":
            repeated = temporal[:, None].expand(*frames.shape[:2], -1)
            x = zero_padding(torch.cat((frames, repeated), dim=-1), mask).transpose(1, 2)
            return masked_mean(self._mix(x, pi).transpose(1, 2), mask), pi
        return self._mix(both[..., None], pi)[..., 0], pi

    def _mix(self, x: Tensor, pi: Tensor) -> Tensor:
        """(B, width, T) -> (B, d, T)."""
        k = self.config.kernels
        if self.config.aggregate == "outputs":
            y = self.convolutions(x)
            return torch.einsum("bk,bkdt->bdt", pi, y.reshape(len(y), k, -1, y.shape[-1]))
        weight, bias = self.convolutions.weight, self.convolutions.bias
        assert bias is not None  # Conv1d has one unless told otherwise
        kernels = torch.einsum("bk,kdws->bdws", pi, weight.reshape(k, -1, *weight.shape[1:]))
        biases = pi @ bias.reshape(k, -1)
        # clips as groups: each is convolved with its own kernel
        y = F.conv1d(
            x.reshape(1, -1, x.shape[-1]),
            kernels.flatten(0, 1),
            biases.flatten(),
            padding=self.convolutions.padding,
            groups=len(x),
        )
        return y.reshape(len(x), -1, x.shape[-1])

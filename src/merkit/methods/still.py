"""What stays of an earlier training while the rest of a network is trained on."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

N = TypeVar("N", bound=nn.Module)


class StillNorm(nn.Module):
    """What a batch normalisation computes when nothing trains it; scale and shift may be trained.
    A few clips of a fold have poorer statistics than what a network was trained on."""

    mean: Tensor
    variance: Tensor

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        self.eps, self.weight, self.bias = norm.eps, norm.weight, norm.bias
        self.register_buffer("mean", norm.running_mean.detach().clone())
        self.register_buffer("variance", norm.running_var.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,...) to the same form."""
        weight, bias = self.weight, self.bias
        return F.batch_norm(x, self.mean, self.variance, weight, bias, eps=self.eps)


def with_still_norms(network: N) -> N:
    """The network with every batch normalisation that keeps statistics made still, in place."""
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm) and child.running_mean is not None:
            setattr(network, name, StillNorm(child))
        else:
            with_still_norms(child)
    return network

"""Adam and AdamW on many trainings at once, each with its own learning rate and count of steps.

As ``torch.optim`` computes them (Kingma & Ba 2015, ICLR; Loshchilov & Hutter 2019, ICLR), with its
defaults for what :class:`merkit.training.config.TrainConfig` does not name. Shapes: F trainings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from merkit.training.config import TrainConfig

BETAS = (0.9, 0.999)
EPS = 1e-8


class StackedAdam:
    """Moves parameters (F,...) in place.

    Args:
        parameters: by name.
        settings: optimiser, weight decay and gradient clip.
    """

    def __init__(self, parameters: Mapping[str, Tensor], settings: TrainConfig) -> None:
        self.parameters, self.settings = dict(parameters), settings
        self.mean = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.square = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.count = {name: p.new_zeros(len(p)) for name, p in parameters.items()}

    @torch.no_grad()
    def step(
        self, rows: Sequence[int], grads: Mapping[str, Tensor], rates: Mapping[str, Tensor]
    ) -> None:
        """One step of the trainings ``rows``.

        Args:
            grads: (rows,...) by name; a parameter without one stays as it is.
            rates: learning rate (rows,) by name.
        """
        grads = self._clipped(grads)
        for name, grad in grads.items():
            whole = (self.parameters, self.mean, self.square, self.count)
            if list(rows) == list(range(len(self.parameters[name]))):
                self._move(grad, rates[name], *(tensors[name] for tensors in whole))
                continue
            parts = [tensors[name][list(rows)] for tensors in whole]
            self._move(grad, rates[name], *parts)
            for tensors, part in zip(whole, parts, strict=True):
                tensors[name][list(rows)] = part

    def keep(self, rows: Sequence[int], parameters: Mapping[str, Tensor]) -> None:
        """Go on with these trainings, whose parameters now lie in other tensors."""
        self.parameters = dict(parameters)
        for state in (self.mean, self.square, self.count):
            state |= {name: tensor[list(rows)] for name, tensor in state.items()}

    def _move(
        self, grad: Tensor, rate: Tensor, p: Tensor, mean: Tensor, square: Tensor, count: Tensor
    ) -> None:
        count += 1
        shape = (-1,) + (1,) * (p.ndim - 1)
        rate, n = rate.view(shape), count.view(shape).double()
        decay = self.settings.weight_decay
        if decay and self.settings.optimiser == "adamw":
            p.mul_(1 - rate * decay)
        elif decay:
            grad = grad + decay * p
        mean.lerp_(grad, 1 - BETAS[0])
        square.mul_(BETAS[1]).addcmul_(grad, grad, value=1 - BETAS[1])
        bias = ((1 - BETAS[1] ** n).sqrt()).to(p)
        size = (rate / (1 - BETAS[0] ** n)).to(p)
        p.sub_(size * mean / (square.sqrt() / bias + EPS))

    def _clipped(self, grads: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Gradients of which none of a training is longer than the limit, all parameters together
        (``torch.nn.utils.clip_grad_norm_``)."""
        limit = self.settings.gradient_clip
        if not limit:
            return grads
        norms = torch.stack([g.reshape(len(g), -1).norm(dim=1) for g in grads.values()]).norm(dim=0)
        share = (limit / (norms + 1e-6)).clamp(max=1.0)
        return {name: g * share.view((-1,) + (1,) * (g.ndim - 1)) for name, g in grads.items()}

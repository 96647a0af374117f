"""Dropout whose masks are drawn before the network is asked.

A network alone draws them as it goes, from torch's own stream. Of many trainings at once each has a
stream of its own: which masks it draws is seen once, on one training, and then replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class Mask:
    """A mask that a network asks for: numbers to be multiplied by, 0 or 1 / (1 - ``share``)."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    share: float

    def drawn(self, generator: torch.Generator) -> Tensor:
        """As ``torch.nn.functional.dropout`` draws it."""
        empty = torch.empty_strided(self.shape, self.strides, device=generator.device)
        kept = 1 - self.share
        return empty.bernoulli_(kept, generator=generator).div_(kept)


class Seen(TorchFunctionMode):
    """Notes the masks that are asked for inside."""

    def __init__(self) -> None:
        super().__init__()
        self.masks: list[Mask] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is F.dropout:
            x, share, on = _asked(*args, **(kwargs or {}))
            if on and share:
                like = torch.empty_like(x)
                self.masks.append(Mask(tuple(like.shape), like.stride(), share))
        return func(*args, **(kwargs or {}))


class Given(TorchFunctionMode):
    """Gives masks, in the order in which they are asked for."""

    def __init__(self, masks: Sequence[Tensor]) -> None:
        super().__init__()
        self.masks = iter(masks)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is F.dropout:
            x, share, on = _asked(*args, **(kwargs or {}))
            return x * next(self.masks) if on and share else x
        return func(*args, **(kwargs or {}))


def _asked(
    x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> tuple[Tensor, float, bool]:
    """The arguments of ``torch.nn.functional.dropout``."""
    return x, p, training

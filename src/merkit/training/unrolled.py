"""An LSTM as plain operations, for many trainings at once: ``torch.func.vmap`` has no rule for
torch's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class Unrolled(TorchFunctionMode):
    """Inside, ``torch.nn.LSTM`` goes step by step. One that draws dropout between its layers is
    left as it is, since it draws as torch alone knows; so is one of packed clips."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        # a tensor in the fourth place: lengths, of packed clips
        if func is torch.lstm and not kwargs and isinstance(args[3], bool):
            x, states, weights, _, n_layers, dropout, training, both_ways, batch_first = args
            if not (dropout and training and n_layers > 1):
                return lstm(x, states, weights, both_ways, batch_first)
        return func(*args, **(kwargs or {}))


def lstm(
    x: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    both_ways: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """What ``torch.lstm`` gives: outputs, and the last hidden and cell states (layers, B, H).

    Args:
        x: (T,B,D), or (B,T,D) with ``batch_first``.
        states: first hidden and cell states, (layers, B, H) each; the ways of a layer side by side.
        weights: of each layer and way: of the input, of the hidden state, and their biases if any.
    """
    x = x.transpose(0, 1) if batch_first else x
    ways = 2 if both_ways else 1
    runs = len(states[0])
    each = len(weights) // runs
    hidden, cells = [], []
    for layer in range(runs // ways):
        outputs = []
        for way in range(ways):
            run = ways * layer + way
            own = weights[each * run : each * (run + 1)]
            frames = x.flip(0) if way else x
            out, h, c = _run(frames, states[0][run], states[1][run], own)
            outputs.append(out.flip(0) if way else out)
            hidden.append(h)
            cells.append(c)
        x = torch.cat(outputs, dim=-1)
    x = x.transpose(0, 1) if batch_first else x
    return x, torch.stack(hidden), torch.stack(cells)


def _run(
    x: Tensor, h: Tensor, c: Tensor, weights: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    of_input, of_hidden, *biases = weights
    given = F.linear(x, of_input, sum(biases[1:], biases[0]) if biases else None)
    outputs = []
    for frame in given:
        let_in, forget, cell, out = (frame + F.linear(h, of_hidden)).chunk(4, dim=-1)
        c = forget.sigmoid() * c + let_in.sigmoid() * cell.tanh()
        h = out.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs), h, c

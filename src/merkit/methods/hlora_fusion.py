"""Fusion of frame vectors in HLoRA-MER: graph attention in its two forms, and pooling.

B clips, T frames, D width of a frame vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from merkit.methods.masking import masked_max, masked_mean

_POOL, _STRIDE = 5, 2  # channel window of both max-pools in the published code


@dataclass(frozen=True)
class IffaConfig:
    """Inter-frame feature aggregator of the paper.

    ``width`` d' (None: D [D]). ``neighbours``: "adaptively learned" is not defined, so ``all``
    frames [R], or the ``knn_frames`` nearest in feature space. ``include_self``: a frame is its
    own neighbour. ``pool`` over frames, eq 11 [R].
    """

    width: int | None = None
    neighbours: Literal["all", "knn"] = "all"
    knn_frames: int = 3
    include_self: bool = True
    pool: Literal["max", "mean"] = "max"


@dataclass(frozen=True)
class GatConfig:
    """Graph attention network of the published code; ``log_softmax``: over channels, at its
    end."""

    heads: int = 3
    width: int = 1000
    dropout: float = 0.1
    slope: float = 0.01
    log_softmax: bool = True


class Iffa(nn.Module):
    """Paper form: attention over edge differences, one weight a channel (eqs 8 to 11)."""

    def __init__(self, config: IffaConfig, width: int) -> None:
        super().__init__()
        self.config = config
        self.width = config.width or width
        self.project = nn.Linear(width, self.width, bias=False)

    def weights(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (B,T,D) -> a_ij (B,T,T,d') and e'_ij (B,T,T,d').

        W is linear, so W(F_i - F_j) = WF_i - WF_j and no edge needs a product of its own.
        """
        projected = self.project(frames)
        edges = projected.unsqueeze(2) - projected.unsqueeze(1)
        scores = (projected.unsqueeze(2) + edges).relu()
        hidden = ~self._neighbours(frames, mask)
        return scores.masked_fill(hidden.unsqueeze(-1), float("-inf")).softmax(dim=2), edges

    def forward(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (B,T,D), mask (B,T) -> pooled (B,d') and channel-mean attention (B,1,T,T)."""
        weights, edges = self.weights(frames, mask)
        updated = (weights * edges).sum(dim=2).relu()
        pool = masked_max if self.config.pool == "max" else masked_mean
        return pool(updated, mask), weights.mean(-1).unsqueeze(1)

    def _neighbours(self, frames: Tensor, mask: Tensor) -> Tensor:
        """bool (B,T,T): which frames j each frame i looks at; never none."""
        itself = torch.eye(frames.shape[1], dtype=torch.bool, device=frames.device)
        allowed = mask[:, None, :].expand(-1, frames.shape[1], -1)
        others = allowed & ~itself
        if self.config.neighbours == "knn":
            distance = torch.cdist(frames.float(), frames.float())
            distance = distance.masked_fill(~others, float("inf"))
            k = min(self.config.knn_frames, frames.shape[1])
            nearest = distance.topk(k, dim=-1, largest=False).indices
            others = others & torch.zeros_like(others).scatter(-1, nearest, True)
        chosen = others | itself if self.config.include_self else others
        return chosen | (itself & ~chosen.any(dim=-1, keepdim=True))


class GatHead(nn.Module):
    """Graph attention (Veličković et al. 2018), one head, as in the published code."""

    def __init__(self, width: int, out: int, config: GatConfig) -> None:
        super().__init__()
        self.config = config
        self.weight = nn.Parameter(torch.empty(width, out))
        self.attention = nn.Parameter(torch.empty(2 * out, 1))
        nn.init.xavier_uniform_(self.weight, gain=1.414)
        nn.init.xavier_uniform_(self.attention, gain=1.414)

    def forward(self, nodes: Tensor, adjacency: Tensor) -> tuple[Tensor, Tensor]:
        """Nodes (B,T,D), adjacency bool (B,T,T) -> (B,T,out) and weights (B,T,T)."""
        hidden = nodes @ self.weight
        left, right = self.attention.chunk(2)
        scores = F.leaky_relu(hidden @ left + (hidden @ right).transpose(1, 2), self.config.slope)
        weights = scores.masked_fill(~adjacency, float("-inf")).softmax(dim=-1)
        return F.dropout(weights, self.config.dropout, self.training) @ hidden, weights


class Gat(nn.Module):
    """Code form of the graph branch: heads D -> 1000, output 3000 -> D, ELU, log-softmax.

    The graph is fixed: each frame, the one before and the one after.
    """

    def __init__(self, config: GatConfig, width: int) -> None:
        super().__init__()
        self.config = config
        self.heads = nn.ModuleList(
            GatHead(width, config.width, config) for _ in range(config.heads)
        )
        self.out = GatHead(config.width * config.heads, width, config)

    def forward(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (B,T,D), mask (B,T) -> (B,T,D) and the heads' weights (B,heads,T,T)."""
        adjacency = neighbour_graph(mask)
        x = F.dropout(frames, self.config.dropout, self.training)
        pairs = [head(x, adjacency) for head in self.heads]
        x = torch.cat([F.elu(updated) for updated, _ in pairs], dim=-1)
        x = F.dropout(x, self.config.dropout, self.training)
        x = F.elu(self.out(x, adjacency)[0])
        if self.config.log_softmax:
            x = x.log_softmax(dim=-1)
        return x, torch.stack([weights for _, weights in pairs], dim=1)


def neighbour_graph(mask: Tensor) -> Tensor:
    """Tri-diagonal adjacency bool (B,T,T) of the real frames of mask (B,T); padding sees itself."""
    time = torch.arange(mask.shape[1], device=mask.device)
    near = (time[:, None] - time[None, :]).abs() <= 1
    itself = time[:, None] == time[None, :]
    return (near & mask[:, None, :]) | itself


def pool_code(x: Tensor, mask: Tensor) -> Tensor:
    """Max over the real steps of (B,T,D), then over channel windows of 5 at stride 2."""
    return F.max_pool1d(masked_max(x, mask).unsqueeze(1), _POOL, _STRIDE).squeeze(1)


def pooled_width(width: int) -> int:
    """Channels left of ``width`` after :func:`pool_code`: 1533 -> 765, 1536 -> 766."""
    return (width - _POOL) // _STRIDE + 1

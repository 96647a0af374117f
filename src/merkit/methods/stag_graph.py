"""The graph branch of STAG: evolving graph attention over facial regions (eqs 12 to 21).

B clips, T frames, N regions, K attention heads, d node width. All [R] but the figures of the
text; see :class:`merkit.methods.stag.Stag` for every setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class GraphConfig:
    """Settings of the graph branch.

    ``layers``: 3 (rows (3,3) and (4,5) of the ablation are the best; a figure shows 2).
    ``width`` d, ``embedding`` hidden width of eq 12, ``heads`` K, ``head_width`` d_k,
    ``pool_hidden`` rows of W_a (eq 18), ``output`` d_g: all [D]. ``initial_frames`` T₀ and
    ``temperature`` τ of eq 13: lost, [D]. ``initial_adjacency``: ``softmax`` [R] or ``clamp``
    (negative similarities dropped, rows normalised by their sum). ``row_normalise``: ``softmax``
    [R] or ``sum`` of the positive parts (eq 16). ``smoothing`` λ at the start of training.
    ``share_projections``: the additive term of eq 14 reads the queries and keys instead of its
    own projection. ``slope`` of its LeakyReLU [D].
    """

    layers: int = 3
    width: int = 64
    embedding: int = 64
    heads: int = 4
    head_width: int = 16
    pool_hidden: int = 64
    output: int = 128
    initial_frames: int = 3
    temperature: float = 0.1
    initial_adjacency: Literal["softmax", "clamp"] = "softmax"
    row_normalise: Literal["softmax", "sum"] = "softmax"
    smoothing: float = 0.5
    share_projections: bool = False
    slope: float = 0.2


def initial_adjacency(nodes: Tensor, mask: Tensor, config: GraphConfig) -> Tensor:
    """Eq 13: similarity of the regions over the first T₀ real frames; rows sum to one.

    Args:
        nodes: (B,T,N,d) embedded motion; mask: (B,T) bool.

    Returns:
        A₀ (B,N,N).
    """
    early = mask[:, : config.initial_frames, None, None].to(nodes.dtype)
    count = early.sum(dim=1).clamp(min=1)
    mean = (nodes[:, : config.initial_frames] * early).sum(dim=1) / count
    unit = nn.functional.normalize(mean, dim=-1)
    cosine = unit @ unit.transpose(-1, -2)
    if config.initial_adjacency == "softmax":
        return (cosine / config.temperature).softmax(dim=-1)
    return _by_sum(cosine)


def smooth_adjacency(scores: Tensor, start: Tensor, mask: Tensor, keep: Tensor) -> Tensor:
    """Eq 16: A_t = λ A_{t-1} + (1 - λ) S_t; over padding A stays as it is.

    Args:
        scores: S (B,T,N,N), rows sum to one.
        start: A₀ (B,N,N).
        mask: (B,T) bool.
        keep: λ, a scalar tensor in (0,1).
    """
    weight = torch.where(mask, keep, torch.ones_like(keep))[:, :, None, None]
    scores, current = scores.to(weight.dtype), start.to(weight.dtype)  # mixed under autocast
    steps = []
    for t in range(scores.shape[1]):
        current = torch.lerp(scores[:, t], current, weight[:, t])
        steps.append(current)
    return torch.stack(steps, dim=1)


class GraphAttention(nn.Module):
    """One E-GAT layer (eqs 14 to 17)."""

    def __init__(self, config: GraphConfig, regions: int, dropout: float) -> None:
        super().__init__()
        self.config = config
        inner = config.heads * config.head_width
        self.query = nn.Linear(config.width, inner)
        self.key = nn.Linear(config.width, inner)
        if not config.share_projections:
            self.additive = nn.Linear(config.width, inner, bias=False)
        self.left = nn.Parameter(torch.empty(config.heads, config.head_width))
        self.right = nn.Parameter(torch.empty(config.heads, config.head_width))
        nn.init.xavier_uniform_(self.left)
        nn.init.xavier_uniform_(self.right)
        self.bias = nn.Parameter(torch.zeros(regions, regions))
        self.self_loop = nn.Parameter(torch.zeros(()))
        self.smoothing = nn.Parameter(torch.logit(torch.tensor(config.smoothing)))
        self.value = nn.Linear(config.width, config.width, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(config.width)

    def scores(self, nodes: Tensor, unit_bias: Tensor | None = None) -> Tensor:
        """Eqs 14 and 15: head-averaged edge scores (B,T,N,N) of nodes (B,T,N,d).

        ``unit_bias`` (B,N,N) is added to b_ij: the experimental connectivity from action units.
        """
        q, k = self.query(nodes), self.key(nodes)
        # the mean over heads of their dot products is one product over all their channels
        dot = q @ k.transpose(-1, -2) * (self.config.head_width**-0.5 / self.config.heads)
        own = None if self.config.share_projections else self.additive(nodes)
        left = torch.einsum("btikc,kc->btki", self._heads(q if own is None else own), self.left)
        right = torch.einsum("btjkc,kc->btkj", self._heads(k if own is None else own), self.right)
        pair = nn.functional.leaky_relu(left.unsqueeze(-1) + right.unsqueeze(-2), self.config.slope)
        loop = self.self_loop * torch.eye(nodes.shape[2], dtype=nodes.dtype, device=nodes.device)
        mean: Tensor = dot + pair.mean(dim=2) + self.bias + loop
        return mean if unit_bias is None else mean + unit_bias.unsqueeze(1)

    def forward(
        self, nodes: Tensor, start: Tensor, mask: Tensor, unit_bias: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Nodes (B,T,N,d) and A₀ (B,N,N) -> updated nodes and A_t (B,T,N,N)."""
        scores = self.scores(nodes, unit_bias)
        rows = scores.softmax(-1) if self.config.row_normalise == "softmax" else _by_sum(scores)
        adjacency = smooth_adjacency(rows, start, mask, self.smoothing.sigmoid())
        return self.norm(nodes + self.dropout(adjacency @ self.value(nodes))), adjacency

    def _heads(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.config.heads, -1)


class GraphBranch(nn.Module):
    """Region embedding, stacked E-GAT layers, temporal attention pooling (eqs 12 to 21)."""

    def __init__(self, config: GraphConfig, regions: int, dropout: float) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Sequential(
            nn.Linear(2, config.embedding), nn.GELU(), nn.Linear(config.embedding, config.width)
        )
        self.layers = nn.ModuleList(
            GraphAttention(config, regions, dropout) for _ in range(config.layers)
        )
        self.pool = nn.Linear(regions * config.width, config.pool_hidden)
        self.context = nn.Linear(config.pool_hidden, 1, bias=False)
        self.project = nn.Linear(regions * config.width, config.output)

    def forward(
        self, flow: Tensor, mask: Tensor, unit_bias: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Flow (B,T,N,2) and mask (B,T) -> nodes Z_g (B,N,d), their summary g (B,d_g), β (B,T),
        and A_t of every layer (B,layers,T,N,N)."""
        nodes = self.embed(flow)
        start = initial_adjacency(nodes, mask, self.config)
        history = []
        for layer in self.layers:
            nodes, adjacency = layer(nodes, start, mask, unit_bias)
            history.append(adjacency)
        score = self.context(self.pool(nodes.flatten(2)).tanh()).squeeze(-1)
        beta = score.masked_fill(~mask, float("-inf")).softmax(dim=-1)
        pooled = torch.einsum("bt,btnd->bnd", beta, nodes)
        kept = torch.stack(history, dim=1) if history else start[:, None, None]
        return pooled, self.project(pooled.flatten(1)), beta, kept


def _by_sum(scores: Tensor) -> Tensor:
    """Rows of the positive parts, divided by their sum; an all-negative row becomes uniform."""
    positive = scores.clamp(min=0) + 1e-6
    return positive / positive.sum(dim=-1, keepdim=True)

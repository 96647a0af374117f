"""The temporal branch of STAG and its fusion with the graph branch (eqs 22 to 31).

B clips, T frames, N regions, d_t width of a frame token, d_f width of the fusion space.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from merkit.methods.masking import attend, masked_mean
from merkit.methods.stag_graph import GraphConfig


@dataclass(frozen=True)
class TemporalConfig:
    """Settings of the transformer branch: ``layers`` 3 (the ablation tries 3 to 5), ``width``
    d_t, ``heads``, ``feed_forward`` hidden width: all [D] (the dimension table is lost)."""

    layers: int = 3
    width: int = 128
    heads: int = 4
    feed_forward: int = 256


@dataclass(frozen=True)
class CrossFusionConfig:
    """Settings of the cross-attention: ``width`` d_f and ``heads`` [D]. ``residual``: eqs 29
    and 30 add the fused token to the branch summary [R]; without it the literal text, in
    which eqs 21 and 25 are dead."""

    width: int = 128
    heads: int = 4
    residual: bool = True


class MultiHead(nn.Module):
    """Multi-head attention; see :func:`merkit.methods.masking.attend`."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, hidden: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Queries (B,L,d), keys and values (B,S,d), ``hidden`` (B,S) True where no query may
        look -> (B,L,d) and weights (B,heads,L,S)."""
        q, k, v = self.query(queries), self.key(keys), self.value(values)
        mixed, weights = attend(q, k, v, self.heads, hidden, self.dropout)
        return self.out(mixed), weights


class TransformerBlock(nn.Module):
    """Pre-norm block (eqs 23 and 24)."""

    def __init__(self, config: TemporalConfig, dropout: float) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(config.width)
        self.attention = MultiHead(config.width, config.heads, dropout)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(config.width),
            nn.Linear(config.width, config.feed_forward),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(config.feed_forward, config.width),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B,L,d_t) -> same, and the weights (B,heads,L,L)."""
        normed = self.norm_attention(x)
        mixed, weights = self.attention(normed, normed, normed, hidden)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.feed_forward(x)), weights


class TemporalBranch(nn.Module):
    """Transformer over frames with a class token (eqs 22 to 25).

    Args:
        regions: N; a frame token is the linear map of its 2N motion values.
        frames: largest T, length of the table of positions.
    """

    def __init__(self, config: TemporalConfig, regions: int, frames: int, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Linear(2 * regions, config.width)
        self.cls_token = nn.Parameter(torch.randn(1, 1, config.width) * 0.02)
        self.position = nn.Parameter(torch.randn(1, frames + 1, config.width) * 0.02)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(TransformerBlock(config, dropout) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, flow: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Flow (B,T,N,2) and mask (B,T) -> frames Z_T (B,T,d_t), their summary z (B,d_t), and
        attention (B,layers,heads,T+1,T+1) with the class token first."""
        tokens = self.embed(flow.flatten(2))
        tokens = torch.cat([self.cls_token.expand(flow.shape[0], -1, -1), tokens], dim=1)
        tokens = self.dropout(tokens + self.position[:, : tokens.shape[1]])
        hidden = nn.functional.pad(~mask, (1, 0), value=False)
        maps = []
        for layer in self.layers:
            tokens, weights = layer(tokens, hidden)
            maps.append(weights)
        attention = torch.stack(maps, dim=1) if maps else tokens.new_zeros(0)
        return tokens[:, 1:], self.norm(tokens[:, 0]), attention


class CrossFusion(nn.Module):
    """Bidirectional cross-attention of regions and frames (eqs 26 to 30)."""

    def __init__(
        self,
        config: CrossFusionConfig,
        graph: GraphConfig,
        temporal: TemporalConfig,
        dropout: float,
    ) -> None:
        super().__init__()
        self.residual = config.residual
        self.from_nodes = nn.Linear(graph.width, config.width)
        self.from_frames = nn.Linear(temporal.width, config.width)
        self.regions_read_frames = MultiHead(config.width, config.heads, dropout)
        self.frames_read_regions = MultiHead(config.width, config.heads, dropout)
        self.to_graph = nn.Linear(config.width, graph.output)
        self.to_temporal = nn.Linear(config.width, temporal.width)

    def forward(
        self, nodes: Tensor, frames: Tensor, g: Tensor, z: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Nodes (B,N,d), frames (B,T,d_t), summaries g (B,d_g) and z (B,d_t), mask (B,T) ->
        g* (B,d_g), z* (B,d_t), and the cross-attention weights of the regions on frames
        (B,heads,N,T) and of the frames on regions (B,heads,T,N)."""
        regions, times = self.from_nodes(nodes), self.from_frames(frames)
        read, to_frames = self.regions_read_frames(regions, times, times, ~mask)
        seen, to_regions = self.frames_read_regions(times, regions, regions, None)
        graph = self.to_graph((regions + read).mean(dim=1))
        temporal = self.to_temporal(masked_mean(times + seen, mask))
        if self.residual:
            graph, temporal = g + graph, z + temporal
        return graph, temporal, to_frames, to_regions

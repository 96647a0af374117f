"""Dynamic Graph Attention Temporal network (DGAT): frames as a graph (docs/methods/sfa-dgat.md).

Shapes: B clips, T frames, D features, H heads, d_k = D/H.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from merkit.config import check_settings
from merkit.errors import ConfigError
from merkit.methods.masking import clip_lengths, masked_max, split_heads

Modulation = Literal["exp", "product", "absdiff"]
_ACTIVATIONS = {"elu": nn.ELU, "relu": nn.ReLU, "none": nn.Identity}


@dataclass(frozen=True)
class DgatConfig:
    """Settings of DGAT; what the source leaves open is marked [R] or [D] as in
    docs/methods/sfa-dgat.md.

    Args:
        heads: H [D]; D must be a multiple.
        slope: of LeakyReLU in the additive score [D].
        score: ``dot`` (W_q h_i)(W_k h_j)/sqrt(d_k); ``gat`` LeakyReLU(a [Wh_i || Wh_j])
            (Velickovic et al. 2018); ``sum`` of both [R].
        modulation: consistency m_ij of two frames' frequency weights: exp(-|w_i - w_j|),
            w_i w_j, or 1 - |w_i - w_j| [R].
        lambda_init: initial value of the learnable factor of m [D].
        adjacency: ``full`` all ones with self-loops, or a temporal ``band`` of frames at most
            ``band_width`` apart [R].
        activation: after the weighted sum of neighbours [R].
        second_attention: attend once more over the concatenated heads, before W_o [R].
        use_lstm: Table A2 of the paper ablates it.
        lstm_hidden, lstm_layers, lstm_bidirectional, lstm_dropout: [D], framework defaults.
        width: of f_t; a linear layer makes it so where the LSTM's output differs.
    """

    heads: int = 4
    slope: float = 0.2
    score: Literal["dot", "gat", "sum"] = "dot"
    modulation: Modulation = "exp"
    lambda_init: float = 0.1
    adjacency: Literal["full", "band"] = "full"
    band_width: int = 1
    activation: Literal["elu", "relu", "none"] = "elu"
    second_attention: bool = False
    use_lstm: bool = True
    lstm_hidden: int = 256
    lstm_layers: int = 1
    lstm_bidirectional: bool = False
    lstm_dropout: float = 0.0
    width: int = 256

    def __post_init__(self) -> None:
        sizes = ("heads", "lstm_hidden", "lstm_layers", "width")
        wanted = {name: (getattr(self, name) >= 1, "1 or more") for name in sizes}
        wanted["band_width"] = (self.band_width >= 0, "0 frames or more")
        check_settings(self, "dgat", wanted)


def frame_consistency(weight: Tensor, modulation: Modulation) -> Tensor:
    """m_ij (B,T,T) of frequency weights w (B,T); constant w gives constant m."""
    a, b = weight[:, :, None], weight[:, None, :]
    if modulation == "product":
        return a * b
    difference = (a - b).abs()
    return torch.exp(-difference) if modulation == "exp" else 1 - difference


class FrameAttention(nn.Module):
    """Attention of frames on frames: softmax over neighbours of score + lambda m.

    Args:
        width: D.
        heads: H.
        config: score, slope, adjacency, modulation.
    """

    def __init__(self, width: int, heads: int, config: DgatConfig) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError(
                f"{heads} attention heads (dgat.heads) on frame vectors of width {width}",
                "a width that is a multiple of the heads",
            )
        self.heads, self.config = heads, config
        if config.score != "gat":
            self.query = nn.Linear(width, width, bias=False)
            self.key = nn.Linear(width, width, bias=False)
        if config.score != "dot":
            self.source = nn.Parameter(torch.empty(heads, width // heads))
            self.target = nn.Parameter(torch.empty(heads, width // heads))
            nn.init.xavier_uniform_(self.source)
            nn.init.xavier_uniform_(self.target)
        self.modulation = nn.Parameter(torch.tensor(config.lambda_init))

    def forward(
        self, h: Tensor, values: Tensor, weight: Tensor | None, mask: Tensor | None
    ) -> Tensor:
        """Attention (B,H,T,T), rows summing to one.

        Args:
            h: frame vectors (B,T,D). values: W h by head (B,H,T,D/H), for the additive score.
            weight: frequency weights (B,T), or None for no modulation. mask: (B,T).
        """
        score = self._score(h, values)
        if weight is not None:
            m = frame_consistency(weight, self.config.modulation)
            score = score + self.modulation * m[:, None]
        allowed = self._adjacency(h.shape[1], h.device)
        if mask is not None:
            # a padded frame sees itself alone, so that its row is finite; nothing reads it
            real = mask[:, None, None, :] & mask[:, None, :, None]
            own = torch.eye(h.shape[1], dtype=torch.bool, device=h.device)
            allowed = (allowed & real) | own
        return torch.softmax(score.masked_fill(~allowed, -torch.inf), dim=-1)

    def _score(self, h: Tensor, values: Tensor) -> Tensor:
        parts = []
        if self.config.score != "gat":
            q, k = split_heads(self.query(h), self.heads), split_heads(self.key(h), self.heads)
            parts.append(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5)
        if self.config.score != "dot":
            own = torch.einsum("bhtd,hd->bht", values, self.source)
            other = torch.einsum("bhtd,hd->bht", values, self.target)
            parts.append(F.leaky_relu(own[..., None] + other[:, :, None], self.config.slope))
        score: Tensor = parts[0] if len(parts) == 1 else parts[0] + parts[1]
        return score

    def _adjacency(self, n_frames: int, device: torch.device) -> Tensor:
        """Neighbours of each frame, bool (T,T), always with itself."""
        if self.config.adjacency == "full":
            return torch.ones(n_frames, n_frames, dtype=torch.bool, device=device)
        t = torch.arange(n_frames, device=device)
        return (t[:, None] - t).abs() <= self.config.band_width


class GraphLayer(nn.Module):
    """One graph attention layer: h' = LayerNorm(h + W_o concat_heads sigma(sum_j a_ij W h_j)).

    Args:
        width: D.
    """

    def __init__(self, width: int, config: DgatConfig) -> None:
        super().__init__()
        self.config = config
        self.value = nn.Linear(width, width, bias=False)
        self.attention = FrameAttention(width, config.heads, config)
        if config.second_attention:
            self.second = FrameAttention(width, 1, config)
        self.activate = _ACTIVATIONS[config.activation]()
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(
        self, h: Tensor, weight: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """(B,T,D) -> (B,T,D) and attention (B,H,T,T)."""
        values = split_heads(self.value(h), self.config.heads)
        attention = self.attention(h, values, weight, mask)
        mixed = self.activate((attention @ values).transpose(1, 2).flatten(2))
        if self.config.second_attention:
            beta = self.second(mixed, split_heads(mixed, 1), weight, mask)
            mixed = (beta @ mixed[:, None])[:, 0]
        return self.norm(h + self.out(mixed)), attention


class Dgat(nn.Module):
    """Graph layer, LSTM over time, maximum over frames: (B,T,D) -> f_t (B,d).

    Args:
        width: D of the frame vectors.
    """

    def __init__(self, width: int, config: DgatConfig) -> None:
        super().__init__()
        self.config = config
        self.graph = GraphLayer(width, config)
        out = width
        if config.use_lstm:
            self.lstm = nn.LSTM(
                width,
                config.lstm_hidden,
                config.lstm_layers,
                batch_first=True,
                dropout=config.lstm_dropout,
                bidirectional=config.lstm_bidirectional,
            )
            out = config.lstm_hidden * (2 if config.lstm_bidirectional else 1)
        self.project = nn.Identity() if out == config.width else nn.Linear(out, config.width)

    def forward(
        self, x: Tensor, weight: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns f_t (B,d) and attention (B,H,T,T).

        Args:
            x: frame vectors (B,T,D). weight: frequency weights (B,T) or None. mask: (B,T).
        """
        h, attention = self.graph(x, weight, mask)
        if self.config.use_lstm:
            h = self._over_time(h, mask)
        return self.project(masked_max(h, mask)), attention

    def _over_time(self, h: Tensor, mask: Tensor | None) -> Tensor:
        """LSTM over the real frames; padded ones come back zero."""
        lengths = clip_lengths(mask)
        if lengths is None:
            out: Tensor = self.lstm(h)[0]
            return out
        packed = pack_padded_sequence(h, lengths.cpu(), batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=h.shape[1]
        )
        return out
